"""Rows 7 to 9: something may still have landed, or may still land: send again, find out, or ask a human."""

from policies import flight
from policies.checks import Standing
from policies.move import Escalate, Move, Observe, Probe, Send, Wait
from policies.moves.ends import held_back
from policies.moves.next_write import unconfirmed
from policies.moves.open_operation import MAX_UNPAID
from policies.situation import Situation, Slot
from state.outcome import Known, Outcome
from state.task import Operation


def row_7_send_again(s: Situation) -> Move | None:
    """Unresolved, and the target itself settles doubles: send again with the same key and arguments."""
    operation = s.unresolved()
    if operation is None or not flight.own_outcome_open(operation):
        return None
    slot = s.slot_of(operation)
    if not _may_send_again(s, operation, slot):
        return None
    if held := held_back(s, 7):
        return held
    if left := s.backoff_left_ms(operation, slot):
        return Wait(row=7, reason="backoff", ms=left)
    again = Send(
        row=7, op=operation.id, step=operation.step, item=operation.item, ordinal=operation.ordinal,
        undoes=operation.undoes, attempt=len(operation.attempts) + 1, granted=s.task.grant_open,
    )  # fmt: skip
    missing = unconfirmed(s, again, row=7)
    if isinstance(missing, Escalate):
        return None  # nobody wants it sent again: then it has to be found out
    return missing or again


def _may_send_again(s: Situation, operation: Operation, slot: Slot) -> bool:
    if (
        operation.conflicted
        or operation.word is not None
        or any(not c.acknowledged for c in s.task.conflicts)  # then it is looked at, and nothing is sent
        or operation.last.outcome is Outcome.REFUSED
        or (s.task.denial is not None and s.task.denial.op == operation.id)
        or not flight.settles_doubles(s.task, operation, slot.write, s.moment)
        or not (s.step_left(slot) or s.task.grant_open)
        or s.unpaid_in_a_row(operation) >= MAX_UNPAID  # the desk's own fault: not for ever
    ):
        return False
    if operation.undoes is not None:
        return True
    return not (s.rolling_back or s.task.cancel is not None or s.deadline_passed()) and s.writes_left()


def row_8_find_out(s: Situation) -> Move | None:
    """Unresolved, and time or a look at the target can still tell."""
    operation = s.unresolved()
    if operation is None:
        return None
    outcome_open = flight.own_outcome_open(operation)
    if outcome_open and not s.write_of(operation).has_probe:
        return None
    doubtful = [a for a in operation.attempts if a.undecided]
    left = max((flight.quarantine_left_ms(s.task, a, s.moment) for a in doubtful), default=0)
    if left:
        return Wait(row=8, reason="quarantine", ms=left, detail=operation.id)
    return _ask_what_became(s, operation) if outcome_open else _end_flight(s, operation)


def _ask_what_became(s: Situation, operation: Operation) -> Move | None:
    """The quarantine is over and the operation's own outcome open: a probe may settle it."""
    if operation.probe_verdict == "absent" and flight.unproven(s.task, operation, s.moment):
        return None  # a look cannot license what an unproven sender may still do
    return _probe(s, operation)


def _end_flight(s: Situation, operation: Operation) -> Move | None:
    """Settled, but an unproven sender may still send: only a target that absorbs a late copy can end that."""
    write = s.write_of(operation)
    if not write.absorbs or operation.known is Known.REFUTED:
        return None
    return _probe(s, operation) if write.has_probe else _absorbed_by_check(s, operation)


def _probe(s: Situation, operation: Operation) -> Move | None:
    write = s.write_of(operation)
    if operation.probes >= write.probe_tries:
        return None
    if operation.probes and operation.probed_at is not None:
        wait = s.moment.ms_until_next(operation.probed_at, write.probe_every_ms)
        if wait:
            return Wait(row=8, reason="check", ms=wait, detail=operation.id)
    return Probe(row=8, op=operation.id)


def _absorbed_by_check(s: Situation, operation: Operation) -> Move | None:
    """Without a probe the operation's own checks may show that the target has absorbed what flies."""
    checks = s.write_of(operation).checks
    standing = s.standing(operation.id, checks)
    if not checks or standing.standing is not Standing.PENDING:
        return None
    if standing.wait_ms:
        return Wait(row=8, reason="check", ms=standing.wait_ms, detail=operation.id)
    return Observe(row=8, scope=operation.id)


def row_9_cannot_tell(s: Situation) -> Move | None:
    """Unresolved otherwise: a human has to find out."""
    operation = s.unresolved()
    if operation is None:
        return None
    unproven = flight.unproven(s.task, operation, s.moment)
    reason = "unproven_sender" if unproven else "ambiguous"
    return Escalate(row=9, reason=reason, step=operation.step, detail=operation.id)
