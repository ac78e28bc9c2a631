"""Times as entries hold them: always UTC, always of one width, and nothing without a zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from state import instants

NOON = "2026-11-23T12:00:00.000000Z"


def test_every_zone_becomes_utc_in_one_width() -> None:
    plus_two = datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2)))
    assert instants.iso(plus_two) == NOON
    assert instants.iso(plus_two + timedelta(microseconds=1)) == "2026-11-23T12:00:00.000001Z"
    assert instants.parse("2026-11-23T14:00:00+02:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        instants.iso(datetime(2026, 11, 23, 12))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="without a zone: '2026-11-23T12:00:00'"):
        instants.parse("2026-11-23T12:00:00")


@pytest.mark.parametrize("seconds", [0, 0.25, 90, -3600.5])
def test_what_is_so_much_later_is_so_far_away(seconds: float) -> None:
    later = instants.after(NOON, seconds)
    assert instants.seconds_between(NOON, later) == seconds
    assert instants.seconds_between(later, NOON) == -seconds
    assert (later > NOON) is (seconds > 0)  # as text too
