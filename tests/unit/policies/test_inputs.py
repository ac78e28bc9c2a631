"""Inputs are judged by the one rule for values: exact types, whole text, ASCII digits and letters."""

import pytest

from policies.contract import BooleanSpec, IntegerSpec, StringSpec
from policies.inputs import described, read_inputs, value_flaw

DIGITS = StringSpec(type="string", pattern=r"\d+\w*")
COUNT = IntegerSpec(type="integer", minimum=1, maximum=20)
FLAG = BooleanSpec(type="boolean")


@pytest.mark.parametrize("text", ["\u0661\u0662", "12\u00e9", "12\n", " 12", ""])
def test_a_pattern_is_matched_against_all_of_the_text_in_ascii(text):
    assert value_flaw(DIGITS, "12a") is None
    assert r"does not match \d+\w*" in value_flaw(DIGITS, text)


def test_text_that_a_pattern_would_take_may_still_hide_something():
    assert "holds" in value_flaw(StringSpec(type="string"), "a\u202eb")


@pytest.mark.parametrize("text", ["\u0661", "01", "+1", "-0", "1.0", "1e1", " 1", "21", "0", "9" * 30, "yes"])
def test_a_text_door_reads_a_number_in_one_way_only(text):
    assert read_inputs({"n": COUNT}, {"n": "20"}, text_door=True) == ({"n": 20}, [])
    typed, (wrong,) = read_inputs({"n": COUNT}, {"n": text}, text_door=True)
    assert (typed, wrong.name, wrong.code) == ({}, "n", "bad_input")


@pytest.mark.parametrize("value", ["1", 1.0, True, None, [1]])
def test_a_json_door_converts_nothing(value):
    assert read_inputs({"n": COUNT}, {"n": 1}, text_door=False) == ({"n": 1}, [])
    _, (wrong,) = read_inputs({"n": COUNT}, {"n": value}, text_door=False)
    assert wrong.code == "bad_input"


@pytest.mark.parametrize("text", ["True", "1", "yes", "true "])
def test_true_and_false_are_said_in_one_way_each(text):
    assert read_inputs({"f": FLAG}, {"f": "false"}, text_door=True) == ({"f": False}, [])
    _, (wrong,) = read_inputs({"f": FLAG}, {"f": text}, text_door=True)
    assert wrong.code == "bad_input"


def test_what_is_missing_or_unknown_is_told_with_what_is_asked_for():
    _, wrong = read_inputs({"n": COUNT}, {"m": "1"}, text_door=True)
    assert {(w.name, w.code) for w in wrong} == {("n", "missing_input"), ("m", "unknown_input")}
    assert any(described(COUNT) in w.why for w in wrong)
