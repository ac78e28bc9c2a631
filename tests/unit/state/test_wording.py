"""Values are spelled as in JSON, answers are said once, and long lines are wrapped, not cut."""

import pytest

from state.wording import answer_text, clipped, count_text, pairs_text, value_text, wrapped


def test_values_are_spelled_as_in_a_runbook():
    assert pairs_text({"drained": True, "left": None, "name": "a b", "n": 3}) == (
        "drained=true left=null name=a b n=3"
    )
    assert value_text([True, {"a": False}]) == '[true, {"a": false}]'


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")]
)  # fmt: skip
def test_one_is_not_many(number, said):
    assert count_text(number, "entry", "entries") == said
    assert count_text(number, "run").endswith("s") is (number != 1)


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        ("NO_FILE", "NO_FILE: NO_FILE: gone", "NO_FILE: gone"),
        ("NO_FILE", "NO_FILE: gone", "NO_FILE: gone"),
        ("429", "429: {}", "429"),
        ("429", "{}", "429"),
        ("429", "429", "429"),
        ("ok", "", "ok"),
        ("", "gone", "gone"),
        ("4", "42 apples", "4: 42 apples"),
        ("no_credential", "no secret called X", "no_credential: no secret called X"),
    ],
)
def test_an_answer_is_said_once(code, detail, said):
    assert answer_text(code, detail) == said


def test_what_is_clipped_ends_with_a_whole_word():
    assert clipped("roll back or abort", 15) == "roll back or…"
    assert clipped("roll back or abort", 18) == "roll back or abort"
    assert clipped("x" * 50, 10) == "x" * 9 + "…"  # no word ends near


@pytest.mark.parametrize("width", [40, 60, 100])
def test_wrapped_lines_keep_every_word(width):
    text = "  said     " + "one two-three four/five " * 12
    lines = wrapped(text, width, hang=11)
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(line.startswith(" " * 11) for line in lines[1:])
