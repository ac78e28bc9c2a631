import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import canonical
from tools.errors import UnreadableReplyError
from tools.result import conform, parse_json


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"",
        b"{",
        b'{"a": 1} trailing',
        b"\xff\xfe",
        b"'single'",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_not_strict_json_is_unreadable(body):
    with pytest.raises(UnreadableReplyError):
        parse_json(body)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("5.0", 5),
        ("-0.0", 0),
        ("5e2", 500),
        ("9007199254740991", 9007199254740991),
        ("9007199254740992", "9007199254740992"),
        ("2.50", "2.50"),
        ("1e400", "1e400"),
        ("1e999999999", "1e999999999"),
        ("1" * 5000, "1" * 5000),
        ("1e99999999999999999999999", "1e99999999999999999999999"),
    ],
)
def test_a_number_is_an_integer_or_its_text(text, value):
    assert parse_json(text.encode()) == value
    assert type(parse_json(text.encode())) is type(value)


SHAPE = {
    "seats": "integer",
    "plan": "string",
    "on": "boolean",
    "tags": ["string"],
    "in": {"x": "integer"},
    "note?": "string",
}
VALUE = {"seats": 5, "plan": "pro", "on": True, "tags": ["a"], "in": {"x": 1, "more": 2}, "other": "dropped"}


def test_the_declared_fields_are_kept_and_no_others():
    assert conform(VALUE, SHAPE) == {"seats": 5, "plan": "pro", "on": True, "tags": ["a"], "in": {"x": 1}}
    assert conform(VALUE | {"note": "n"}, SHAPE)["note"] == "n"
    assert conform(None, {}) == {}
    assert conform("anything", {}) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"seats": "5"},
        {"seats": True},
        {"seats": None},
        {"plan": 5},
        {"on": 1},
        {"on": "true"},
        {"tags": "a"},
        {"tags": [1]},
        {"tags": None},
        {"in": []},
        {"in": {}},
        {"note": 5},
        {"plan": "\ud800"},
    ],
)
def test_a_field_of_another_type_is_unreadable(change):
    with pytest.raises(UnreadableReplyError):
        conform(VALUE | change, SHAPE)


@pytest.mark.parametrize("name", ["seats", "plan", "on", "tags", "in"])
def test_a_missing_field_is_unreadable(name):
    with pytest.raises(UnreadableReplyError, match=name):
        conform({k: v for k, v in VALUE.items() if k != name}, SHAPE)


def test_any_keeps_what_an_entry_can_hold():
    assert conform({"json": {"a": [1, None, "x"]}}, {"json": "any"}) == {"json": {"a": [1, None, "x"]}}
    for value in ({"ключ": 1}, 1.5, "\ud800", 2**60):
        with pytest.raises(UnreadableReplyError):
            conform({"json": value}, {"json": "any"})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_conforms_can_stand_in_an_entry(value):
    import json

    try:
        kept = conform({"json": parse_json(json.dumps(value).encode())}, {"json": "any"})
    except UnreadableReplyError:
        return
    canonical.dumps(kept)


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_else(body):
    with contextlib.suppress(UnreadableReplyError):
        parse_json(body)
