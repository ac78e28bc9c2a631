"""How things end: an operation is confirmed or left, the run turns or closes."""

from langgraph.runtime import Runtime

from graph.decide import after
from graph.nodes.package import closing_packet
from graph.routes import RunState
from graph.session import Session
from policies.move import Close, Confirm, Leave, Move, Turn
from state import bodies
from state.entry import Draft
from state.ledger.port import Payload


def close(state: RunState, runtime: Runtime[Session]) -> RunState:
    """Write the end of an operation, of a direction, or of the run."""
    session, move = runtime.context, state["move"]
    assert move is not None  # noqa: S101 the routing table sends nothing else here
    drafts, payloads = _written(session, move)
    session.append(*drafts, payloads=payloads)
    return after(session)


def _written(session: Session, move: Move) -> tuple[list[Draft], tuple[Payload, ...]]:
    match move:
        case Confirm(op=op):
            return [bodies.confirmed(op=op)], ()
        case Leave(step=step, item=item, op=op, reason=reason):
            return [bodies.left(step=step, item=item, op=op, reason=reason)], ()
        case Turn(to=to, reason=reason):
            return [bodies.turned(to=to, reason=reason)], ()
        case Close(packet=True):
            return closing_packet(session, move)
        case Close(state=ended, reason=reason):
            return [bodies.closed(state=ended, reason=reason, by=_decider(session, move))], ()
        case _:
            raise AssertionError(f"{type(move).__name__} does not end anything")


def _decider(session: Session, move: Close) -> str:
    escalation = session.task.escalation
    human = move.state == "closed_by_human" and escalation is not None and escalation.decision is not None
    return escalation.decision.by if human and escalation and escalation.decision else ""
