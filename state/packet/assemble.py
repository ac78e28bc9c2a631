"""How a packet is put together by rules: where, state, changes, options, budgets, each from the fold."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from state import canonical
from state.instants import seconds_between
from state.outcome import DEFINITE_ABSENT, Known
from state.packet.claims import kept_claims, rule_claims
from state.packet.evidence import DeniedRead, Evidence, capped, evidence_of
from state.packet.parts import SCHEMA, Material, Option, Stop
from state.packet.senders import senders_in_doubt
from state.packet.top import ERROR_CLASS, top_of
from state.record import remaining_of, request_of
from state.task import Operation, Task
from state.terms import Terms, retries_of
from state.wording import answer_text

MAX_BYTES: Final = 32 * 1024
_RULE_PARTS: Final = ("top", "where", "state", "changed", "claims", "options", "budgets", "evidence")
_MAX_LINE: Final = 300
_SENDER_ALIVE: Final = "unproven_sender"
_UNREAD: Final = frozenset({"unreadable", "ambiguous"})  # reasons behind which a read gave nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How much is shown: characters of an excerpt and of a line, rows of a list."""

    excerpt: int
    line: int
    listed: int


_FORMS: Final = (
    _Form(excerpt=600, line=300, listed=40),
    _Form(excerpt=300, line=160, listed=20),
    _Form(excerpt=120, line=80, listed=10),
    _Form(excerpt=60, line=40, listed=4),
)


def packet_of(material: Material) -> dict[str, Any]:
    """The packet of a stop: at most MAX_BYTES as JSON, by cutting what is long before leaving anything out.

    Only a run with more writes than fit even so has ``changed_left_out``, the number of the oldest ones.
    """
    looks = [(look.id, look.source, look.at, look.text) for look in material.looks]
    evidence = evidence_of(material.task, material.entries, looks)
    packet: dict[str, Any] = {}
    for form in _FORMS:
        packet = _packet(material, evidence.cut(form.excerpt), form)
        if _size(packet) <= MAX_BYTES:
            return packet
    packet["changed_left_out"] = 0
    while _size(packet) > MAX_BYTES and packet["changed"]:
        packet["changed"].pop(0)
        packet["changed_left_out"] += 1
    return packet


def _size(packet: Mapping[str, Any]) -> int:
    return len(canonical.dumps(dict(packet)).encode())


def _packet(material: Material, evidence: Evidence, form: _Form) -> dict[str, Any]:
    task, stop, terms = material.task, material.stop, material.terms
    state = _state(evidence, material.at, form)
    claims = kept_claims([*material.notes.claims, *rule_claims(state)], evidence.items)
    failing, denied = _failing(state), _denied(stop, state, evidence)
    return {
        "schema": SCHEMA,
        "id": stop.id,
        "run": task.run,
        "created_at": material.at,
        "top": top_of(
            task,
            stop,
            material.options,
            failing=failing,
            denied=denied,
            recommended=material.notes.recommended,
        ),
        "where": _where(task, stop, terms, failing, denied),
        "state": state[: form.listed],
        "changed": [_changed(o, terms, evidence) for o in task.operations if o.attempts],
        "remaining": remaining_of(task, terms)[: form.listed],
        "tried": _tried(task, evidence)[: form.listed],
        "ruled_out": _ruled_out(state)[: form.listed],
        "not_checked": _not_checked(material, state)[: form.listed],
        "claims": claims,
        "options": [option_row(o) for o in material.options],
        "budgets": _budgets(material),
        "context": _context(material),
        "evidence": evidence.items,
        "provenance": _provenance(material, evidence, claims),
        "basis": stop.basis,
    }


def _ruled_out(state: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"text": f"{s['check']} holds: {capped(s['observed'], 120)}", "evidence": s["evidence"]}
        for s in state
        if s["verdict"] == "pass" and s["evidence"]
    ]


def _state(evidence: Evidence, at: str, form: _Form) -> list[dict[str, Any]]:
    """Expected beside observed: what is wrong first, then by age, the freshest first."""
    rows = [
        {
            "check": look.check,
            "expected": capped(look.expected, form.line),
            "observed": capped(look.observed, form.line),
            "verdict": look.verdict,
            "at": look.at,
            "age_s": max(0, math.floor(seconds_between(look.at, at))),
            "evidence": evidence.cites(look.ref),
        }
        for look in evidence.looks
    ]
    return sorted(rows, key=lambda r: (r["verdict"] == "pass", r["age_s"]))


