"""Rows 10 to 15: conflicts, cancelling, and what becomes of the operation that is open."""

from typing import Final

from policies.checks import Standing
from policies.move import Close, Confirm, Escalate, Leave, Move, Observe, Turn, Wait
from policies.moves.ends import leave_or_end
from policies.situation import DEFINITE, Situation
from state.outcome import Known, Outcome
from state.task import Direction, Operation

# Faults of the desk (a credential, a 401) cost no budget; this many in a row are for a human all the same.
MAX_UNPAID: Final = 5


def row_10_conflict(s: Situation) -> Move | None:
    """Something is not as the run remembers it, and nobody has acknowledged that."""
    for conflict in s.task.conflicts:
        if not conflict.acknowledged:
            return Escalate(row=10, reason="conflict", detail=conflict.what)
    return None


def row_11_check_open_operation(s: Situation) -> Move | None:
    """The open operation succeeded, or is to be judged by its check alone."""
    operation = s.open_operation()
    if operation is None or not (operation.settled is Outcome.SUCCEEDED or operation.judged):
        return None
    write = s.write_of(operation)
    if left := s.operation_lag_left_ms(operation):
        return Wait(row=11, reason="read_lag", ms=left, detail=operation.id)
    if not write.checks:
        return Confirm(row=11, op=operation.id) if operation.settled is Outcome.SUCCEEDED else None
    standing = s.standing(operation.id, write.checks)
    if standing.standing is Standing.PASS:
        return Confirm(row=11, op=operation.id)
    if standing.standing is Standing.UNKNOWN:
        return Escalate(row=11, reason="verify_unknown", step=operation.step, detail=operation.id)
    if standing.standing is Standing.FAIL:
        return None
    if standing.wait_ms:
        return Wait(row=11, reason="check", ms=standing.wait_ms, detail=operation.id)
    return Observe(row=11, scope=operation.id)


def row_12_cancel(s: Situation) -> Move | None:
    """Cancel wanted, and the run does not roll back already."""
    if s.task.cancel is None or s.rolling_back:
        return None
    if not s.task.effects:
        return Close(row=12, state="cancelled", reason="cancelled")
    if s.all_undoable():
        return Turn(row=12, to=Direction.ROLLING_BACK, reason="cancelled")
    return Escalate(row=12, reason="cancel_blocked", detail="not every effect can be undone")


def _check_failed(s: Situation, operation: Operation) -> bool:
    checks = s.write_of(operation).checks
    return bool(checks) and s.standing(operation.id, checks).standing is Standing.FAIL


def row_13_check_failed(s: Situation) -> Move | None:
    """The check of an operation that succeeded failed: a new operation, or leave, or end."""
    operation = s.open_operation()
    if operation is None or operation.settled is not Outcome.SUCCEEDED or not _check_failed(s, operation):
        return None
    slot = s.slot_of(operation)
    if s.task.grant_open and slot.write.repeatable:
        return None
    again = "unverified" in slot.write.retry_after and slot.write.repeatable and s.step_left(slot)
    if again and operation.known is not Known.UNKNOWN:
        if left := s.backoff_left_ms(operation, slot):
            return Wait(row=13, reason="backoff", ms=left, detail=operation.id)
        return None
    return leave_or_end(s, 13, "verify_failed", slot, operation)


def row_14_refused(s: Situation) -> Move | None:
    """The target refused for good; after a decision the check judges, and a grant may send again."""
    operation = s.open_operation()
    if operation is None or operation.settled is not Outcome.REFUSED or s.task.grant_open:
        return None
    slot = s.slot_of(operation)
    if operation.judged or s.rolling_back:
        return leave_or_end(s, 14, "refused", slot, operation)
    if slot.step.on_refused == "leave" and slot.step.optional:
        return Leave(row=14, step=slot.step.id, item=slot.item, op=operation.id, reason="refused")
    if slot.step.on_refused == "roll_back" and not s.task.decided and s.task.effects and s.all_undoable():
        return Turn(row=14, to=Direction.ROLLING_BACK, reason="refused")
    return Escalate(row=14, reason="refused", step=slot.step.id, detail=operation.last.detail)


def row_15_not_applied(s: Situation) -> Move | None:
    """Definitely not applied, or not sent: the same operation again while the step's budget lasts."""
    operation = s.open_operation()
    if operation is None or operation.settled not in DEFINITE:
        return None
    slot = s.slot_of(operation)
    if s.unpaid_in_a_row(operation) >= MAX_UNPAID:
        return leave_or_end(s, 15, "retries_exhausted", slot, operation)
    if s.task.grant_open:
        return None
    unpaid = not operation.last.counts
    if unpaid or ("not_applied" in slot.write.retry_after and s.step_left(slot)):
        if not unpaid and (left := s.backoff_left_ms(operation, slot)):
            return Wait(row=15, reason="backoff", ms=left, detail=operation.id)
        return None
    return leave_or_end(s, 15, "retries_exhausted", slot, operation)
