"""What several rows of the decision table end in: roll back, leave, escalate, hold a write back."""

from policies.move import Escalate, Leave, Move, Turn, Wait
from policies.situation import Situation, Slot
from state.task import Direction, Operation


def end_as_declared(s: Situation, row: int, reason: str, *, step: str = "", detail: str = "") -> Move:
    """Roll back if the runbook says so and all can be undone and no human has decided; else escalate."""
    if s.rolling_back:
        return Escalate(row=row, reason="rollback", code=reason, step=step, detail=detail)
    if s.plan.on_exhausted == "roll_back" and not s.task.decided and s.task.effects and s.all_undoable():
        return Turn(row=row, to=Direction.ROLLING_BACK, reason=reason)
    return Escalate(row=row, reason=reason, step=step, detail=detail)


def leave_or_end(s: Situation, row: int, reason: str, slot: Slot, operation: Operation | None) -> Move:
    """Give up an optional step; else end as declared."""
    if slot.step.optional and not s.rolling_back:
        return Leave(
            row=row, step=slot.step.id, item=slot.item, op=operation.id if operation else None, reason=reason
        )
    return end_as_declared(s, row, reason, step=slot.step.id)


def held_back(s: Situation, row: int) -> Wait | None:
    """What holds back writes only: stop switch, pause, a paused connector."""
    if s.moment.stops:
        return Wait(row=row, reason="stop", ms=None, detail=", ".join(s.moment.stops))
    if s.task.paused:
        return Wait(row=row, reason="pause", ms=None)
    if left := s.connector_left_ms():
        return Wait(row=row, reason="connector", ms=left, detail=s.desk_fault())
    return None
