"""How things end: an optional operation is left, the run turns or closes."""

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.decide import after
from graph.nodes.package import closing_packet
from graph.routes import Node, RunState
from graph.session import Session
from policies.move import Close, Leave, Turn
from state import bodies


def close(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Write the end of an operation, of a direction, or of the run."""
    session = runtime.context
    match state["move"]:
        case Leave(step=step, item=item, op=op, reason=reason):
            session.note(bodies.left(step=step, item=item, op=op, reason=reason))
        case Turn(to=to, reason=reason):
            session.note(bodies.turned(to=to, reason=reason))
        case Close(packet=True) as move:
            drafts, payloads = closing_packet(session, move)
            session.append(*drafts, payloads=payloads)
        case Close() as move:
            session.append(bodies.closed(state=move.state, reason=move.reason, by=_decider(session, move)))
        case other:
            raise AssertionError(f"{type(other).__name__} does not end anything")
    return after(session)


def _decider(session: Session, move: Close) -> str:
    """Who has ended the run, where a human has."""
    escalation = session.task.escalation
    if move.state != "closed_by_human" or escalation is None or escalation.decision is None:
        return ""
    return escalation.decision.by
