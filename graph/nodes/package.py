"""A run stops for a human: the packet is written, and who is on the list is told; nothing else happens."""

import json
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.decide import after
from graph.nodes.verify import preconditions
from graph.packets import Told, packet_at_end, packet_for, told_at
from graph.routes import Node, RunState
from graph.session import Session
from policies.decisions import basis
from policies.move import Close, Escalate, TellNext
from state import bodies, instants
from state.entry import Draft
from state.holder import extend
from state.ledger.port import Payload
from state.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop:
    """An escalation as it is about to be written."""

    id: str
    move: Escalate
    told: Told
    next_level_at: str | None


def package(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Escalate with a packet, or tell the next level."""
    session, move = runtime.context, state["move"]
    if isinstance(move, TellNext):
        _tell_next(session, move)
    else:
        assert isinstance(move, Escalate)  # noqa: S101 the routing table sends nothing else here
        _escalate(session, move)
    return after(session)


def _escalate(session: Session, move: Escalate) -> None:
    session.pauses("in_package")
    if session.task.bound and move.reason not in ("stuck", "tools_unavailable"):
        session.note(*preconditions(session))  # so that the packet says how things are now, not as they were
    told = told_at(session, 1)
    stop = _Stop(
        id=f"{session.task.run}/esc-{len(session.task.escalations) + 1}",
        move=move,
        told=told,
        next_level_at=_next_level_at(session, told),
    )
    opened = _opened(session, stop)
    seen = basis(opened)
    packet = packet_for(
        session, move, opened, escalation=stop.id, basis=seen, told=told, respond_by=stop.next_level_at
    )
    payload = session.sealed(json.dumps(packet, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    session.append(_escalated(session, stop, packet=payload.digest, basis=seen), payloads=(payload,))


def _opened(session: Session, stop: _Stop) -> Task:
    """The run as it will stand once the escalation is open: what a decision is offered and rests on."""
    draft = _escalated(session, stop, packet="", basis="")
    preview, _ = extend(
        session.task, (draft,), at=session.holder.now(), epoch=session.holder.epoch, code="preview"
    )
    return preview


def _next_level_at(session: Session, told: Told) -> str | None:
    return None if told.within_ms is None else instants.after(session.holder.now(), told.within_ms / 1000)


def _escalated(session: Session, stop: _Stop, *, packet: str, basis: str) -> Draft:
    return bodies.escalated(
        id=stop.id,
        reason=stop.move.reason,
        code=stop.move.code,
        row=stop.move.row,
        packet=packet,
        basis=basis,
        severity=session.severity,
        step=stop.move.step,
        next_level_at=stop.next_level_at,
        notice=_notice(session, stop.told, stop.id, stop.move.reason),
    )


def _notice(session: Session, told: Told, escalation: str, reason: str) -> dict[str, Any]:
    return {
        "channel": "page",
        "to": told.to,
        "body": {
            "escalation": escalation,
            "run": session.task.run,
            "runbook": session.runbook.ref,
            "target": session.task.target,
            "reason": reason,
            "severity": session.severity,
        },
    }


def _tell_next(session: Session, move: TellNext) -> None:
    """The next level is told; behind the last one nobody else is, and the run goes on waiting."""
    escalation = session.task.open_escalation
    assert escalation is not None  # noqa: S101 the move exists because one is open
    told = told_at(session, move.level)
    session.append(
        bodies.notified(
            escalation=escalation.id,
            level=move.level,
            next_level_at=_next_level_at(session, told),
            notice=_notice(session, told, escalation.id, escalation.reason),
        )
    )


def closing_packet(session: Session, move: Close) -> tuple[list[Draft], tuple[Payload, ...]]:
    """The end of a run that leaves something to a human: what is left, and who is told."""
    told = told_at(session, 1)
    escalation = f"{session.task.run}/end"
    packet = packet_at_end(session, move, escalation=escalation, told=told)
    payload = session.sealed(json.dumps(packet, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    notice = _notice(session, told, escalation, move.reason)
    page = bodies.notified(escalation=escalation, level=0, next_level_at=None, notice=notice)
    closed = bodies.closed(state=move.state, reason=move.reason, packet=payload.digest)
    return [page, closed], (payload,)
