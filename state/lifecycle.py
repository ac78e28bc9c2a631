"""Where a run can be, and from where it can come there: the lifecycle as a table, and the lane of a task."""

from types import MappingProxyType
from typing import Final

from state.task import Direction, Status, Task

LIVE: Final = (
    "observing", "acting", "resolving", "verifying", "rolling_back", "completing", "waiting_timer",
    "waiting_human", "waiting_window", "waiting_hold", "waiting_stop", "waiting_pause", "escalated", "stuck",
)  # fmt: skip
ENDED: Final = ("completed", "partially_completed", "rolled_back", "closed_by_human", "cancelled", "rejected")

_LIVE_LANES: Final = frozenset(f"live/{name}" for name in LIVE)
_ENDED_LANES: Final = frozenset(f"ended/{name}" for name in ENDED)

# lane -> the lanes that may follow it. What is live can go anywhere that is live, and only forward out of it.
NEXT: Final = MappingProxyType(
    {
        "requested": frozenset({"interpreted", "ended/rejected"}),
        "interpreted": frozenset({"admitted", "ended/rejected"}),
        "admitted": _LIVE_LANES | _ENDED_LANES,
        **dict.fromkeys(_LIVE_LANES - {"live/escalated", "live/stuck"}, _LIVE_LANES | _ENDED_LANES),
        # while an escalation is open only a human's decision leads out of it
        "live/escalated": _LIVE_LANES | frozenset({"ended/closed_by_human"}),
        "live/stuck": frozenset({"live/stuck", "ended/closed_by_human"}),
        **dict.fromkeys(_ENDED_LANES, frozenset[str]()),
    }
)

_WAITS: Final = MappingProxyType(
    {
        "human": "live/escalated", "confirmation": "live/waiting_human", "window": "live/waiting_window",
        "hold": "live/waiting_hold", "stop": "live/waiting_stop", "pause": "live/waiting_pause",
    }
)  # fmt: skip


def lane_of(task: Task) -> str:
    """The lane of ``task``: requested, interpreted, admitted, ``live/…`` or ``ended/…``."""
    if task.unsound:
        return "live/stuck"
    if task.closed is not None:
        return f"ended/{task.closed}"
    if not task.pins:
        return "interpreted" if task.interpreted else "requested"
    if not task.claims:
        return "admitted"
    if task.open_escalation is not None:
        return "live/escalated"
    if task.waiting is not None:
        return _WAITS.get(task.waiting.reason, "live/waiting_timer")
    return _at_work(task)


def _at_work(task: Task) -> str:
    open_operations = [o for o in task.operations if o.status is Status.OPEN and o.attempts]
    if any(o.settled is None and o.last.outcome is not None for o in open_operations):
        return "live/resolving"
    if task.direction is Direction.ROLLING_BACK:
        return "live/rolling_back"
    if task.direction is Direction.COMPLETING:
        return "live/completing"
    if any(o.settled is None for o in open_operations):
        return "live/acting"
    if open_operations:
        return "live/verifying"
    return "live/acting" if task.operations else "live/observing"
