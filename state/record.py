"""What became of a run: its completion record (``remit/record/v1``), as a view of its entries.

For a run that is escalated or still at work the record is provisional: ``ended_at`` is null, and a later one
supersedes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from state.entry import Entry, Kind
from state.lifecycle import lane_of
from state.outcome import DEFINITE_ABSENT, Known, Outcome
from state.task import Attempt, Direction, Operation, Status, Task
from state.terms import Terms, retries_of

SCHEMA: Final = "remit/record/v1"
_PINS: Final = ("runbook", "contracts", "delegation", "connectors")


def record_of(
    task: Task, entries: Sequence[Entry], terms: Terms, *, text: str | None = None
) -> dict[str, Any]:
    """The record of a run. ``text``: the words of the request, None where they were erased."""
    escalation = task.open_escalation
    ended = task.closed is not None
    refuted = _shown_absent(task, entries)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "run": task.run,
        "state": state_of(task),
        "reason": task.reason if ended else escalation.reason if escalation else "",
        "changed": any(o.has_effect for o in task.operations if o.attempts),
        "request": request_of(task, text),
        "runbook": {"id": task.runbook, "version": task.version},
        "inputs": dict(task.inputs or task.interpreted.get("inputs", {})),
        "target": task.target,
        "started_at": task.claims[0].at if task.claims else None,
        "ended_at": task.ended_at,
        "final": final_of(task, entries),
        "writes": [_write(o, a, refuted) for o, a in _sends(task)],
        "retries": {
            p: {"used": u.used, "budget": u.budget} for p, u in retries_of(task.operations, terms).items()
        },
        "remaining": remaining_of(task, terms),
        "model": _model(task, entries),
        "packet": _packet(task),
        "ledger": {"head": task.head.seq, "hash": task.head.hash},
        "pins": {name: task.pins[name] for name in _PINS if name in task.pins},
        "avoided": {
            "reconciled_applied": task.reconciled_applied,
            "key_replays": task.key_replays,
            "denied_resends": task.denied_resends,
        },
    }
    return record | _occasional(task)


def _occasional(task: Task) -> dict[str, Any]:
    """What stands only in the records that it concerns."""
    more: dict[str, Any] = {}
    said = said_by_humans(task)
    if said:
        more["decisions"] = said
    if task.granted:
        more["granted_retries"] = task.granted
    if task.cancel is not None:
        more["cancelled"] = {"by": task.cancel_by, "why": task.cancel, **_who(task.cancel_who)}
    if task.solo:
        more["solo"] = True
    if task.closed is None:
        more["provisional"] = True
    if task.closed == "closed_by_human":
        more["verified"] = all_pass(task, "completion")
        decision = task.escalation.decision if task.escalation else None
        more["closed_by"] = decision.by if decision else str(task.closed_body.get("by", ""))
        if decision and decision.who:
            more["closed_by_who"] = dict(decision.who)
        more["unresolved"] = [o.id for o in task.operations if o.known is Known.UNKNOWN and o.attempts]
    if task.unsound:
        more["unsound"] = task.unsound
    return more


def said_by_humans(task: Task) -> list[dict[str, Any]]:
    """Every decision of a human: who, when, which, why, and the digest of what it rests on."""
    return [
        {
            "escalation": d.escalation, "choice": d.choice, "by": d.by, "at": d.at, "why": d.reason,
            "words": dict(d.words), "evidence": d.evidence, "seq": d.seq, **_who(d.who),
        }
        for d in (e.decision for e in task.escalations)
        if d is not None
    ]  # fmt: skip


def _who(who: Mapping[str, str]) -> dict[str, Any]:
    """How somebody came to be known, where an entry says so: {how, os_user}."""
    return {"who": dict(who)} if who else {}


def state_of(task: Task) -> str:
    """The state in the record: how it ended, else where it is (``escalated``, ``acting`` ...)."""
    return lane_of(task).split("/")[-1]


def request_of(task: Task, text: str | None) -> dict[str, Any]:
    """Who asked for what, and whence; ``how`` they came to be known, and the operating system's user."""
    request = task.request
    return {
        "source": request.get("source", ""),
        "by": request.get("by", ""),
        "how": request.get("how", ""),
        "os_user": request.get("os_user", ""),
        "text": text,
        "at": task.created_at,
        "ref": request.get("ref"),
    }


def all_pass(task: Task, scope: str) -> bool:
    """Whether the newest round of every check of a scope passed; False where none was asked."""
    checks = task.checks.get(scope, {})
    return bool(checks) and all(c.verdict == "pass" for c in checks.values())


