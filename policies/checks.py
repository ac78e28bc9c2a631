"""What the rounds of a check add up to: pending, pass, fail or unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.moment import Moment
from policies.plan import CheckPlan
from state.instants import seconds_between
from state.task import CheckState


class Standing(StrEnum):
    """Where a check, or a set of them, stands."""

    PENDING = "pending"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A standing, and for a pending one how many milliseconds until the next round (0: now)."""

    standing: Standing
    wait_ms: int = 0


def view(check: CheckPlan, state: CheckState | None, moment: Moment, *, newer_than: int) -> CheckView:
    """Where ``check`` stands. A round up to seq ``newer_than`` was made by a former holder, decides nothing.

    Only rounds decide, never the clock alone: a check fails when a round that lies ``within_ms`` or more
    behind the first one did not pass, and passes when a row of passes is ``hold_ms`` long.
    """
    if state is None:
        return CheckView(standing=Standing.PENDING)
    rounds_ms = round(1000 * seconds_between(state.since, state.last_at))
    current = state.seq > newer_than
    if state.verdict == "pass":
        held_ms = round(1000 * seconds_between(state.passing_since or state.last_at, state.last_at))
        if held_ms >= check.hold_ms and current:
            return CheckView(standing=Standing.PASS)
    elif rounds_ms >= check.within_ms and current:
        return CheckView(standing=Standing.FAIL if state.verdict == "fail" else Standing.UNKNOWN)
    if not current:
        return CheckView(standing=Standing.PENDING)
    return CheckView(standing=Standing.PENDING, wait_ms=moment.ms_until_next(state.last_at, check.every_ms))


def view_all(
    checks: Iterable[CheckPlan], states: Mapping[str, CheckState], moment: Moment, *, newer_than: int
) -> CheckView:
    """Where a set of checks stands together: a failed one decides, then an unknown, then a pending one."""
    views = [view(c, states.get(c.id), moment, newer_than=newer_than) for c in checks]
    for standing in (Standing.FAIL, Standing.UNKNOWN):
        if any(v.standing is standing for v in views):
            return CheckView(standing=standing)
    pending = [v.wait_ms for v in views if v.standing is Standing.PENDING]
    if pending:
        return CheckView(standing=Standing.PENDING, wait_ms=min(pending))
    return CheckView(standing=Standing.PASS)
