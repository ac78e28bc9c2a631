"""Rows 0 to 6: the end, what others have said, and what humans are asked and have decided."""

from typing import Final

from policies.move import CarryOut, Close, Done, Escalate, FoldSignals, Move, TellNext, Wait
from policies.situation import Situation

MAX_IDLE_CLAIMS: Final = 6


def row_0_ended(s: Situation) -> Move | None:
    """A run that has ended has no next move."""
    return Done(row=0) if s.task.closed is not None else None


def row_2_signals(s: Situation) -> Move | None:
    """Signals wait: fold them in, in the order of arrival."""
    return FoldSignals(row=2) if s.moment.signals else None


def row_3_poison(s: Situation) -> Move | None:
    """The sixth claim with nothing but claims and hydration since the first: stuck."""
    if s.task.open_escalation is None and s.task.idle_claims >= MAX_IDLE_CLAIMS:
        return Escalate(row=3, reason="stuck", detail=f"{s.task.idle_claims} claims without progress")
    return None


def row_4_open_escalation(s: Situation) -> Move | None:
    """An escalation is open: wait; at each level's time tell the next."""
    escalation = s.task.open_escalation
    if escalation is None:
        return None
    if escalation.next_level_at is None:
        return Wait(row=4, reason="human", ms=None)
    left = s.ms_until(escalation.next_level_at)
    if left > 0:
        return Wait(row=4, reason="human", ms=left)
    return TellNext(row=4, level=escalation.level + 1)


def row_5_decided_to_end(s: Situation) -> Move | None:
    """Decided abort or mark_done: close ``closed_by_human``."""
    escalation = s.task.escalation
    decision = escalation.decision if escalation else None
    if decision is None or decision.carried_out or decision.choice not in ("abort", "mark_done"):
        return None
    return Close(
        row=5, state="closed_by_human", reason="aborted" if decision.choice == "abort" else "marked_done"
    )


def row_6_decided_to_go_on(s: Situation) -> Move | None:
    """Decided resume, retry_once or roll_back, and not yet carried out."""
    escalation = s.task.escalation
    decision = escalation.decision if escalation else None
    if decision is None or decision.carried_out:
        return None
    return CarryOut(row=6, choice=decision.choice)


def row_6b_without_tools(s: Situation) -> Move | None:
    """The tools cannot be made here, and the run is not to be cancelled before its first send."""
    if not s.moment.without_tools or (s.task.cancel is not None and not s.task.operations):
        return None
    return Escalate(row=6, reason="tools_unavailable", detail=s.moment.without_tools)
