"""What a packet is made of now: the task, its entries, the offers, and what lies around the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.facts import shown
from graph.session import Session
from policies import decisions
from policies.decisions import CHOICES, Offer, offers
from policies.moment import Moment
from policies.move import Close, Escalate
from policies.plan import Plan
from policies.terms import terms_of
from state import bodies
from state.holder import extend
from state.ledger.port import Query, RunInfo
from state.packet import Context, Look, Material, Option, Stop, option_row, packet_of
from state.task import Task

_COMMANDS: Final[Mapping[str, str]] = {
    "resume": "resume", "retry_once": "retry", "mark_done": "done", "roll_back": "rollback", "abort": "abort",
}  # fmt: skip
_BASIS_SHOWN: Final = 12
SIMILAR_SHOWN: Final = 3
MAX_LOOKS: Final = 4
MAX_LOOK_TEXT: Final = 600
LOOKS_MS: Final = 2_000  # behind which no further diagnostic read is begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told at a level, and how long they have (None: nobody comes after them)."""

    to: str
    next: str
    within_ms: int | None


def told_at(session: Session, level: int) -> Told:
    """Level ``level`` of the escalation, counted from 1; the last one for every level behind it."""
    levels = session.runbook.escalation.levels
    index = min(level, len(levels)) - 1
    more = level < len(levels)
    return Told(
        to=_who(session, levels[index].to),
        next=_who(session, levels[index + 1].to) if more else "",
        within_ms=levels[index].within_ms if more else None,
    )


def _who(session: Session, to: str) -> str:
    if to != "system_owner":
        return to
    owner = system_owner(session.task)
    return f"system_owner ({owner})" if owner else "system_owner"


def system_owner(task: Task) -> str:
    """Who answers for the system, as a binding says."""
    for bound in task.bindings.values():
        if isinstance(bound, Mapping) and isinstance(bound.get("system_owner"), str):
            return str(bound["system_owner"])
    return ""


def packet_for(
    session: Session, move: Escalate, opened: Task, *, escalation: str, basis: str, told: Told,
    respond_by: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The packet of a stop, as it stands now; ``opened``: the run once the escalation is open."""
    stop = Stop(
        id=escalation, reason=move.reason, row=move.row, severity=session.severity, basis=basis,
        code=move.code, step=move.step, detail=move.detail, told=told.to, told_next=told.next,
        respond_by=respond_by,
    )  # fmt: skip
    options = [option_of(o, escalation, basis) for o in offers(opened, session.plan, session.moment())]
    return packet_of(_material(session, session.task, stop, options))


def packet_at_end(session: Session, move: Close, *, escalation: str, told: Told) -> dict[str, Any]:
    """The packet of a run that ends and leaves something to a human: nothing can be decided any more."""
    stop = Stop(
        id=escalation, reason=move.reason, row=move.row, severity=session.severity, basis="",
        code="", step="", detail=move.state, told=told.to, told_next="", respond_by=None,
    )  # fmt: skip
    draft = bodies.closed(state=move.state, reason=move.reason)
    ended, _ = extend(
        session.task, (draft,), at=session.holder.now(), epoch=session.holder.epoch, code="preview"
    )
    why = f"the run has ended as {move.state}"
    options = [Option(id=c, allowed=False, does="", why=why, needs="", cli="") for c in CHOICES]
    return packet_of(_material(session, ended, stop, options))


def _material(session: Session, task: Task, stop: Stop, options: list[Option]) -> Material:
    session.holder.flush()  # what was seen last is evidence too
    moment = session.moment()
    return Material(
        task=task,
        entries=session.ledger.read(task.run),
        terms=terms_of(session.runbook),
        stop=stop,
        options=options,
        at=moment.at,
        context=_context(session),
        looks=_looks(session),
        deadline_left_ms=max(0, task.deadline_ms - moment.spent_ms(task)),
    )


def _looks(session: Session) -> tuple[Look, ...]:
    """The runbook's diagnostic reads, in order, for as long as a packet may wait for them."""
    if not session.task.bound or session.without_tools:
        return ()
    began, one, looks = session.clock().ms, session.verifier.round(), list[Look]()
    for diagnose in session.runbook.diagnose[:MAX_LOOKS]:
        if session.clock().ms - began > LOOKS_MS:
            break
        seen = one.diagnose(diagnose, session.scope())
        text = shown(seen.value, MAX_LOOK_TEXT) if seen.value is not None else f"not readable: {seen.problem}"
        looks.append(Look(id=diagnose.id, source=seen.source, at=seen.at, text=text))
    return tuple(looks)


def as_of(
    packet: Mapping[str, Any], task: Task, plan: Plan, moment: Moment, *, escalation: str
) -> dict[str, Any]:
    """A packet of an open escalation with the options and the basis that a decision rests on now.

    What was seen stands as it was seen, with its age; only what can be decided may have moved since.
    """
    now = decisions.basis(task)
    options = [option_row(option_of(o, escalation, now)) for o in offers(task, plan, moment)]
    return {**packet, "options": options, "basis": now}


def option_of(offer: Offer, escalation: str, basis: str) -> Option:
    """An offer as a packet shows it, with the command that takes it."""
    needs = " and ".join(offer.needs)
    words = " --effect OP=applied|not_applied|unknown" if "effect" in offer.needs else ""
    evidence = " --evidence FILE" if "evidence" in offer.needs else ""
    short = basis.removeprefix("sha256:")[:_BASIS_SHOWN]
    return Option(
        id=offer.id,
        allowed=offer.allowed,
        does=offer.does if offer.allowed else "",
        why=offer.why,
        needs=needs,
        cli=f"remit esc {_COMMANDS[offer.id]} {escalation} --basis {short}{words}{evidence}",
    )


def _context(session: Session) -> Context:
    task = session.task
    text = task.request.get("text")
    others = _others(session)
    return Context(
        text=session.ledger.payload(text) if isinstance(text, str) else None,
        system_owner=system_owner(task),
        resource_runs_7d=len(others),
        similar=tuple(_similar(i) for i in others if i.row.escalation)[:SIMILAR_SHOWN],
    )


def _others(session: Session) -> list[RunInfo]:
    if not session.task.resources:
        return []
    found = session.ledger.runs(Query(resource=session.task.resources[0], limit=100))
    return [i for i in found if i.run != session.task.run]


def _similar(info: RunInfo) -> dict[str, Any]:
    return {"run": info.run, "reason": info.row.reason or "", "ended": info.row.state or info.row.lane}
