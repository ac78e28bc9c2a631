import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.patterns import pattern_flaw
from policies.text import flaw, hidden


@pytest.mark.parametrize(
    "text", ["", "checkout", "Привет, мир", "café", "naïve — “quoted” …", "東京", "a\nb", "Ωμέγα", "µs"]
)
def test_text_with_one_reading_is_taken(text):
    assert flaw(text) is None


@pytest.mark.parametrize(
    ("text", "code", "index"),
    [
        ("a\u202eb", "hidden_character", 1),
        ("ab\u200b", "hidden_character", 2),
        ("\ufeffa", "hidden_character", 0),
        ("a\u00adb", "hidden_character", 1),
        ("\U000e0061", "hidden_character", 0),
        ("a\x00", "hidden_character", 1),
        ("a\x1b[31m", "hidden_character", 1),
        ("a\tb", "hidden_character", 1),
        ("a\rb", "hidden_character", 1),
        ("\ud800", "hidden_character", 0),
        ("\ue000", "hidden_character", 0),
        ("a\u3164b", "hidden_character", 1),
        ("a\u00a0b", "look_alike", 1),
        ("\uff0e\uff0e\uff0f", "look_alike", 0),
        ("\uff41", "look_alike", 0),
        ("\U0001d41a", "look_alike", 0),
        ("\u2100", "look_alike", 0),
        ("e\u0301", "not_composed", 0),
        ("p\u0430yments", "look_alike", 1),
        ("prod-1\u0430", "look_alike", 6),
    ],
)
def test_text_with_two_readings_is_not(text, code, index):
    found = flaw(text)
    assert (found.code, found.index) == (code, index)
    assert all(c.isascii() for c in found.why)


def test_a_line_break_is_taken_only_where_it_is_allowed():
    assert flaw("a\nb", allowed="").code == "hidden_character"
    assert hidden("a\tb", allowed="\t") is None


@given(st.text(max_size=30))
def test_what_is_taken_is_composed_and_prints(text):
    if flaw(text) is None:
        assert unicodedata.normalize("NFC", text) == text
        assert all(c == "\n" or c.isprintable() for c in text)
        text.encode()


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z][a-z0-9-]{1,30}$",
        "^acc-[0-9]{1,9}$",
        "(a|b)+c",
        "^[a-z]+-[a-z]+-[a-z]+-[0-9]+$",
        "^[^@]+@[a-z.]+$",
        ".*x.*",
        "(foo|bar){1,5}",
        r"\w+ \w+ \w+ \w+",
        "a*b*",
        "([a-z]{1,4}-){1,5}x",
        "^[a-z]{1,40}(-[0-9]{1,9})?$",
        "^g-[0-9]+$",
        "",
        r"\d+\.\d+",
    ],
)
def test_a_pattern_that_runs_in_time_is_taken(pattern):
    assert pattern_flaw(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(aa?)+",
        "(a|ab|b)*c",
        "(foo|bar)*",
        ".*.*.*",
        "a*a*a*a*b",
        "[a-z]+x[a-z]+y[a-z]+",
        r"\w+-?\w+-?\w+",
        "(a*)(a*)(a*)",
        "a*(b|)a*(b|)a*",
        "a*b?a*b?a*",
        "([a-z]+){1,5}x",
        "(x[a-z]*)?(x[a-z]*)?(x[a-z]*)?",
        "([a-z]+)*$",
        "(a*)*",
        "((a|b)+c?)+",
        "(.{1,100}){1,100}",
        "(",
        "a{2,1}",
        "[",
        "(?=a)b",
        r"(a)\1",
        "(?<!x)y",
        "x" * 501,
    ],
)
def test_a_pattern_that_can_crawl_or_is_none_is_not(pattern):
    assert pattern_flaw(pattern) is not None


@pytest.mark.parametrize(
    "pattern", ["^[a-z]+-[a-z]+-[a-z]+-[0-9]+$", ".*x.*", "^[^@]+@[a-z.]+$", "^[a-z][a-z0-9-]{1,30}$"]
)
def test_no_text_of_the_greatest_length_makes_a_pattern_crawl(pattern):
    assert pattern_flaw(pattern) is None
    for text in ("a" * 2000, "ab-" * 666, "a-" * 1000, "x" * 1999 + "!"):
        started = time.process_time()
        re.fullmatch(pattern, text, re.ASCII)
        assert time.process_time() - started < 0.5
