"""Where a run enters, and where what others know comes in: signals, bindings, holds, the first look."""

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.compare import compare
from graph.decide import after
from graph.resources import resources_of
from graph.routes import Node, RunState
from graph.session import Session
from graph.signals import fold_in
from policies.move import Bind, CarryOut, FoldSignals, Hold, Move, Survey
from policies.scope import Scope
from state import bodies
from state.errors import ResourceHeldError


def hydrate(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Perform a move that takes something in; on entry compare what the run remembers with a fresh read."""
    session = runtime.context
    move = state["move"]
    if move is None:
        compare(session)
    else:
        _PERFORM[type(move)](session, move)
    return after(session)


def _signals(session: Session, move: Move) -> None:  # noqa: ARG001
    fold_in(session)


def _bind(session: Session, move: Move) -> None:  # noqa: ARG001
    found = session.verifier.bind(Scope.of(session.task))
    if not found.ok:
        _unreadable(session, found.problem, found.refusal)
        return
    session.compared = True
    bound = dict(found.bindings)
    session.note(
        bodies.hydrated(
            actor=session.holder.worker,
            bindings=bound,
            facts=dict(found.facts),
            resources=resources_of(session.runbook, session.contracts, session.task, bindings=bound),
        )
    )


def _unreadable(session: Session, problem: str, refusal: str) -> None:
    found = {"refusal": refusal} if refusal else {"problem": problem}
    session.note(bodies.hydrated(actor=session.holder.worker, **found))


def _hold(session: Session, move: Move) -> None:  # noqa: ARG001
    task = session.task
    wanted = [r for r in task.resources if r not in task.holds]
    try:
        session.append(bodies.hydrated(actor=session.holder.worker, holds=wanted))
    except ResourceHeldError:
        return  # somebody was quicker: the next look shows who, and the run waits in line


def _survey(session: Session, move: Move) -> None:  # noqa: ARG001
    found = session.verifier.survey(session.scope())
    if not found.ok:
        _unreadable(session, found.problem, found.refusal)
        return
    items = {step: list(values) for step, values in found.items.items()}
    session.note(
        bodies.hydrated(
            actor=session.holder.worker,
            initial=dict(found.initial),
            derived=dict(found.derived),
            items=items,
            facts=dict(found.facts),
            resources=resources_of(
                session.runbook, session.contracts, session.task, items=items, derived=dict(found.derived)
            ),
        )
    )


def _carry_out(session: Session, move: Move) -> None:
    """What the human saw becomes the ground to stand on, then their decision is in force."""
    assert isinstance(move, CarryOut)  # noqa: S101
    escalation = session.task.escalation
    assert escalation is not None  # noqa: S101 the move exists because of it
    drafts = []
    if session.task.bound and not session.without_tools:
        found = session.verifier.bind(session.scope())
        if found.ok:
            drafts.append(
                bodies.hydrated(
                    actor=session.holder.worker, bindings=dict(found.bindings), facts=dict(found.facts)
                )
            )
    sends = 1 if move.choice == "retry_once" else 0
    session.append(*drafts, bodies.granted(escalation=escalation.id, choice=move.choice, sends=sends))


_PERFORM = {FoldSignals: _signals, Bind: _bind, Hold: _hold, Survey: _survey, CarryOut: _carry_out}
