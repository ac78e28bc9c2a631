"""Nothing to do now: a short wait stays in the claim, a longer one leaves with a due time."""

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.decide import after, onward
from graph.routes import Node, RunState
from graph.session import STAYS_MS, Session
from policies.move import Wait
from state import bodies, instants

# Waits that the run's own clock ends; all others end by somebody else's act and never hold a worker.
_OWN = frozenset({"backoff", "quarantine", "read_lag", "check", "model"})


def wait(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Sleep through a short wait; write a longer one down and leave."""
    session, move = runtime.context, state["move"]
    assert isinstance(move, Wait)  # noqa: S101 the routing table sends nothing else here
    stands_still = False  # the database's clock: nothing that it ends would ever be over in this claim
    if move.reason in _OWN and move.ms is not None and move.ms <= STAYS_MS:
        session.holder.flush()  # nothing is lost meanwhile, and whoever watches sees how far it is
        before = session.holder.now()
        session.sleep(move.ms / 1000)
        stands_still = session.holder.now() == before
        if not stands_still:
            return after(session)
    known = session.task.waiting
    if stands_still or known is None or known.reason != move.reason:
        until = None if move.ms is None else instants.after(session.holder.now(), move.ms / 1000)
        session.append(bodies.waiting(reason=move.reason, until=until, row=move.row, detail=move.detail))
    session.holder.flush()
    return onward(session, None)