def _failing(state: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((s for s in state if s["verdict"] != "pass"), None)


def _denied(stop: Stop, state: list[dict[str, Any]], evidence: Evidence) -> DeniedRead | None:
    """The denied read that keeps the stop's question from being answered, if one does."""
    failing = _failing(state)
    unread = stop.reason in _UNREAD or (failing is not None and failing["verdict"] == "unknown")
    return evidence.denied[0] if unread and evidence.denied else None


def _where(
    task: Task, stop: Stop, terms: Terms, failing: Mapping[str, Any] | None, denied: DeniedRead | None
) -> dict[str, Any]:
    newest = task.operations[-1] if task.operations else None
    step = terms.step(stop.step or (newest.step if newest else ""))
    sends = sum(len(o.attempts) for o in task.forward if step is not None and o.step == step.id)
    senders = senders_in_doubt(task) if stop.reason == _SENDER_ALIVE else ()
    why = "; ".join(
        p for p in (stop.detail, denied.excerpt() if denied else "", *(s.text() for s in senders)) if p
    )
    return {
        "runbook": f"{task.runbook}@{task.version}",
        "digest": task.pins.get("runbook", ""),
        "step": stop.step or (newest.id if newest else "before the first step"),
        "attempt": sends if step is not None else len(newest.attempts) if newest else 0,
        "attempts_max": step.budget + 1 if step is not None else 0,
        "reason": stop.reason,
        "error_class": ERROR_CLASS.get(stop.reason, "other"),
        "check": failing["check"] if failing else None,
        "code": stop.code or (denied.code if denied else ""),
        "detail": capped(why, _MAX_LINE),
        "row": stop.row,
    }


def _changed(operation: Operation, terms: Terms, evidence: Evidence) -> dict[str, Any]:
    """One write with its effect, however often it was sent."""
    step = terms.step(operation.step)
    last = operation.last
    row: dict[str, Any] = {
        "op": operation.id,
        "tool": last.tool,
        "resource": last.resource,
        "at": last.at,
        "effect": str(operation.known),
        "reversible": operation.undoes is None and step is not None and step.reversible,
        "evidence": evidence.cites(operation.id),
    }
    note = _note(operation)
    return row | {"note": note} if note else row


def _note(operation: Operation) -> str:
    parts = []
    if len(operation.attempts) > 1:
        parts.append(f"sent {len(operation.attempts)} times as one operation")
    flying = [a.number for a in operation.attempts if a.undecided]
    if flying:
        parts.append(f"attempt {', '.join(map(str, flying))} may still land")
    if operation.left_reason:
        parts.append(f"left: {operation.left_reason}")
    if operation.undoes is not None:
        parts.append(f"undoes {operation.undoes}")
    return "; ".join(parts)


def _tried(task: Task, evidence: Evidence) -> list[dict[str, Any]]:
    """What did not go as it should: attempts without a plain success, checks that did not pass."""
    tried: list[dict[str, Any]] = []
    for operation in task.operations:
        for attempt in operation.attempts:
            if attempt.outcome in DEFINITE_ABSENT or attempt.outcome is None or attempt.outcome == "unknown":
                said = str(attempt.outcome or "no answer recorded")
                answer = answer_text(attempt.code, capped(attempt.detail, 160))
                what = " ".join(p for p in (said, answer) if p)
                tried.append({"op": operation.id, "attempt": attempt.number, "outcome": what})
        for check, seen in task.checks.get(operation.id, {}).items():
            if seen.verdict != "pass":
                what = f"check {check} {seen.verdict}: {capped(seen.observed, 160)}"
                tried.append({"op": operation.id, "attempt": len(operation.attempts), "outcome": what})
    return [t | {"evidence": evidence.cites(t["op"])} for t in tried]


def _not_checked(material: Material, state: list[dict[str, Any]]) -> list[str]:
    seen = {look.id for look in material.looks}
    unread = [f"diagnose {d}" for d in material.terms.diagnose if d not in seen]
    unknown = [
        f"{s['check']} (not readable: {capped(s['observed'], 100)})"
        for s in state
        if s["verdict"] == "unknown"
    ]
    doubtful = [
        f"whether {o.id} was applied"
        for o in material.task.operations
        if o.attempts and o.known is Known.UNKNOWN
    ]
    return [*doubtful, *unknown, *material.terms.questions, *unread]


def option_row(option: Option) -> dict[str, Any]:
    """An option as it stands in a packet."""
    shown = {"does": option.does, "why": option.why, "needs": option.needs}
    given = {name: capped(text, _MAX_LINE) for name, text in shown.items() if text}
    return {"id": option.id, "allowed": option.allowed, **given, "cli": option.cli}


def _budgets(material: Material) -> dict[str, Any]:
    task, terms = material.task, material.terms
    used = retries_of(task.operations, terms)
    left = material.deadline_left_ms
    return {
        **{place: {"used": u.used, "of": u.budget} for place, u in used.items()},
        "writes": {"used": task.writes_used(), "of": terms.writes + task.granted},
        "granted_retries": {"used": task.granted, "of": terms.retry_grants},
        "deadline_left_s": None if left is None else max(0, left // 1000),
        "model_calls": {"used": task.model_calls, "of": terms.model_calls},
    }


def _context(material: Material) -> dict[str, Any]:
    request = request_of(material.task, material.context.text)
    if request["text"] is not None:
        request["text"] = capped(request["text"], _MAX_LINE)
    return {
        "request": request,
        "owner": material.terms.owner,
        "system_owner": material.context.system_owner,
        "resource_runs_7d": material.context.resource_runs_7d,
        "similar": [dict(s) for s in material.context.similar[:5]],
    }


def _provenance(
    material: Material, evidence: Evidence, claims: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    noted = {c["text"] for c in material.notes.claims}
    model = (["claims"] if any(c["text"] in noted for c in claims) else []) + (
        ["top.recommended"] if material.notes.recommended else []
    )
    return {
        "rule": list(_RULE_PARTS),
        "model": model,
        "model_id": material.notes.model_id or "rules",
        "redactions": evidence.redactions,
    }
