"""What others said, folded in by the holder: each signal becomes one entry, with what follows from it.

A signal that changes nothing (no right to say it, nothing there to say it of) is folded in as *refused*, with
its reason, so that whoever sent it can see why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from graph.session import Session
from policies import deciders, decisions, flight
from policies.decisions import Proposal, Refusal
from policies.situation import Situation
from state import bodies, instants
from state.entry import Draft, Role
from state.errors import LedgerError
from state.ledger.port import Payload, Signal
from state.outcome import Outcome
from state.task import Claim

_WHO: Final = ("how", "os_user")
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The entries that one signal makes."""

    drafts: tuple[Draft, ...]
    payloads: tuple[Payload, ...] = ()


def fold_in(session: Session) -> None:
    """Fold in every waiting signal, one append each, in the order of arrival."""
    for signal in session.ledger.signals(session.task.run):
        folded = _fold(session, _fit(session, signal))
        session.append(*folded.drafts, payloads=folded.payloads, folds=(signal.id,))


def _fold(session: Session, signal: Signal) -> Folded:
    handler = _HANDLERS.get(signal.kind)
    try:
        if handler is None:
            return _refuse(signal, "unknown_signal", f"nobody understands {signal.kind!r}")
        return handler(session, signal)
    except LedgerError:
        raise  # nothing is wrong with what was said
    except Exception as error:  # noqa: BLE001 - whatever somebody posts must not hold up the run
        return _refuse(signal, "bad_signal", f"{type(error).__name__}: {error}")


def _fit(session: Session, signal: Signal) -> Signal:
    """``signal`` fit to be stored: its door has seen to that, but it may have come past any door."""
    return replace(signal, body=session.said(signal.body)) if signal.kind in _HUMAN else signal


def _said(signal: Signal, body: Mapping[str, Any]) -> Draft:
    return bodies.signal(
        id=signal.id, kind=signal.kind, by=signal.by, at=signal.at, body=body, who=_who(signal)
    )


def _who(signal: Signal) -> dict[str, str]:
    """How whoever said it came to be known, as far as the door has told."""
    told = {name: signal.body.get(name) for name in _WHO}
    return {name: value[:_MAX_NAME] for name, value in told.items() if isinstance(value, str)}


def _refuse(signal: Signal, code: str, message: str) -> Folded:
    refused = {"code": code, "message": message[:400]}
    draft = bodies.signal(
        id=signal.id, kind=signal.kind, by=signal.by, at=signal.at, body={}, refused=refused, who=_who(signal)
    )
    return Folded(drafts=(draft,))


def _roles(session: Session, who: str) -> frozenset[str]:
    people = session.people()
    return people.roles(who) if people is not None else frozenset()


def _human_roles(session: Session, who: str) -> frozenset[str]:
    people = session.people()
    return people.human_roles(who) if people is not None else frozenset()


def _deciders(session: Session) -> frozenset[str]:
    """Roles that decide: pinned and present policy must both say so."""
    present = session.present()
    return deciders.deciders(session.policy.delegation, present.delegation if present is not None else None)


def _enders(session: Session) -> frozenset[str]:
    """Roles that may abort the run, because nobody holds one that decides on it."""
    return deciders.enders(session.people(), _deciders(session))


def _may_steer(session: Session, signal: Signal) -> bool:
    """Whoever asked for the run, may ask for such runs, or decides on them, may pause and cancel it."""
    roles = _roles(session, signal.by)
    asks = frozenset(session.policy.delegation.request)
    return signal.by == session.task.terms.get("requester") or bool(roles & (asks | _deciders(session)))


def _steer(session: Session, signal: Signal) -> Folded:
    if session.task.closed is not None:
        return _refuse(signal, "run_ended", f"the run has ended as {session.task.closed}")
    if not _may_steer(session, signal):
        return _refuse(signal, "not_allowed", f"{signal.by} may not {signal.kind} this run")
    if signal.kind == "cancel" and session.task.open_escalation is not None:
        escalation = session.task.open_escalation.id
        return _refuse(signal, "escalation_open", f"the run waits for a human: remit esc abort {escalation}")
    return Folded(drafts=(_said(signal, {"reason": str(signal.body.get("reason", ""))[:400]}),))


def _ack(session: Session, signal: Signal) -> Folded:
    escalation = session.task.open_escalation
    if escalation is None or signal.body["escalation"] != escalation.id:
        late = decisions.decided_already(session.task, _text(signal.body["escalation"]))
        return _refuse(signal, late.code, late.message)
    if not _human_roles(session, signal.by) & (_deciders(session) | _paged(session)):
        why = f"{signal.by} neither decides on this run nor is told when it stops"
        return _refuse(signal, "not_allowed", why)
    return Folded(drafts=(_said(signal, {"escalation": escalation.id}),))


def _paged(session: Session) -> frozenset[str]:
    """Roles that are told of an escalation, at one level or another."""
    return frozenset(level.to.removeprefix("role:") for level in session.runbook.escalation.levels)


