"""The decision table: the one move that the rules make next. Pure; the first row that matches wins.

``next_move(task, plan, moment)`` walks ``ROWS``. Each row is a function of its number that answers a move or
None. Nothing here reads a clock, sends or appends anything. Row 1 (an unsound fold) is the runner's.
"""

from collections.abc import Callable
from typing import Final

from policies import flight
from policies.checks import Standing
from policies.contract import DedupeKind
from policies.moment import Moment
from policies.move import (
    AskConfirmation, Bind, CarryOut, CheckPreconditions, Close, Confirm, Done, Due, Escalate, FoldSignals, Hold, Leave,
    Move, Observe, Probe, Send, Survey, TellNext, Turn, Wait,
)  # fmt: skip
from policies.plan import Plan, PreconditionPlan
from policies.situation import DEFINITE, Situation, Slot
from state.outcome import Known, Outcome
from state.task import Direction, Operation, Status, Task

MAX_IDLE_CLAIMS: Final = 6
MAX_READ_TRIES: Final = 3
READ_AGAIN_MS: Final = 2_000
MAX_IN_LINE: Final = 20


def next_move(task: Task, plan: Plan, moment: Moment) -> Move:
    """The rules' move for ``task`` under ``plan`` at ``moment``."""
    situation = Situation(task=task, plan=plan, moment=moment)
    for row in ROWS:
        move = row(situation)
        if move is not None:
            return move
    raise AssertionError("no row of the decision table matched")


# what several rows end in


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


def _held_back(s: Situation, row: int) -> Wait | None:
    """What holds back writes only: stop switch, pause, a paused connector."""
    if s.moment.stops:
        return Wait(row=row, reason="stop", ms=None, detail=", ".join(s.moment.stops))
    if s.task.paused:
        return Wait(row=row, reason="pause", ms=None)
    if left := s.connector_left_ms():
        return Wait(row=row, reason="connector", ms=left)
    return None


def due(s: Situation) -> Due | None:
    """The write that is due in the present direction, if one is; rows 13 to 15 say whether it may be made again."""
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


# rows


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


def row_7_send_again(s: Situation) -> Move | None:
    """Unresolved, and the target itself settles doubles: send again with the same key and arguments."""
    operation = s.unresolved()
    if operation is None or not flight.own_outcome_open(operation):
        return None
    slot = s.slot_of(operation)
    forward = operation.undoes is None
    if (
        operation.conflicted
        or operation.word is not None
        or not flight.settles_doubles(operation, slot.write, s.moment)
        or not (s.step_left(slot) or s.task.grant_open)
    ):
        return None
    if forward and (
        s.rolling_back or s.task.cancel is not None or s.deadline_passed() or not s.writes_left()
    ):
        return None
    if held := _held_back(s, 7):
        return held
    if left := s.backoff_left_ms(operation, slot):
        return Wait(row=7, reason="backoff", ms=left)
    return Send(
        row=7, op=operation.id, step=operation.step, item=operation.item, ordinal=operation.ordinal,
        undoes=operation.undoes, attempt=len(operation.attempts) + 1, granted=s.task.grant_open,
    )  # fmt: skip


def row_8_find_out(s: Situation) -> Move | None:
    """Unresolved, and time or a look at the target can still tell."""
    operation = s.unresolved()
    if operation is None:
        return None
    write = s.write_of(operation)
    outcome_open = flight.own_outcome_open(operation)
    if outcome_open and not write.has_probe:
        return None
    doubtful = [a for a in operation.attempts if a.undecided]
    left = max((flight.quarantine_left_ms(s.task, a, s.moment) for a in doubtful), default=0)
    if left:
        return Wait(row=8, reason="quarantine", ms=left, detail=operation.id)
    unproven = flight.unproven(s.task, operation, s.moment)
    if not outcome_open and not unproven:
        return None  # nothing flies any more
    if not outcome_open and not (write.absorbs and operation.known is not Known.REFUTED):
        return None  # neither time nor the target can end this flight
    if not write.has_probe:
        return _absorbed_by_check(s, operation)
    if operation.probe_verdict == "absent" and unproven:
        return None  # a look cannot license what an unproven sender may still do
    if not outcome_open and operation.probe_verdict == "applied" and not write.absorbs:
        return None
    if operation.probes >= write.probe_tries:
        return None
    if operation.probes and operation.probed_at is not None:
        wait = write.probe_every_ms - s.moment.ms_since(operation.probed_at)
        if wait > 0:
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
    if left := s.lag_left_ms(operation.accepted_at, write):
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
    if "unverified" in slot.write.retry_after and slot.write.repeatable and s.step_left(slot):
        if left := s.backoff_left_ms(operation, slot):
            return Wait(row=13, reason="backoff", ms=left, detail=operation.id)
        return None
    return leave_or_end(s, 13, "verify_failed", slot, operation)