def final_of(task: Task, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The newest verdicts on the end state; before completion was asked, those on the newest operation."""
    scopes: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        if entry.kind is Kind.VERIFIED:
            scopes.setdefault(entry.body["scope"], {}).pop(entry.body["check"], None)
            scopes[entry.body["scope"]][entry.body["check"]] = entry
    wanted = "rollback" if task.direction is Direction.ROLLING_BACK else "completion"
    newest = scopes.get(wanted) or (list(scopes.values())[-1] if scopes else {})
    return [_final(entry) for entry in newest.values()]


def _final(entry: Entry) -> dict[str, Any]:
    body = entry.body
    return {
        "check": body["check"],
        "expected": body["expected"],
        "observed": observed_of(body["facts"], body["observed"]),
        "verdict": body["verdict"],
        "at": entry.at,
        "by": str(entry.role),
        "seq": entry.seq,
    }


def observed_of(facts: Mapping[str, Any], line: str) -> Any:
    """What was observed, as values: of the only read, or by name; the line where no value was kept."""
    values = {name: fact.get("value", fact.get("excerpt")) for name, fact in facts.items()}
    if not values:
        return line
    return next(iter(values.values())) if len(values) == 1 else values


def _sends(task: Task) -> list[tuple[Operation, Attempt]]:
    """Every attempt of every operation, in the order of their intents."""
    sends = [(o, a) for o in task.operations for a in o.attempts]
    return sorted(sends, key=lambda pair: pair[1].seq)


def _shown_absent(task: Task, entries: Iterable[Entry]) -> frozenset[int]:
    """Seqs of the attempts of which a probe or a human's word has settled that they were not applied."""
    settled = [e for e in entries if e.kind is Kind.RECONCILED and e.body["settles"] == Outcome.NOT_APPLIED]
    return frozenset(
        a.seq for e in settled for o in task.operations if o.id == e.body["op"]
        for a in o.attempts if a.seq < e.seq
    )  # fmt: skip


def _write(operation: Operation, attempt: Attempt, refuted: frozenset[int]) -> dict[str, Any]:
    return {
        "op": operation.id,
        "attempt": attempt.number,
        "tool": attempt.tool,
        "resource": attempt.resource,
        "key": attempt.key,
        "outcome": str(attempt.outcome) if attempt.outcome is not None else "unknown",
        "effect": str(Known.REFUTED) if attempt.seq in refuted else effect_of(operation, attempt, refuted),
        "seq": attempt.seq,
    }


def effect_of(operation: Operation, attempt: Attempt, refuted: frozenset[int] = frozenset()) -> str:
    """What is known of one attempt's effect: confirmed, refuted or unknown.

    Several attempts without a definite answer share one effect at most; which of them it was stays unknown.
    ``refuted``: seqs of attempts that were shown not to have been applied.
    """
    if attempt.outcome in DEFINITE_ABSENT or operation.known is Known.REFUTED:
        return str(Known.REFUTED)
    landed = [a for a in operation.attempts if a.outcome not in DEFINITE_ABSENT and a.seq not in refuted]
    answered = [a for a in landed if a.outcome is Outcome.SUCCEEDED]
    if len(landed) == 1 or answered == [attempt]:
        return str(operation.known)
    return str(Known.UNKNOWN)


def remaining_of(task: Task, terms: Terms) -> list[dict[str, Any]]:
    """What the runbook asks for and the run has not done, or has given up."""
    if task.closed == "completed" or (task.direction is Direction.COMPLETING and task.closed is not None):
        return []
    remaining: list[dict[str, Any]] = []
    for (left, item), reason in task.left_slots.items():
        remaining.append({"step": left, "item": item, "why": reason})
    if task.direction is not Direction.FORWARD or task.closed == "partially_completed":
        return remaining
    finished = {o.slot for o in task.forward if o.status is not Status.OPEN} | set(task.left_slots)
    for step in terms.steps:
        items = range(len(task.items[step.id])) if step.id in task.items else (None,)
        remaining += [
            {
                "step": step.id,
                "item": item,
                "why": "not finished" if task.of_slot(step.id, item) else "not begun",
            }
            for item in items
            if (step.id, item) not in finished
        ]
    return remaining


def _model(task: Task, entries: Iterable[Entry]) -> dict[str, Any]:
    asked = [e.body["model_id"] for e in entries if e.kind is Kind.JUDGED]
    return {"calls": task.model_calls, "tokens": task.model_tokens, "id": asked[-1] if asked else "rules"}


def _packet(task: Task) -> str | None:
    closing = task.closed_body.get("packet")
    if closing:
        return str(closing)
    return task.escalation.id if task.escalation is not None else None
