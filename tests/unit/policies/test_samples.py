"""Texts that a pattern takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.patterns import pattern_flaw
from policies.samples import texts


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^acc-[0-9]{1,9}$", ("acc-0", "acc-1", "acc-2")),
        ("^[a-z][a-z0-9-]{1,30}$", ("aa", "ab", "ac")),
        ("^g-[0-9]+$", ("g-0", "g-1", "g-2")),
        ("^(on|off)$", ("on", "off")),
        (r"^\d$", ("0", "1", "2")),
        ("^ö$", ("ö",)),
        ("^[^a-z]$", ("0", "1", "2")),
        ("a{17}", ("a" * 17,)),
        ("x?", ("x", "")),
    ],
)
def test_a_few_and_the_same_each_time(pattern, found):
    assert texts(pattern, 3) == found


def test_nothing_where_nothing_is_found():
    assert texts("[\x00\x01]") == ()


PIECES = st.sampled_from(["a", "[a-c]", "[0-9]{2,3}", "(x|yz)", "-?", "q*", r"\w", "."])


@given(st.lists(PIECES, max_size=5).map("".join))
def test_whatever_is_given_matches(pattern):
    if pattern_flaw(pattern) is None:
        found = texts(pattern, 4)
        assert found
        assert all(re.fullmatch(pattern, text) for text in found)