def row_14_refused(s: Situation) -> Move | None:
    """The target refused for good; once a human has decided, only the check judges, and a grant may send again."""
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
    if operation is None or operation.settled not in DEFINITE or s.task.grant_open:
        return None
    slot = s.slot_of(operation)
    unpaid = not operation.last.counts
    if unpaid or ("not_applied" in slot.write.retry_after and s.step_left(slot)):
        if not unpaid and (left := s.backoff_left_ms(operation, slot)):
            return Wait(row=15, reason="backoff", ms=left, detail=operation.id)
        return None
    return leave_or_end(s, 15, "retries_exhausted", slot, operation)


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
    if held := _held_back(s, 17):
        return held
    if not s.task.operations and s.moment.window_opens is not None:
        return Wait(row=17, reason="window", ms=s.ms_until(s.moment.window_opens))
    return None


def _wait_in_line(s: Situation) -> Move:
    if s.plan.when_held == "refuse":
        return Close(row=17, state="rejected", reason="resource_held")
    if s.moment.held_by_escalated and len(s.task.claims) == 1:
        return Close(row=17, state="rejected", reason="escalation_open")
    if s.moment.in_line > MAX_IN_LINE:
        return Close(row=17, state="rejected", reason="line_full")
    return Wait(row=17, reason="hold", ms=None, detail=str(s.moment.held_by))


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
    if task.read_tries and (left := READ_AGAIN_MS - s.moment.ms_since(task.read_problem_at)) > 0:
        return Wait(row=17, reason="check", ms=left)
    if not task.bound:
        return Bind(row=17)
    if ready:
        return None
    if not set(task.resources) <= set(task.holds):
        return _wait_in_line(s) if s.moment.held_by is not None else Hold(row=17)
    return Survey(row=17)


def row_18_preconditions(s: Situation) -> Move | None:
    """A forward write is due: every precondition must have been read since the last claim, send or decision."""
    if s.rolling_back or due(s) is None:
        return None
    for precondition in s.plan.preconditions:
        found = s.task.conditions.get(precondition.id)
        if found is not None and found.verdict != "pass" and found.seq > s.task.tries_since:
            if found.tries >= precondition.tries and found.seq > s.task.read_since:
                return _precondition_failed(s, precondition)
            wait = precondition.every_ms - s.moment.ms_since(found.at)
            if found.tries < precondition.tries and wait > 0:
                return Wait(row=18, reason="check", ms=wait, detail=precondition.id)
            return CheckPreconditions(row=18)
        if found is None or found.seq <= s.task.read_since:
            return CheckPreconditions(row=18)
    return None


def _precondition_failed(s: Situation, precondition: PreconditionPlan) -> Move:
    if not s.task.effects:
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


def row_19_denied(s: Situation) -> Move | None:
    """A write is due, and a guard has denied it."""
    if s.task.denial is None or due(s) is None:
        return None
    return Escalate(row=19, reason="denied", code=s.task.denial.code, detail=s.task.denial.op)


def row_20_confirmation(s: Situation) -> Move | None:
    """A write is due, mode confirm: a human must have confirmed exactly it."""
    write = due(s)
    if write is None or s.task.mode != "confirm":
        return None
    asked = s.task.confirmations.get(write.op)
    if asked is None:
        return AskConfirmation(**{**_fields(write), "row": 20})
    if asked.answer == "yes":
        return None
    if asked.answer is not None:
        return Escalate(row=20, reason="confirmation_refused", step=write.step, detail=write.op)
    left = s.ms_until(asked.expires_at)
    if left <= 0:
        return Escalate(row=20, reason="confirmation_expired", step=write.step, detail=write.op)
    return Wait(row=20, reason="confirmation", ms=left, detail=write.op)


def _fields(write: Due) -> dict[str, object]:
    return {name: getattr(write, name) for name in Due.__dataclass_fields__}


def row_21_send(s: Situation) -> Move | None:
    """A write is due: send it."""
    write = due(s)
    return Send(**_fields(write)) if write is not None else None  # type: ignore[arg-type]


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


ROWS: Final[tuple[Callable[[Situation], Move | None], ...]] = (
    row_0_ended,
    row_2_signals,
    row_3_poison,
    row_4_open_escalation,
    row_5_decided_to_end,
    row_6_decided_to_go_on,
    row_7_send_again,
    row_8_find_out,
    row_9_cannot_tell,
    row_10_conflict,
    row_11_check_open_operation,
    row_12_cancel,
    row_17b_prepare,
    row_13_check_failed,
    row_14_refused,
    row_15_not_applied,
    row_16_budgets,
    row_17_held_back,
    row_18_preconditions,
    row_19_denied,
    row_20_confirmation,
    row_21_send,
    row_22_rolled_back,
    row_23_completion,
)
