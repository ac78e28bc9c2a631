"""Which write is due, and rows 16 to 21: what stands between it and the target."""

from typing import TypeVar

from policies.move import AskConfirmation, Due, Escalate, Move, Send, Wait
from policies.moves.ends import held_back, leave_or_end
from policies.situation import Situation
from state.outcome import Outcome

DueMove = TypeVar("DueMove", bound=Due)


def due(s: Situation) -> Due | None:
    """The write that is due in the present direction; rows 13 to 15 say whether it is to be made again."""
    slot = s.open_slot()
    if slot is None:
        return None
    operations = s.operations(slot)
    last = operations[-1] if operations else None
    fresh = last is None or last.settled is Outcome.SUCCEEDED or last.conflicted
    ordinal = (last.ordinal + 1 if last else 1) if fresh else last.ordinal if last else 1
    return Due(
        row=21,
        op=slot.op_id(ordinal),
        step=slot.step.id,
        item=slot.item,
        ordinal=ordinal,
        undoes=slot.undoes,
        attempt=1 if fresh or last is None else len(last.attempts) + 1,
        granted=s.task.grant_open,
    )


def row_16_budgets(s: Situation) -> Move | None:
    """A forward write is due, and the deadline has passed or a budget is spent."""
    slot = s.open_slot()
    if slot is None or s.rolling_back:
        return None
    operation = s.open_operation()
    if s.deadline_passed():
        return leave_or_end(s, 16, "deadline_passed", slot, operation)
    if not s.writes_left():
        return leave_or_end(s, 16, "writes_exhausted", slot, operation)
    if s.resource_spent() is not None:
        return leave_or_end(s, 16, "resource_exhausted", slot, operation)
    return None


def row_17_held_back(s: Situation) -> Move | None:
    """A write is due, and something holds writes back: wait."""
    if due(s) is None:
        return None
    if held := held_back(s, 17):
        return held
    if not s.task.operations and s.moment.window_opens is not None:
        return Wait(row=17, reason="window", ms=s.ms_until(s.moment.window_opens))
    return None


def row_19_denied(s: Situation) -> Move | None:
    """A write is due, and a guard has denied it."""
    if s.task.denial is None or due(s) is None:
        return None
    return Escalate(row=19, reason="denied", code=s.task.denial.code, detail=s.task.denial.op)


def row_20_confirmation(s: Situation) -> Move | None:
    """A write is due, mode confirm: a human must have confirmed exactly it."""
    write = due(s)
    return unconfirmed(s, write, row=20) if write is not None else None


def unconfirmed(s: Situation, write: Due, *, row: int) -> Move | None:
    """What mode ``confirm`` still needs before ``write``; None where nothing."""
    if s.task.mode != "confirm":
        return None
    asked = s.task.confirmations.get(write.op)
    if asked is None:
        return as_move(AskConfirmation, write, row=row)
    if asked.answer == "yes":
        return None
    if asked.answer is not None:
        return Escalate(row=row, reason="confirmation_refused", step=write.step, detail=write.op)
    left = s.ms_until(asked.expires_at)
    if left <= 0:
        return Escalate(row=row, reason="confirmation_expired", step=write.step, detail=write.op)
    return Wait(row=row, reason="confirmation", ms=left, detail=write.op)


def as_move(kind: type[DueMove], write: Due, *, row: int) -> DueMove:
    """The move of ``kind`` for exactly this write."""
    return kind(
        row=row, op=write.op, step=write.step, item=write.item, ordinal=write.ordinal, undoes=write.undoes,
        attempt=write.attempt, granted=write.granted,
    )  # fmt: skip


def row_21_send(s: Situation) -> Move | None:
    """A write is due: send it."""
    write = due(s)
    return as_move(Send, write, row=21) if write is not None else None
