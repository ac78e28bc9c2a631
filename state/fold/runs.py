"""What entries say of the run as a whole: request, terms, claims, its ground, waits, direction, end."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from state.entry import Entry, Kind
from state.errors import UnsoundLedgerError
from state.evolve import evolve
from state.task import EMPTY, Claim, Clock, Condition, Confirmation, Conflict, Direction, Task, Waiting


def clock_of(body: dict[str, Any]) -> Clock:
    """The clock reading in a body."""
    return Clock(boot_id=body["boot_id"], ms=body["ms"])


def facts_behind(task: Task, entry: Entry, read: Mapping[str, Any]) -> MappingProxyType[str, Any]:
    """What is known behind ``entry``, which has ``read`` afresh: each fact with its time and place."""
    fresh = {name: {**fact, "at": entry.at, "seq": entry.seq} for name, fact in read.items()}
    return MappingProxyType({**task.facts, **fresh})


def conflict_of(body: dict[str, Any], seq: int) -> Conflict:
    """The conflict in a body."""
    return Conflict(what=body["what"], expected=body["expected"], observed=body["observed"], seq=seq)


def _requested(task: Task, entry: Entry) -> Task:
    if task.request:
        raise UnsoundLedgerError("a second request")
    return evolve(task, run=entry.run, request=MappingProxyType(entry.body), created_at=entry.at)


def _interpreted(task: Task, entry: Entry) -> Task:
    return evolve(task, interpreted=MappingProxyType(entry.body))


def _admitted(task: Task, entry: Entry) -> Task:
    if task.pins:
        raise UnsoundLedgerError("admitted a second time")
    b = entry.body
    return evolve(
        task,
        runbook=b["runbook"],
        version=b["version"],
        inputs=MappingProxyType(b["inputs"]),
        target=b["target"],
        mode=b["mode"],
        solo=b["solo"],
        pins=MappingProxyType(b["pins"]),
        once_key=b["once_key"],
        once_span_ms=b["once_span_ms"],
        delivery=b["delivery"],
        deadline_ms=b["deadline_ms"],
        terms=MappingProxyType(b),
    )


def _rejected(task: Task, entry: Entry) -> Task:
    return evolve(
        task,
        closed="rejected",
        reason=entry.body["code"],
        closed_body=MappingProxyType(entry.body),
        ended_at=entry.at,
    )


def _claimed(task: Task, entry: Entry) -> Task:
    b = entry.body
    if entry.epoch != task.epoch + 1:
        raise UnsoundLedgerError(f"claims epoch {entry.epoch} behind epoch {task.epoch}")
    claim = Claim(
        epoch=entry.epoch, seq=entry.seq, at=entry.at, worker=b["worker"], boot_id=b["boot_id"],
        pid_ns=b["pid_ns"], pid=b["pid"], start_time=b["start_time"], uid=b["uid"], lock_file=b["lock_file"],
        clock=clock_of(b["clock"]),
    )  # fmt: skip
    return evolve(
        task,
        epoch=entry.epoch,
        claims=(*task.claims, claim),
        idle_claims=task.idle_claims + 1,
        proven_dead=MappingProxyType({**dict.fromkeys(b["proven"], entry.epoch), **task.proven_dead}),
        attested=_restarted(task, claim.clock),
        read_since=entry.seq,
        waiting=task.waiting if task.open_escalation else None,
    )


def _restarted(task: Task, clock: Clock) -> Mapping[int, Clock]:
    """Statements made on another clock count from this claim on: their own spans cannot be read here."""
    if not task.attested:
        return task.attested
    return MappingProxyType(
        {epoch: c if c.boot_id == clock.boot_id else clock for epoch, c in task.attested.items()}
    )


def _hydrated(task: Task, entry: Entry) -> Task:
    b = entry.body
    if "problem" in b:
        tries = task.read_tries + 1
        return evolve(task, read_tries=tries, read_problem=b["problem"], read_problem_at=entry.at)
    if "refusal" in b:
        return evolve(task, refusal=b["refusal"])
    first = ("bindings" in b and not task.bound) or "initial" in b
    return evolve(
        task,
        read_tries=0 if first else task.read_tries,  # else only a send or a decision begins afresh
        read_problem="" if first else task.read_problem,
        bound=task.bound or "bindings" in b,
        surveyed=task.surveyed or "initial" in b,
        bindings=MappingProxyType(b["bindings"]) if "bindings" in b else task.bindings,
        initial=MappingProxyType(b["initial"]) if "initial" in b else task.initial,
        derived=MappingProxyType({**task.derived, **b.get("derived", {})}),
        items=MappingProxyType({**task.items, **{k: tuple(v) for k, v in b.get("items", {}).items()}}),
        resources=tuple(dict.fromkeys((*task.resources, *b.get("resources", ())))),
        holds=tuple(dict.fromkeys((*task.holds, *b.get("holds", ())))),
        facts=facts_behind(task, entry, b.get("facts", {})),
        conflicts=(*task.conflicts, *(conflict_of(c, entry.seq) for c in b.get("conflicts", ()))),
    )


def _checked(task: Task, entry: Entry) -> Task:
    b = entry.body
    if "conflict" in b:
        return evolve(task, conflicts=(*task.conflicts, conflict_of(b["conflict"], entry.seq)))
    before = task.conditions.get(b["id"])
    again = before is not None and before.verdict != "pass" and before.seq > task.tries_since
    condition = Condition(
        verdict=b["verdict"],
        tries=before.tries + 1 if before is not None and again else 1,
        at=entry.at,
        expected=b["expected"],
        observed=b["observed"],
        seq=entry.seq,
    )
    conditions = {**task.conditions, b["id"]: condition}
    facts = facts_behind(task, entry, b.get("facts", {}))
    return evolve(task, conditions=MappingProxyType(conditions), facts=facts)


def _waiting(task: Task, entry: Entry) -> Task:
    b = entry.body
    waits = Waiting(reason=b["reason"], until=b["until"], at=entry.at, row=b["row"], detail=b["detail"])
    if b["reason"] == "hold":
        task = evolve(task, stood_in_line=task.stood_in_line + 1)
    if b["reason"] != "confirmation" or "digest" not in b:
        return evolve(task, waiting=waits)
    asked = Confirmation(
        op=b["op"], digest=b["digest"], asked_at=entry.at, expires_at=b["expires_at"], summary=b["summary"]
    )
    return evolve(task, waiting=waits, confirmations=MappingProxyType({**task.confirmations, b["op"]: asked}))


def _turned(task: Task, entry: Entry) -> Task:
    to = Direction(entry.body["to"])
    checks = {k: v for k, v in task.checks.items() if k not in ("completion", "rollback")}
    return evolve(
        task,
        direction=to,
        turned_reason=entry.body["reason"],
        checks=MappingProxyType(checks),
        denial=None,  # what was denied is not due in the other direction
        grant_open=False,
    )


def _judged(task: Task, entry: Entry) -> Task:
    b = entry.body
    return evolve(
        task,
        rejudged=MappingProxyType({**b, "seq": entry.seq, "at": entry.at}),
        rereads=task.rereads + (b["taken"] == "reread"),
    )


def _reserved(task: Task, entry: Entry) -> Task:
    b = entry.body
    return evolve(
        task, model_calls=task.model_calls + b["calls"], model_tokens=task.model_tokens + b["tokens"]
    )


def _closed(task: Task, entry: Entry) -> Task:
    b = entry.body
    return evolve(
        task,
        closed=b["state"],
        reason=b["reason"],
        closed_body=MappingProxyType(b),
        ended_at=entry.at,
        waiting=None,
        holds=(),
        confirmations=EMPTY,
    )


def _noted(task: Task, entry: Entry) -> Task:  # noqa: ARG001
    return task


HANDLERS: Final[dict[Kind, Callable[[Task, Entry], Task]]] = {
    Kind.REQUESTED: _requested,
    Kind.INTERPRETED: _interpreted,
    Kind.ADMITTED: _admitted,
    Kind.REJECTED: _rejected,
    Kind.CLAIMED: _claimed,
    Kind.HYDRATED: _hydrated,
    Kind.CHECKED: _checked,
    Kind.WAITING: _waiting,
    Kind.TURNED: _turned,
    Kind.JUDGED: _judged,
    Kind.RESERVED: _reserved,
    Kind.CLOSED: _closed,
    Kind.REPORTED: _noted,
}
