from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.delegation import Window, matches


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("prod/checkout", "prod/checkout", True),
        ("prod/checkout", "prod/checkout-2", False),
        ("staging/*", "staging/a", True),
        ("staging/*", "staging/a/b", False),
        ("staging/*", "staging/", False),
        ("staging/*", "staging", False),
        ("*", "a", True),
        ("*", "a/b", False),
        ("supervisor:prod-*/checkout", "supervisor:prod-1/checkout", True),
        ("supervisor:prod-*/checkout", "supervisor:prod-/checkout", True),
        ("supervisor:prod-*/checkout", "supervisor:prod-1/x/checkout", False),
        ("a*b*c", "axbyc", True),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("[ab]", "a", False),
        ("a?c", "abc", False),
        ("A/b", "a/b", False),
    ],
)
def test_a_star_stays_in_its_segment(pattern, text, found):
    assert matches(pattern, text) is found


NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
SEGMENT = st.text(alphabet="ab-", min_size=1, max_size=6)


@given(st.lists(SEGMENT, min_size=1, max_size=3), st.lists(SEGMENT, min_size=1, max_size=3))
def test_a_pattern_without_a_star_matches_itself_only(one, other):
    assert matches("/".join(one), "/".join(other)) is (one == other)


@given(SEGMENT, SEGMENT, st.text(alphabet="ab-", max_size=4))
def test_a_star_is_any_text(head, tail, middle):
    assert matches(f"{head}*{tail}", head + middle + tail)


WEEKEND = Window.model_validate_json(
    '{"closed": {"from": "Fri 16:00", "until": "Mon 08:00"}, "zone": "Europe/Berlin"}'
)
NOON = Window.model_validate_json('{"closed": {"from": "Tue 12:00", "until": "Tue 13:00"}}')


@pytest.mark.parametrize(
    ("window", "moment", "closed"),
    [
        (WEEKEND, "2026-11-27T14:59:59Z", False),  # Friday 15:59:59 in Berlin
        (WEEKEND, "2026-11-27T15:00:00Z", True),
        (WEEKEND, "2026-11-29T23:00:00Z", True),
        (WEEKEND, "2026-11-30T06:59:59Z", True),
        (WEEKEND, "2026-11-30T07:00:00Z", False),
        (WEEKEND, "2026-07-03T13:59:59Z", False),  # summer time: two hours ahead
        (WEEKEND, "2026-07-03T14:00:00Z", True),
        (NOON, "2026-11-24T12:30:00Z", True),
        (NOON, "2026-11-25T12:30:00Z", False),
    ],
)
def test_a_window_closes_by_its_own_zones_clock(window, moment, closed):
    assert window.closed_at(datetime.fromisoformat(moment)) is closed


def test_a_closed_window_says_when_it_opens():
    friday = datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert WEEKEND.opens_at(friday) == datetime(2026, 11, 30, 7, tzinfo=UTC)
    open_ = datetime(2026, 11, 25, 18, tzinfo=UTC)
    assert WEEKEND.opens_at(open_) == open_
    assert str(WEEKEND.closed) == "Fri 16:00 to Mon 08:00"


@given(st.datetimes(min_value=NEW_YEAR, max_value=NEW_YEAR + timedelta(days=365), timezones=st.just(UTC)))
def test_what_is_said_to_open_is_open_within_a_week(moment):
    opens = WEEKEND.opens_at(moment)
    assert moment <= opens <= moment + timedelta(days=7)
    assert not WEEKEND.closed_at(opens)
    if WEEKEND.closed_at(moment):
        assert opens.astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H:%M") == "Mon 08:00"
