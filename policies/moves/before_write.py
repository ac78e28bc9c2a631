"""Rows 17 and 18 before a write: bindings, holds, the first look, and the preconditions."""

from typing import Final

from policies.checks import Standing
from policies.move import Bind, CheckPreconditions, Close, Escalate, Hold, Move, Observe, Survey, Turn, Wait
from policies.moves.next_write import due
from policies.plan import PreconditionPlan
from policies.situation import Situation
from state.task import Direction

MAX_READ_TRIES: Final = 3
READ_AGAIN_MS: Final = 2_000
MAX_IN_LINE: Final = 20
LOOK_AGAIN_MS: Final = (
    5_000  # at first; a run in line is woken when the hold is freed, and looks by itself too
)
MAX_LOOK_AGAIN_MS: Final = 600_000


def _wait_in_line(s: Situation) -> Move:
    if s.plan.when_held == "refuse":
        return Close(row=17, state="rejected", reason="resource_held")
    if s.moment.held_by_escalated and len(s.task.claims) == 1:
        return Close(row=17, state="rejected", reason="escalation_open")
    if s.moment.in_line > MAX_IN_LINE:
        return Close(row=17, state="rejected", reason="line_full")
    ms = min(LOOK_AGAIN_MS * 2 ** min(s.task.stood_in_line, 10), MAX_LOOK_AGAIN_MS)
    return Wait(row=17, reason="hold", ms=ms, detail=str(s.moment.held_by))


def _ready(s: Situation) -> bool:
    """Bound, held and surveyed: writes may become due."""
    return s.task.bound and s.task.surveyed and set(s.task.resources) <= set(s.task.holds)


def row_17b_prepare(s: Situation) -> Move | None:
    """Before anything is judged: what the inputs stand for, the hold, and the first look."""
    task = s.task
    if task.refusal:
        return Close(row=17, state="rejected", reason="binding_refused")
    ready = _ready(s)
    if ready and not (task.read_tries and due(s) is not None):
        return None
    if task.read_tries >= MAX_READ_TRIES:
        return Escalate(row=17, reason="unreadable", detail=task.read_problem)
    if task.read_tries and (left := s.moment.ms_until_next(task.read_problem_at, READ_AGAIN_MS)):
        return Wait(row=17, reason="check", ms=left)
    if not task.bound:
        return Bind(row=17)
    if ready:
        return None
    if not set(task.resources) <= set(task.holds):
        return _wait_in_line(s) if s.moment.held_by is not None else Hold(row=17)
    return Survey(row=17)


def row_18_preconditions(s: Situation) -> Move | None:
    """A forward write is due: each precondition must have been read since the last claim, send, decision."""
    if s.rolling_back or due(s) is None:
        return None
    for precondition in s.plan.preconditions:
        found = s.task.conditions.get(precondition.id)
        if found is not None and found.verdict != "pass" and found.seq > s.task.tries_since:
            unknown = found.verdict == "unknown"
            tries = max(precondition.tries, MAX_READ_TRIES) if unknown else precondition.tries
            if found.tries >= tries and found.seq > s.task.read_since:
                return _precondition_failed(s, precondition, unknown=unknown)
            wait = s.moment.ms_until_next(found.at, precondition.every_ms)
            if found.tries < tries and wait:
                return Wait(row=18, reason="check", ms=wait, detail=precondition.id)
            return CheckPreconditions(row=18)
        if found is None or found.seq <= s.task.read_since:
            return CheckPreconditions(row=18)
    return None


def _precondition_failed(s: Situation, precondition: PreconditionPlan, *, unknown: bool) -> Move:
    if not s.task.effects:
        if unknown and precondition.otherwise != "escalate":
            return Escalate(row=18, reason="unreadable", detail=precondition.id)  # not known to be false
        if precondition.otherwise == "complete":
            return Turn(row=18, to=Direction.COMPLETING, reason=precondition.id)
        if precondition.otherwise == "reject":
            return Close(row=18, state="rejected", reason="precondition_failed")
        return Escalate(row=18, reason="precondition_failed", detail=precondition.id)
    write = due(s)
    assert write is not None  # noqa: S101 row 18 asks only where a write is due
    checks, scope = s.plan.steps_by_id[write.step].write.checks, f"due:{write.op}"
    standing = s.standing(scope, checks)
    if checks and standing.standing is Standing.PENDING:
        wait = standing.wait_ms
        return Wait(row=18, reason="check", ms=wait) if wait else Observe(row=18, scope=scope)
    if checks and standing.standing is Standing.PASS:
        return Turn(row=18, to=Direction.COMPLETING, reason=precondition.id)
    return Escalate(row=18, reason="precondition_failed", step=write.step, detail=precondition.id)
