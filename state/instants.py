"""Times as entries hold them: UTC, microseconds, always the same width, parsed before comparing."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def iso(at: datetime) -> str:
    """``2026-11-23T21:08:40.000000Z`` for an aware ``at``."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def parse(text: str) -> datetime:
    """The instant that ``text`` names; ValueError where it has no zone, or lies outside all years."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    try:
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"there is no such time: {text!r}") from None


def after(text: str, seconds: float) -> str:
    """The instant ``seconds`` after the one that ``text`` names, as text."""
    return iso(parse(text) + timedelta(seconds=seconds))


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from ``earlier`` to ``later``; negative when they stand the other way round."""
    return (parse(later) - parse(earlier)).total_seconds()
