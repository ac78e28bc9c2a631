"""What entries say of people: signals, escalations and who was told, decisions and what they granted."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from state.entry import Entry, Kind
from state.errors import UnsoundLedgerError
from state.evolve import evolve
from state.fold.runs import clock_of
from state.task import EMPTY, Decision, Direction, Escalation, Status, Task, Waiting


def _cancel(task: Task, body: dict[str, Any], by: str) -> Task:
    return evolve(
        task,
        cancel=task.cancel or body.get("reason", "") or "no reason given",
        cancel_by=task.cancel_by or by,
    )


def _pause(task: Task, body: dict[str, Any], by: str) -> Task:  # noqa: ARG001
    return evolve(task, paused=True)


def _unpause(task: Task, body: dict[str, Any], by: str) -> Task:  # noqa: ARG001
    return evolve(task, paused=False)


def _ack(task: Task, body: dict[str, Any], by: str) -> Task:
    if not body["escalation"] or not task.escalations:
        return task
    return _newest(task, replace(task.escalations[-1], acknowledged_by=by))


def _attest(task: Task, body: dict[str, Any], by: str) -> Task:
    clock = clock_of(body["clock"])
    epochs = [e for e in body["epochs"] if e not in task.attested]
    return evolve(
        task,
        attested=MappingProxyType({**task.attested, **dict.fromkeys(epochs, clock)}),
        attested_by=MappingProxyType({**task.attested_by, **dict.fromkeys(epochs, by)}),
    )


def _confirm(task: Task, body: dict[str, Any], by: str) -> Task:
    asked = task.confirmations.get(body["op"])
    if asked is None:
        return task
    answered = replace(asked, answer=body["answer"], by=by)
    return evolve(task, confirmations=MappingProxyType({**task.confirmations, body["op"]: answered}))


_SIGNALS: Final[dict[str, Callable[[Task, dict[str, Any], str], Task]]] = {
    "cancel": _cancel,
    "pause": _pause,
    "unpause": _unpause,
    "ack": _ack,
    "attest": _attest,
    "confirm": _confirm,
}


def _signal(task: Task, entry: Entry) -> Task:
    b = entry.body
    said = _SIGNALS.get(b["kind"])
    task = evolve(task, signals=task.signals + 1, stood_in_line=0)
    if b["kind"] == "cancel" and b["refused"] is None and task.cancel is None:
        task = evolve(task, cancel_who=MappingProxyType(b.get("who", {})))
    return said(task, b["body"], b["by"]) if said is not None and b["refused"] is None else task


def _newest(task: Task, escalation: Escalation) -> Task:
    return evolve(task, escalations=(*task.escalations[:-1], escalation))


def _notice(task: Task, entry: Entry) -> tuple[Any, ...]:
    notice = entry.body["notice"]
    return (
        (*task.outbox, MappingProxyType({"id": f"{task.run}/{entry.seq}", **notice}))
        if notice
        else task.outbox
    )


def _escalated(task: Task, entry: Entry) -> Task:
    b = entry.body
    if task.open_escalation is not None:
        raise UnsoundLedgerError("escalated while an escalation is open")
    escalation = Escalation(
        id=b["id"], reason=b["reason"], code=b["code"], row=b["row"], at=entry.at, seq=entry.seq,
        packet=b["packet"], basis=b["basis"], severity=b["severity"], step=b["step"], level=1,
        next_level_at=b["next_level_at"],
    )  # fmt: skip
    waits = Waiting(reason="human", until=b["next_level_at"], at=entry.at, row=b["row"], detail=b["reason"])
    return evolve(
        task, escalations=(*task.escalations, escalation), waiting=waits, outbox=_notice(task, entry)
    )


def _notified(task: Task, entry: Entry) -> Task:
    b = entry.body
    if task.open_escalation is None:  # a page without an open escalation: told at the end of the run
        return evolve(task, outbox=_notice(task, entry))
    escalation = replace(task.escalations[-1], level=b["level"], next_level_at=b["next_level_at"])
    waits = task.waiting and replace(task.waiting, until=b["next_level_at"])
    return evolve(_newest(task, escalation), waiting=waits, outbox=_notice(task, entry))


def _decided(task: Task, entry: Entry) -> Task:
    b = entry.body
    escalation = task.open_escalation
    if escalation is None or escalation.id != b["escalation"]:
        raise UnsoundLedgerError(f"a decision on {b['escalation']}, which is not open")
    decision = Decision(
        id=b["id"], escalation=b["escalation"], choice=b["choice"], by=b["by"], at=entry.at, basis=b["basis"],
        seq=entry.seq, words=MappingProxyType(b["words"]), evidence=b["evidence"], reason=b["reason"],
        who=MappingProxyType(b.get("who", {})),
    )  # fmt: skip
    return evolve(_newest(task, replace(escalation, decision=decision)), waiting=None)


def _granted(task: Task, entry: Entry) -> Task:
    """The decision is carried out: what the human saw is the new ground, and every try is fresh."""
    escalation = task.escalations[-1]
    if escalation.decision is None or escalation.decision.carried_out:
        raise UnsoundLedgerError("a grant without a decision")
    b = entry.body
    operations = tuple(
        replace(o, judged=bool(o.attempts) and o.status is Status.OPEN, probes=0) for o in task.operations
    )
    forward = b["choice"] in ("resume", "retry_once")
    return evolve(
        _newest(task, replace(escalation, decision=replace(escalation.decision, carried_out=True))),
        operations=operations,
        conflicts=tuple(
            replace(c, acknowledged=c.acknowledged or c.seq < escalation.decision.seq) for c in task.conflicts
        ),
        conditions=EMPTY,
        checks=EMPTY,
        confirmations=EMPTY,
        denial=None,
        read_tries=0,
        read_since=entry.seq,
        tries_since=entry.seq,
        rejudged=EMPTY,
        rereads=0,
        cancel=None if forward else task.cancel,
        granted=task.granted + b["sends"],
        grant_open=b["sends"] > 0,
        direction=_direction(task, b["choice"]),
        turned_reason="decided" if b["choice"] == "roll_back" else task.turned_reason,
    )


def _direction(task: Task, choice: str) -> Direction:
    """Which way it goes on; a run that had nothing to do asks afresh whether there is something."""
    if choice == "roll_back":
        return Direction.ROLLING_BACK
    idle = task.direction is Direction.COMPLETING and not task.effects
    return Direction.FORWARD if idle else task.direction


HANDLERS: Final[dict[Kind, Callable[[Task, Entry], Task]]] = {
    Kind.SIGNAL: _signal,
    Kind.ESCALATED: _escalated,
    Kind.NOTIFIED: _notified,
    Kind.DECIDED: _decided,
    Kind.GRANTED: _granted,
}
