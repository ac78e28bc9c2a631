"""The executor's hands: one guarded write, from fresh facts to a recorded outcome."""

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.compare import acknowledged, compare
from graph.decide import after, onward
from graph.routes import Node, RunState
from graph.session import Session
from policies.call import Call
from policies.errors import TemplateError
from policies.guards import Denied, OperationRef, confirmation_digest
from policies.move import AskConfirmation, Due
from policies.runbook import Step
from policies.scope import Scope
from policies.step import Rollback
from policies.templates import render_resource, render_value
from state import bodies, instants
from state.entry import Role
from state.wording import clipped, pairs_text
from tools.gateway import Answered


def execute(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Send the write that is due, or ask a human to confirm exactly it."""
    session, move = runtime.context, state["move"]
    assert isinstance(move, Due)  # noqa: S101 the routing table sends nothing else here
    prepared = _prepare(session, move)
    if prepared is not None:
        call, reads = prepared
        if isinstance(move, AskConfirmation):
            _ask(session, move, call)
        else:
            held = _send(session, move, call, reads)
            if not held:
                return onward(session, None)
    return after(session)


def _prepare(session: Session, move: Due) -> tuple[Call, dict[str, Any]] | None:
    """The call as it will be sent, frozen, with the reads it rests on; None where an entry says why not."""
    write = _write(session, move)
    known = next((o for o in session.task.operations if o.id == move.op), None)
    if known is not None:
        first = known.attempts[0]
        return _call(session, move, write, dict(first.arguments), first.resource), dict(first.facts)
    conflicts = len(session.task.conflicts)
    problem = compare(session)
    if problem:
        session.note(bodies.hydrated(actor=session.holder.worker, problem=problem))
    if problem or len(session.task.conflicts) > conflicts:
        return None
    scope = session.scope_due(move.step, move.item, move.undoes)
    found = session.verifier.attempt_facts(write, scope)
    if found.problem:
        session.note(bodies.hydrated(actor=session.holder.worker, problem=found.problem))
        return None
    scope = scope.with_attempt(found.values)
    if isinstance(write, Step) and _conflicts(session, write, scope):
        return None
    contract = session.contracts[write.tool]
    try:
        # bindings as they were pinned: a fact holds only the fields that some check has looked at
        arguments = render_value(write.arguments, scope.values(observed={}))
        resource = render_resource(contract.resource or "", arguments)
    except TemplateError as error:
        session.note(bodies.hydrated(actor=session.holder.worker, problem=f"{move.op}: {error}"))
        return None
    return _call(session, move, write, arguments, resource), dict(found.values)


def _write(session: Session, move: Due) -> Step | Rollback:
    if move.undoes is None:
        return session.runbook.step(move.step)
    undo = session.runbook.rollback(move.step)
    assert undo is not None  # noqa: S101 only what can be undone is due to be undone
    return undo


def _call(
    session: Session, move: Due, write: Step | Rollback, arguments: dict[str, Any], resource: str
) -> Call:
    timeout_ms = session.plan.write_of(move.step, move.undoes).timeout_ms
    return Call(
        tool=write.tool,
        arguments=arguments,
        role=Role.EXECUTOR,
        resource=resource,
        key=f"{session.task.run}/{move.op}",
        timeout_s=timeout_ms / 1000,
    )


def _conflicts(session: Session, step: Step, scope: Scope) -> bool:
    """Somebody else has been there (or nobody can say): the entry is written, and nothing is sent."""
    verdict = session.verifier.conflict_if(step, scope)
    if verdict is None or verdict.verdict == "pass":
        return False
    if verdict.verdict == "fail":
        if acknowledged(session.task, verdict.check, verdict.observed):
            return False
        conflict = bodies.conflict(
            actor=session.holder.worker,
            what=verdict.check,
            expected=verdict.expected,
            observed=verdict.observed,
        )
        session.note(conflict)
    else:
        session.note(
            bodies.hydrated(actor=session.holder.worker, problem=f"{verdict.check}: {verdict.reason}")
        )
    return True


def _send(session: Session, move: Due, call: Call, reads: dict[str, Any]) -> bool:
    """Whether the claim still holds: a worker that cannot renew its lease leaves the run to others."""
    context = session.guard_context(call.tool, op=OperationRef.of(move), reads=reads)
    written = session.gateway.write(session.holder, call, context)
    if isinstance(written, Denied) and written.code.startswith("confirmation"):
        _ask(session, move, call)
    return not (isinstance(written, Answered) and written.claim_lost)


def _ask(session: Session, move: Due, call: Call) -> None:
    """Ask for exactly this call; the version field that the target checks by itself is no part of it."""
    contract = session.contracts[call.tool]
    what = pairs_text(call.arguments)
    expires_at = instants.after(session.holder.now(), session.policy.delegation.confirm_within_ms / 1000)
    session.append(
        bodies.waiting(
            reason="confirmation",
            until=expires_at,
            row=20,
            detail=move.op,
            op=move.op,
            digest=confirmation_digest(call, contract),
            summary=clipped(f"{call.tool} {what} on {call.resource}", 400),
            expires_at=expires_at,
            tool=call.tool,
            arguments=dict(call.arguments),
            resource=call.resource,
        )
    )