def _attest(session: Session, signal: Signal) -> Folded:
    """A human states that the senders that were shown to them are dead; it counts one quarantine later.

    ``shown``: [{epoch, worker, pid}]. Whoever came into doubt since then is not meant.
    """
    if not _human_roles(session, signal.by) & (_deciders(session) | _enders(session)):
        return _refuse(signal, "not_a_decider", f"{signal.by} may not decide here")
    escalation = session.task.open_escalation
    if escalation is None or signal.body["escalation"] != escalation.id:
        late = decisions.decided_already(session.task, _text(signal.body["escalation"]))
        return _refuse(signal, late.code, late.message)
    shown = {(one["epoch"], one["worker"], one["pid"]) for one in signal.body["shown"]}
    doubtful = _in_doubt(session)
    if not doubtful:
        return _refuse(signal, "nothing_to_attest", "no sender is in doubt")
    epochs = [claim.epoch for claim in doubtful if (claim.epoch, claim.worker, claim.pid) in shown]
    if not epochs:
        return _refuse(signal, "basis_moved", "the senders in doubt are others than you saw; look again")
    clock = session.clock()
    body = {"escalation": escalation.id, "epochs": epochs}
    return Folded(drafts=(_said(signal, {**body, "clock": {"boot_id": clock.boot_id, "ms": clock.ms}}),))


def _in_doubt(session: Session) -> list[Claim]:
    """The claims whose process may still send, and was not yet stated dead."""
    task = session.task
    situation = Situation(task=task, plan=session.plan, moment=session.moment())
    epochs = {
        attempt.epoch
        for operation in decisions.unsettled(situation)
        for attempt in flight.unproven(task, operation, situation.moment)
    }
    return [claim for claim in task.claims if claim.epoch in epochs - set(task.attested)]


def _confirm(session: Session, signal: Signal) -> Folded:
    asked = session.task.confirmations.get(signal.body["op"])
    if asked is None or asked.answer is not None or asked.digest != signal.body["digest"]:
        return _refuse(signal, "nothing_to_confirm", "nobody asked for exactly this")
    if instants.seconds_between(asked.expires_at, signal.at) > 0:
        return _refuse(signal, "nothing_to_confirm", f"the question expired at {asked.expires_at}")
    if not _human_roles(session, signal.by) & _deciders(session):
        return _refuse(signal, "not_a_decider", f"{signal.by} may not confirm here")
    answer = "yes" if signal.body["answer"] == "yes" else "no"
    if answer == "yes" and not _another(session, signal.by):
        return _refuse(signal, "own_request", f"{signal.by} asked for this run; somebody else confirms")
    return Folded(drafts=(_said(signal, {"op": asked.op, "digest": asked.digest, "answer": answer}),))


def _another(session: Session, who: str) -> bool:
    """Nobody confirms what they have asked for themselves, but on a desk that one person runs."""
    people, task = session.people(), session.task
    return people is not None and people.may_confirm_for(
        str(task.terms.get("requester", "")), who, solo=task.solo
    )


def _noted(session: Session, signal: Signal) -> Folded:  # noqa: ARG001
    """Evidence, or a nudge: recorded, and nothing follows by itself."""
    return Folded(drafts=(_said(signal, {k: v for k, v in signal.body.items() if k not in ("text", *_WHO)}),))


def _decide(session: Session, signal: Signal) -> Folded:
    body = signal.body
    text = body.get("evidence")
    proposal = Proposal(
        escalation=_text(body["escalation"]),
        choice=_text(body["choice"]),
        by=signal.by,
        basis=_text(body["basis"]),
        words={_text(op): _text(word) for op, word in dict(body.get("words", {})).items()},
        evidence=bool(text),
    )
    refusal = decisions.judge(
        session.task,
        session.plan,
        session.moment(),
        proposal,
        roles=_human_roles(session, signal.by),
        deciders=_deciders(session),
        enders=_enders(session),
    )
    if isinstance(refusal, Refusal):
        return _refuse(signal, refusal.code, refusal.message)
    payload = session.sealed(str(text)) if text else None
    said = {"escalation": proposal.escalation, "choice": proposal.choice, "words": dict(proposal.words)}
    drafts = [_said(signal, said)]
    for op, word in sorted(proposal.words.items()):
        drafts.append(_word(session, op, word, signal.by, payload.digest if payload else None))
    decided = bodies.decided(
        id=signal.id,
        escalation=proposal.escalation,
        choice=proposal.choice,
        by=signal.by,
        basis=proposal.basis,
        words=proposal.words,
        evidence=payload.digest if payload else None,
        reason=str(body.get("reason", ""))[:400],
        who=_who(signal),
    )
    return Folded(drafts=(*drafts, decided), payloads=(payload,) if payload else ())


def _text(value: object) -> str:
    """What was said, which must be text; TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {type(value).__name__}")
    return value


def _word(session: Session, op: str, word: str, by: str, evidence: str | None) -> Draft:
    """A human's own word on an open effect, taken only when nothing of it can land any more."""
    settles = {"applied": Outcome.SUCCEEDED, "not_applied": Outcome.NOT_APPLIED}.get(word)
    operation = session.task.operation(op)
    return bodies.reconciled(
        actor=by,
        role=Role.HUMAN,
        op=op,
        by="human",
        verdict=word,
        settles=settles,
        grounded=[a.number for a in operation.attempts if a.undecided],
        observed=f"{by} says: {word}",
        licence=flight.licences(session.task, operation, session.later()),
        facts={},
        evidence=evidence,
    )


_HUMAN: Final = frozenset({"decide", "ack", "attest", "confirm", "cancel", "pause", "unpause"})
_HANDLERS: Final[Mapping[str, Callable[[Session, Signal], Folded]]] = MappingProxyType(
    {
        "decide": _decide,
        "ack": _ack,
        "attest": _attest,
        "confirm": _confirm,
        "cancel": _steer,
        "pause": _steer,
        "unpause": _steer,
        "poke": _noted,
        "late_reply": _noted,
        "attached": _noted,
    }
)
