"""What entries say of the run's writes: attempts, outcomes, probes, checks, and how operations end."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from state.entry import Entry, Kind
from state.errors import UnsoundLedgerError
from state.evolve import evolve
from state.fold.runs import clock_of, facts_behind
from state.instants import after, seconds_between
from state.outcome import Known, Outcome
from state.task import Attempt, CheckState, Conflict, Denial, Operation, Status, Task

CONNECTOR_PAUSE_S: Final = 60


def put(task: Task, operation: Operation) -> Task:
    """``task`` with ``operation`` in its place."""
    before = task.operations
    place = next((n for n in range(len(before) - 1, -1, -1) if before[n].id == operation.id), None)
    if place is None:
        return task
    return evolve(task, operations=(*before[:place], operation, *before[place + 1 :]))


def _intent(task: Task, entry: Entry) -> Task:
    b = entry.body
    known = next((o for o in task.operations if o.id == b["op"]), None)
    operation = known or Operation(
        id=b["op"], step=b["step"], item=b["item"], ordinal=b["ordinal"], undoes=b["undoes"]
    )
    if b["attempt"] != len(operation.attempts) + 1:
        raise UnsoundLedgerError(f"attempt {b['attempt']} of {operation.id} behind {len(operation.attempts)}")
    attempt = Attempt(
        number=b["attempt"], seq=entry.seq, at=entry.at, epoch=entry.epoch, send_by=b["send_by"],
        span_ms=b["span_ms"], tool=b["tool"], resource=b["resource"],
        arguments=MappingProxyType(b["arguments"]), key=b["key"], digest=b["digest"],
        facts=MappingProxyType(b["facts"]), granted=b["granted"],
        follows_unknown=any(a.undecided for a in operation.attempts), child=b.get("child", False),
    )  # fmt: skip
    operation = replace(
        operation, attempts=(*operation.attempts, attempt), settled=None, known=Known.UNKNOWN, observed=False,
        accepted_at=None, judged=False, word=None, probes=0, probed_at=None, probe_verdict=None,
    )  # fmt: skip
    cleared = {"completion", "rollback", operation.id, f"due:{operation.id}"}
    return evolve(
        put(task, operation) if known else evolve(task, operations=(*task.operations, operation)),
        checks=MappingProxyType({k: v for k, v in task.checks.items() if k not in cleared}),
        attempts=(*task.attempts, (b["resource"], operation.id, attempt.number, entry.at)),
        last_write_at=entry.at,
        denial=None,
        read_tries=0,
        grant_open=task.grant_open and not b["granted"],
    )


def _outcome(task: Task, entry: Entry) -> Task:
    b = entry.body
    operation = task.operation(b["op"])
    index = b["attempt"] - 1
    if not 0 <= index < len(operation.attempts):
        raise UnsoundLedgerError(
            f"an outcome of attempt {b['attempt']} of {operation.id}, which was never made"
        )
    if operation.attempts[index].outcome is not None:
        raise UnsoundLedgerError(f"a second outcome of attempt {b['attempt']} of {operation.id}")
    attempt = replace(
        operation.attempts[index], outcome=Outcome(b["outcome"]), outcome_seq=entry.seq, code=b["code"],
        detail=b["detail"], result=MappingProxyType(b["result"]) if b["result"] is not None else None,
        condition_failed=b["condition_failed"], counts=b["counts"],
        returned=clock_of(b["returned"]) if b["returned"] is not None else None,
    )  # fmt: skip
    attempts = (*operation.attempts[:index], attempt, *operation.attempts[index + 1 :])
    operation = _settle(replace(operation, attempts=attempts), attempt, entry.at)
    moved = attempt.condition_failed and not attempt.follows_unknown
    clash = (
        Conflict(
            what=f"condition of {operation.id}", expected="unchanged", observed=attempt.detail, seq=entry.seq
        ),
    )
    return evolve(
        put(task, operation),
        conflicts=(*task.conflicts, *clash) if moved else task.conflicts,
        read_since=entry.seq,
        tries_since=entry.seq,
        last_write_at=task.last_write_at if attempt.outcome is Outcome.NOT_SENT else entry.at,
        connector_paused_until=after(entry.at, CONNECTOR_PAUSE_S)
        if b["pauses"]
        else task.connector_paused_until,
        grant_open=task.grant_open or (attempt.granted and not attempt.counts),  # it paid for nothing
        key_replays=task.key_replays + (attempt.outcome is Outcome.SUCCEEDED and attempt.follows_unknown),
    )


def _settle(operation: Operation, attempt: Attempt, at: str) -> Operation:
    """What the newest outcome says: an earlier attempt without a definite answer keeps the operation open."""
    if attempt.outcome is Outcome.SUCCEEDED:
        return replace(operation, settled=Outcome.SUCCEEDED, accepted_at=at)
    if any(a.undecided for a in operation.attempts):
        return operation
    return replace(operation, settled=attempt.outcome, known=Known.REFUTED)


def _reconciled(task: Task, entry: Entry) -> Task:
    b = entry.body
    operation = task.operation(b["op"])
    probe = b["by"] == "probe"
    grounded = set(b["grounded"]) | ({a.number for a in operation.attempts} if b["absorbs"] else set())
    operation = replace(
        operation,
        attempts=tuple(replace(a, grounded=a.grounded or a.number in grounded) for a in operation.attempts),
        probes=operation.probes + probe,
        probed_at=entry.at if probe else operation.probed_at,
        probe_verdict=b["verdict"] if probe else operation.probe_verdict,
        probe_seq=entry.seq,
        word=operation.word if probe else b["verdict"],
        observed=operation.observed or (probe and b["verdict"] == "applied"),
    )
    if not probe and operation.known is Known.UNKNOWN:  # a word counts also where an answer settled it
        said = {"applied": Known.CONFIRMED, "not_applied": Known.REFUTED}
        operation = replace(operation, known=said.get(b["verdict"], Known.UNKNOWN))
    newly = b["settles"] is not None and operation.settled is None
    conflicts = task.conflicts
    if newly and b["settles"] == Outcome.SUCCEEDED:
        operation = replace(operation, settled=Outcome.SUCCEEDED, known=Known.CONFIRMED, accepted_at=entry.at)
    elif newly:
        operation = replace(operation, settled=Outcome(b["settles"]), known=Known.REFUTED)
        if operation.conflicted and probe:
            clash = Conflict(
                what=f"condition of {operation.id}",
                expected="unchanged",
                observed=b["observed"],
                seq=entry.seq,
            )
            conflicts = (*conflicts, clash)
    by_probe = newly and probe and operation.settled is Outcome.SUCCEEDED
    return evolve(
        put(task, operation),
        facts=facts_behind(task, entry, b["facts"]),
        conflicts=conflicts,
        reconciled_applied=task.reconciled_applied + by_probe,
    )


def _verified(task: Task, entry: Entry) -> Task:
    b = entry.body
    scope, check, verdict = b["scope"], b["check"], b["verdict"]
    before = task.checks.get(scope, {}).get(check)
    passing = verdict == "pass"
    gap_s = seconds_between(before.last_at, entry.at) if before is not None else 0.0
    set_back = gap_s < 0  # the clock was: what it said before cannot be counted from any more
    unbroken = (
        before is not None and before.verdict == "pass" and not set_back and 1000 * gap_s <= b["max_gap_ms"]
    )
    state = CheckState(
        since=before.since if before and not set_back else entry.at,
        last_at=entry.at,
        verdict=verdict,
        expected=b["expected"],
        observed=b["observed"],
        seq=entry.seq,
        rounds=before.rounds + 1 if before else 1,
        failures=(before.failures if before else 0) + (not passing),
        passing_since=(before.passing_since if before and unbroken else entry.at) if passing else None,
    )
    scopes = {**task.checks, scope: MappingProxyType({**task.checks.get(scope, {}), check: state})}
    task = evolve(task, checks=MappingProxyType(scopes), facts=facts_behind(task, entry, b["facts"]))
    operation = next((o for o in task.operations if o.id == scope), None)
    if operation is None or (b["effect"] is None and not b["absorbs"]):
        return task
    known = {"applied": Known.CONFIRMED, "absent": Known.REFUTED}.get(b["effect"] or "", operation.known)
    attempts = operation.attempts
    if b["absorbs"]:
        attempts = tuple(replace(a, grounded=True) for a in attempts)
    return put(
        task, replace(operation, known=known, attempts=attempts, observed=operation.observed or b["absorbs"])
    )


def _confirmed(task: Task, entry: Entry) -> Task:
    operation = task.operation(entry.body["op"])
    operation = replace(operation, status=Status.CONFIRMED, known=Known.CONFIRMED)
    return evolve(put(task, operation), grant_open=False)  # a grant was for this operation, and not needed


def _left(task: Task, entry: Entry) -> Task:
    b = entry.body
    slots = {**task.left_slots, (b["step"], b["item"]): b["reason"]}
    task = evolve(task, left_slots=MappingProxyType(slots), denial=None, grant_open=False)
    if b["op"] is None:
        return task
    operation = replace(task.operation(b["op"]), status=Status.LEFT, left_reason=b["reason"])
    return put(task, operation)


def _denied(task: Task, entry: Entry) -> Task:
    b = entry.body
    if not b["op"]:
        return task  # a read: what it would have shown stays unknown
    denial = Denial(op=b["op"], code=b["code"], guard=b["guard"], seq=entry.seq)
    resend = any(o.id == b["op"] and o.attempts for o in task.operations)
    return evolve(task, denial=denial, denied_resends=task.denied_resends + resend)


HANDLERS: Final[dict[Kind, Callable[[Task, Entry], Task]]] = {
    Kind.INTENT: _intent,
    Kind.OUTCOME: _outcome,
    Kind.RECONCILED: _reconciled,
    Kind.VERIFIED: _verified,
    Kind.CONFIRMED: _confirmed,
    Kind.LEFT: _left,
    Kind.DENIED: _denied,
}
