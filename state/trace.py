"""How a run went, entry by entry in words, with its retry ledger: its trace (``remit/trace/v1``)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from state.entry import Entry, Kind
from state.task import Task
from state.terms import Terms, place_of, retries_of
from state.wording import answer_text, count_text, value_text

SCHEMA: Final = "remit/trace/v1"
MAX_SAYS: Final = 200


_ENDED: Final[Mapping[str, str]] = {
    "released": "after worker {} gave it back",
    "exited": "after worker {} had ended",
    "lease_expired": "after the lease of worker {} was over",
}


def claimed_after(predecessor: Mapping[str, Any] | None) -> str:
    """What became of the last holder, as the end of a line that says who took the run."""
    return f", {_ENDED[predecessor['ended']].format(predecessor['worker'])}" if predecessor else ""


def _claimed(body: Mapping[str, Any]) -> str:
    before = body["predecessor"]
    if before and before["worker"] == body["worker"]:
        return f"taken up again by {body['worker']}"
    return f"claimed by {body['worker']}{claimed_after(before)}"


def _refused(refused: Mapping[str, Any] | None) -> str:
    return f", not taken: {refused['code']}" if refused else ""


def _reason(body: Mapping[str, Any]) -> str:
    """The ``--why`` of a cancel or a pause; a decision's stands in the entry of the decision."""
    return str(body.get("body", {}).get("reason") or "")


def _because(reason: str) -> str:
    return f", because: {reason}" if reason else ""


def _hydrated(body: Mapping[str, Any]) -> str:
    if "refusal" in body:
        return f"the inputs stand for nothing: {body['refusal']}"
    if "problem" in body:
        return f"not readable now: {body['problem']}"
    return f"read {', '.join(name for name in body if body[name]) or 'nothing'}"


def _checked(body: Mapping[str, Any]) -> str:
    if "conflict" in body:
        found = body["conflict"]
        was, now = value_text(found["expected"]), value_text(found["observed"])
        return f"conflict: {found['what']} was {was}, is {now}"
    return f"precondition {body['id']}: {body['verdict']}, {body['observed']}"


_SAYS: Final[Mapping[Kind, Callable[[Mapping[str, Any]], str]]] = {
    Kind.REQUESTED: lambda b: f"asked by {b['by']} through {b['source']}",
    Kind.INTERPRETED: lambda b: f"read as {b['runbook']}@{b['version']} by {b['by']}",
    Kind.ADMITTED: lambda b: f"admitted for {b['target']}, mode {b['mode']}",
    Kind.REJECTED: lambda b: f"rejected: {b['code']}: {b['message']}",
    Kind.CLAIMED: _claimed,
    Kind.HYDRATED: _hydrated,
    Kind.CHECKED: _checked,
    Kind.JUDGED: lambda b: (
        f"{b['model_id']} at row {b['row']}: rules {b['rules']}; taken {b['taken']} {b['reason']}"
    ),
    Kind.DENIED: lambda b: f"{b['op'] or 'a read'} denied by {b['guard']}: {b['code']}",
    Kind.INTENT: lambda b: (
        f"{b['op']} attempt {b['attempt']}: {b['tool']} on {b['resource']}, to be sent by {b['send_by']}"
    ),
    Kind.OUTCOME: lambda b: (
        f"{b['op']} attempt {b['attempt']}: {b['outcome']} {answer_text(b['code'], b['detail'])}"
    ),
    Kind.RECONCILED: lambda b: f"{b['op']} by {b['by']}: {b['verdict']}, {b['observed']}",
    Kind.VERIFIED: lambda b: f"{b['scope']} {b['check']}: {b['verdict']}, {b['observed']}",
    Kind.CONFIRMED: lambda b: f"{b['op']} confirmed",
    Kind.LEFT: lambda b: f"{b['op'] or b['step']} left: {b['reason']}",
    Kind.WAITING: lambda b: (
        f"waits ({b['reason']}) until {b['until'] or 'somebody says something'} {b['detail']}"
    ),
    Kind.SIGNAL: lambda b: f"{b['kind']} by {b['by']}{_because(_reason(b))}{_refused(b['refused'])}",
    Kind.DECIDED: lambda b: f"{b['choice']} decided by {b['by']}{_because(b['reason'])}",
    Kind.GRANTED: lambda b: f"{b['choice']} carried out, {count_text(b['sends'], 'more send')}",
    Kind.RESERVED: lambda b: f"{b['calls']} model calls and {b['tokens']} tokens reserved",
    Kind.TURNED: lambda b: f"turned to {b['to']}: {b['reason']}",
    Kind.ESCALATED: lambda b: f"escalated: {b['reason']} {b['code']}, packet {b['packet']}",
    Kind.NOTIFIED: lambda b: f"level {b['level']} told",
    Kind.CLOSED: lambda b: (
        f"closed as {b['state']}"
        + ("" if b["reason"] == b["state"] else f": {b['reason']}")
        + f" {b['detail']}"
    ),
    Kind.REPORTED: lambda b: f"reported to {b['to']} {b['ref']}",
}


def trace_of(task: Task, entries: Sequence[Entry], terms: Terms) -> dict[str, Any]:
    """The trace of a run: every entry in its place; under ``retries`` every attempt beside its budget."""
    return {
        "schema": SCHEMA,
        "run": task.run,
        "entries": [
            {
                "seq": e.seq,
                "at": e.at,
                "kind": str(e.kind),
                "role": str(e.role),
                "epoch": e.epoch,
                "says": says(e),
            }
            for e in entries
        ],
        "retries": _retries(task, terms),
    }


def says(entry: Entry) -> str:
    """An entry in one line of at most MAX_SAYS characters; its kind alone where its body is not sound."""
    try:
        text = _SAYS[entry.kind](entry.body)
    except (KeyError, TypeError):
        text = str(entry.kind)
    line = " ".join(text.split())
    return line if len(line) <= MAX_SAYS else line[: MAX_SAYS - 1] + "…"


def _retries(task: Task, terms: Terms) -> dict[str, Any]:
    ledger: dict[str, Any] = {
        place: {"used": u.used, "budget": u.budget, "attempts": []}
        for place, u in retries_of(task.operations, terms).items()
    }
    for operation in task.operations:
        row = ledger.setdefault(place_of(operation), {"used": 0, "budget": 0, "attempts": []})
        row["attempts"] += [
            {
                "op": operation.id,
                "attempt": a.number,
                "at": a.at,
                "outcome": str(a.outcome) if a.outcome is not None else "unknown",
                "code": a.code,
                "detail": a.detail,
                "counts": a.counts and not a.granted,
                "seq": a.seq,
            }
            for a in operation.attempts
        ]
    return ledger
