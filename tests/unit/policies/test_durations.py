import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies import durations
from policies.step import Check


@pytest.mark.parametrize(
    ("text", "ms"),
    [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000), ("0s", 0)],
)
def test_a_duration_is_whole_milliseconds(text, ms):
    assert durations.parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "30 s",
        " 30s",
        "30s\n",
        "1.5s",
        "-1s",
        "+1s",
        "1e3s",
        "05s",
        "30S",
        "1w",
        "1h30m",
        "٣s",
        "999d",
        "1_0s",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="a duration is"):
        durations.parse(text)


@given(st.integers(min_value=0, max_value=durations.LONGEST_MS))
def test_what_is_written_is_read_back(ms):
    written = durations.text(ms)
    if len(written) <= 11:  # at most nine digits are read
        assert durations.parse(written) == ms


def test_a_negative_span_cannot_be_written():
    with pytest.raises(ValueError, match="not negative"):
        durations.text(-1)


def test_a_file_gives_no_bare_number_and_code_gives_milliseconds():
    with pytest.raises(ValidationError, match="unit"):
        Check.model_validate_json('{"id": "a", "expect": "x", "within": 30}')
    assert Check(id="a", expect="x", within=30).within_ms == 30
    assert Check.model_validate_json('{"id": "a", "expect": "x", "within": "30s"}').within_ms == 30_000


def test_a_step_between_two_reads_is_longer_than_nothing():
    with pytest.raises(ValidationError, match="longer than nothing"):
        Check.model_validate_json('{"id": "a", "expect": "x", "every": "0s"}')
