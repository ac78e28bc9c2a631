"""What the body of each kind of entry holds: one constructor a kind, used by everything that appends.

The fold reads exactly these fields. Times are instants as text, durations milliseconds; values that come
from targets are JSON without floats. Free text never stands in a body, only the digest of its payload.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from state.entry import Draft, Kind, Role
from state.outcome import Outcome
from state.task import EMPTY, Clock

Values = Mapping[str, Any]


def _draft(kind: Kind, role: Role, actor: str, body: dict[str, Any], credential: str = "none") -> Draft:
    return Draft(kind=kind, role=role, actor=actor, body=body, credential=credential)


def requested(*, actor: str, **request: Any) -> Draft:
    """Who asked for what, and whence: source, by, os_user, ref, delivery, text (payload digest), criteria."""
    return _draft(Kind.REQUESTED, Role.INTAKE, actor, request)


def interpreted(
    *, actor: str, runbook: str, version: int, inputs: Values, by: str, phrase: str = ""
) -> Draft:
    """What the request was read as; ``by``: phrase, direct or model."""
    body = {"runbook": runbook, "version": version, "inputs": dict(inputs), "by": by, "phrase": phrase}
    return _draft(Kind.INTERPRETED, Role.INTAKE, actor, body)


def admitted(*, actor: str, **terms: Any) -> Draft:
    """The terms of the run: runbook, version, title, inputs, target, mode, solo, pins, once_key,
    once_span_ms, delivery, deadline_ms, severity, requester, source."""
    return _draft(Kind.ADMITTED, Role.INTAKE, actor, terms)


def rejected(*, actor: str, code: str, message: str) -> Draft:
    """The request was not admitted, and nothing was done."""
    return _draft(Kind.REJECTED, Role.INTAKE, actor, {"code": code, "message": message})


def claimed(
    *,
    worker: str,
    boot_id: str,
    pid_ns: str,
    pid: int,
    start_time: int,
    uid: int,
    lock_file: str,
    clock: Clock,
    predecessor: Values | None,
    proven: Sequence[int],
) -> Draft:
    """A worker took the run. ``predecessor``: {epoch, worker, ended: exited | released | lease_expired};
    ``proven``: every earlier epoch whose process can send nothing any more."""
    return _draft(Kind.CLAIMED, Role.ORCHESTRATOR, worker, {
        "worker": worker, "boot_id": boot_id, "pid_ns": pid_ns, "pid": pid, "start_time": start_time,
        "uid": uid, "lock_file": lock_file, "clock": {"boot_id": clock.boot_id, "ms": clock.ms},
        "predecessor": dict(predecessor) if predecessor else None, "proven": list(proven),
    })  # fmt: skip


def hydrated(*, actor: str, credential: str = "none", **found: Any) -> Draft:
    """What was read before anything is decided: bindings, initial, derived, items, resources, holds,
    facts, conflicts [{what, expected, observed}], problem (not readable now), refusal (of the inputs)."""
    return _draft(Kind.HYDRATED, Role.VERIFIER, actor, found, credential)


def checked(
    *,
    actor: str,
    id: str,  # noqa: A002
    verdict: str,
    expected: str,
    observed: str,
    facts: Values,
    credential: str = "none",
) -> Draft:
    """A precondition was read: pass, fail or unknown."""
    body = {
        "id": id,
        "verdict": str(verdict),
        "expected": expected,
        "observed": observed,
        "facts": dict(facts),
    }
    return _draft(Kind.CHECKED, Role.VERIFIER, actor, body, credential)


def conflict(*, actor: str, what: str, expected: str, observed: str) -> Draft:
    """The world is not as the run remembers it."""
    body = {"conflict": {"what": what, "expected": expected, "observed": observed}}
    return _draft(Kind.CHECKED, Role.VERIFIER, actor, body)


def judged(
    *, actor: str, role: Role, fork: str, row: int, rules: str, model: str, taken: str, reason: str,
    model_id: str, prompt: str, tokens: int, until: str | None = None,
) -> Draft:  # fmt: skip
    """A model was asked at a fork: the rules' move, the model's, and what was taken."""
    return _draft(Kind.JUDGED, role, actor, {
        "fork": fork, "row": row, "rules": rules, "model": model, "taken": taken, "reason": reason,
        "model_id": model_id, "prompt": prompt, "tokens": tokens, "until": until,
    })  # fmt: skip


def reserved(*, fork: str, tokens: int, calls: int = 1) -> Draft:
    """Tokens and calls set aside before a model is asked."""
    return _draft(Kind.RESERVED, Role.ORCHESTRATOR, "", {"fork": fork, "tokens": tokens, "calls": calls})


def model_asked(*, actor: str, tokens: int) -> Draft:
    """A model call set aside at intake for the requester ``actor``; it stands in chain ``desk``."""
    return _draft(Kind.RESERVED, Role.INTAKE, actor, {"fork": "intake", "tokens": tokens, "calls": 1})


def denied(*, actor: str, role: Role, op: str, code: str, guard: str, digest: str, message: str) -> Draft:
    """A guard refused a call; nothing was sent."""
    body = {"op": op, "code": code, "guard": guard, "digest": digest, "message": message}
    return _draft(Kind.DENIED, role, actor, body)


def intent(
    *, actor: str, credential: str, op: str, step: str, item: int | None, ordinal: int, undoes: str | None,
    attempt: int, tool: str, resource: str, arguments: Values, key: str, digest: str, send_by: str,
    span_ms: int, facts: Values, granted: bool, child: bool = False,
) -> Draft:  # fmt: skip
    """A write is about to be sent, with exactly these arguments; ``span_ms``: its quarantine.

    ``child``: a child process sends it, which may outlive the worker; stands in the body only where it is so.
    """
    return _draft(Kind.INTENT, Role.EXECUTOR, actor, {
        "op": op, "step": step, "item": item, "ordinal": ordinal, "undoes": undoes, "attempt": attempt,
        "tool": tool, "resource": resource, "arguments": dict(arguments), "key": key, "digest": digest,
        "send_by": send_by, "span_ms": span_ms, "facts": dict(facts), "granted": granted,
        **({"child": True} if child else {}),
    }, credential)  # fmt: skip


def outcome(
    *, actor: str, credential: str, op: str, attempt: int, outcome: Outcome, code: str, detail: str,
    result: Values | None, condition_failed: bool, pauses: bool, counts: bool, returned: Clock | None,
) -> Draft:  # fmt: skip
    """How the sending call ended; it returned at ``returned`` on its host's monotonic clock.

    None: it has not, was given up on, and may still send.
    """
    return _draft(Kind.OUTCOME, Role.EXECUTOR, actor, {
        "op": op, "attempt": attempt, "outcome": outcome.value, "code": code, "detail": detail,
        "result": dict(result) if result is not None else None, "condition_failed": condition_failed,
        "pauses": pauses, "counts": counts,
        "returned": {"boot_id": returned.boot_id, "ms": returned.ms} if returned is not None else None,
    }, credential)  # fmt: skip


def reconciled(
    *, actor: str, role: Role, op: str, by: str, verdict: str, settles: Outcome | None,
    grounded: Sequence[int], observed: str, licence: str, facts: Values, absorbs: bool = False,
    evidence: str | None = None, credential: str = "none",
) -> Draft:  # fmt: skip
    """What a probe (or a human's word) says of an operation: applied, absent or unknown; what that settles;
    which attempts cannot land any more; ``absorbs``: the target shows that a later copy changes nothing."""
    return _draft(Kind.RECONCILED, role, actor, {
        "op": op, "by": by, "verdict": str(verdict), "settles": settles.value if settles else None,
        "grounded": list(grounded), "observed": observed, "licence": licence, "facts": dict(facts),
        "absorbs": absorbs, "evidence": evidence,
    }, credential)  # fmt: skip


def verified(
    *, actor: str, scope: str, check: str, expected: str, observed: str, verdict: str, facts: Values,
    max_gap_ms: int, effect: str | None = None, absorbs: bool = False, credential: str = "none",
) -> Draft:  # fmt: skip
    """One round of a check. ``scope``: an operation, ``due:OP``, ``completion`` or ``rollback``;
    ``max_gap_ms``: a longer gap between two rounds ends a row of passes; ``effect``: what the same facts
    say of the operation."""
    return _draft(Kind.VERIFIED, Role.VERIFIER, actor, {
        "scope": scope, "check": check, "expected": expected, "observed": observed, "verdict": str(verdict),
        "facts": dict(facts), "max_gap_ms": max_gap_ms, "effect": effect, "absorbs": absorbs,
    }, credential)  # fmt: skip


def confirmed(*, op: str) -> Draft:
    """An operation's checks passed; it is finished."""
    return _draft(Kind.CONFIRMED, Role.VERIFIER, "", {"op": op})


def left(*, step: str, item: int | None, op: str | None, reason: str) -> Draft:
    """An optional operation was given up."""
    return _draft(Kind.LEFT, Role.ORCHESTRATOR, "", {"step": step, "item": item, "op": op, "reason": reason})


def waiting(*, reason: str, until: str | None, row: int, detail: str = "", **more: Any) -> Draft:
    """The run leaves the worker until ``until``, or until somebody says something. A confirmation asked for
    adds op, digest, summary, expires_at, and the call itself: tool, arguments, resource."""
    body = {"reason": reason, "until": until, "row": row, "detail": detail, **more}
    return _draft(Kind.WAITING, Role.ORCHESTRATOR, "", body)


def signal(
    *, id: str, kind: str, by: str, at: str, body: Values, refused: Values | None = None,  # noqa: A002
    who: Values = EMPTY,
) -> Draft:  # fmt: skip
    """Somebody else said something; ``refused`` {code, message} where it changes nothing.

    ``who``: how ``by`` came to be known, and the operating system's user behind them; empty: unknown.
    """
    role = Role.INTAKE if kind == "late_reply" else Role.HUMAN
    return _draft(Kind.SIGNAL, role, by, {
        "id": id, "kind": kind, "by": by, "at": at, "body": dict(body),
        "refused": dict(refused) if refused else None, **_known(who),
    })  # fmt: skip


def _known(who: Values) -> dict[str, Any]:
    return {"who": dict(who)} if who else {}


def decided(
    *,
    id: str,  # noqa: A002
    escalation: str,
    choice: str,
    by: str,
    basis: str,
    words: Values,
    evidence: str | None,
    reason: str,
    who: Values = EMPTY,
) -> Draft:
    """A human's decision was taken, on the basis that they saw; ``who`` as in ``signal``."""
    return _draft(Kind.DECIDED, Role.HUMAN, by, {
        "id": id, "escalation": escalation, "choice": choice, "by": by, "basis": basis, "words": dict(words),
        "evidence": evidence, "reason": reason, **_known(who),
    })  # fmt: skip


def granted(*, escalation: str, choice: str, sends: int) -> Draft:
    """The decision is carried out from here on: verdicts and tries are fresh, ``sends`` more may be made."""
    return _draft(
        Kind.GRANTED, Role.ORCHESTRATOR, "", {"escalation": escalation, "choice": choice, "sends": sends}
    )


def turned(*, to: str, reason: str) -> Draft:
    """The run changes its direction: rolling_back or completing."""
    return _draft(Kind.TURNED, Role.ORCHESTRATOR, "", {"to": str(to), "reason": reason})


def escalated(
    *, id: str, reason: str, code: str, row: int, packet: str, basis: str, severity: str,  # noqa: A002
    step: str, next_level_at: str | None, notice: Values | None,
) -> Draft:  # fmt: skip
    """The run stops for a human. ``packet``: its digest; ``notice``: who is told, through the outbox."""
    return _draft(Kind.ESCALATED, Role.PACKAGER, "", {
        "id": id, "reason": reason, "code": code, "row": row, "packet": packet, "basis": basis,
        "severity": severity, "step": step, "next_level_at": next_level_at,
        "notice": dict(notice) if notice else None,
    })  # fmt: skip


def notified(*, escalation: str, level: int, next_level_at: str | None, notice: Values) -> Draft:
    """The next level is told; nothing else happens by itself."""
    return _draft(Kind.NOTIFIED, Role.PACKAGER, "", {
        "escalation": escalation, "level": level, "next_level_at": next_level_at, "notice": dict(notice),
    })  # fmt: skip


def closed(*, state: str, reason: str, detail: str = "", by: str = "", packet: str | None = None) -> Draft:
    """The run has ended. ``packet``: digest of the packet that it leaves to a human."""
    role = Role.HUMAN if by else Role.ORCHESTRATOR
    body = {"state": state, "reason": reason, "detail": detail, "packet": packet}
    return _draft(Kind.CLOSED, role, by, body)


def reported(*, to: str, ref: str) -> Draft:
    """The end was written back to where the request came from."""
    return _draft(Kind.REPORTED, Role.ORCHESTRATOR, "", {"to": to, "ref": ref})
