"""Rows 22 and 23: nothing is due any more, and what is observed decides how the run ends."""

from policies.checks import Standing
from policies.move import Close, Escalate, Move, Observe, Wait
from policies.moves.ends import end_as_declared
from policies.situation import Situation
from state.task import Status


def row_22_rolled_back(s: Situation) -> Move | None:
    """Rolling back, and nothing is due: everything compensated and seen to be so, or a human."""
    if not s.rolling_back:
        return None
    done = {o.undoes for o in s.task.compensations if o.status is Status.CONFIRMED}
    if any(o.id not in done for o in s.task.effects):
        return Escalate(row=22, reason="rollback", detail="not every effect is compensated")
    if left := s.longest_lag_left_ms():
        return Wait(row=22, reason="read_lag", ms=left)
    standing = s.standing("rollback", s.rollback_checks())
    if standing.standing is Standing.PASS:
        return Close(row=22, state="rolled_back", reason=s.task.turned_reason or "rolled_back", packet=True)
    if standing.standing is Standing.FAIL:
        return Escalate(row=22, reason="rollback", detail="a compensation's check failed")
    if standing.standing is Standing.UNKNOWN:
        return Escalate(row=22, reason="verify_unknown")
    return (
        Wait(row=22, reason="check", ms=standing.wait_ms)
        if standing.wait_ms
        else Observe(row=22, scope="rollback")
    )


def row_23_completion(s: Situation) -> Move | None:
    """Not rolling back, and nothing is due: the completion's checks decide."""
    if left := s.longest_lag_left_ms():
        return Wait(row=23, reason="read_lag", ms=left)
    standing = s.standing("completion", s.completion_checks())
    if standing.standing is Standing.PASS:
        if s.something_left:
            return Close(row=23, state="partially_completed", reason="optional_left", packet=True)
        return Close(row=23, state="completed", reason="verified")
    if standing.standing is Standing.FAIL:
        return end_as_declared(s, 23, "verify_failed", step="completion")
    if standing.standing is Standing.UNKNOWN:
        return Escalate(row=23, reason="verify_unknown", step="completion")
    if standing.wait_ms:
        return Wait(row=23, reason="check", ms=standing.wait_ms, detail="completion")
    return Observe(row=23, scope="completion")
