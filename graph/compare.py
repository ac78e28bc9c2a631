"""A fresh read of a critical fact wins over what is remembered: bindings are read under every claim."""

from graph.session import Session
from policies.moves.humans import MAX_IDLE_CLAIMS
from state import bodies
from state.task import Direction, Task


def compare(session: Session) -> str:
    """Read the bindings again and write down what disagrees; why they could not be read, or nothing.

    A former holder's bindings are good enough to look by; no first send is made before this has succeeded.
    """
    task = session.task
    decision = task.escalation.decision if task.escalation else None
    pending = decision is not None and not decision.carried_out  # which binds afresh to what the human saw
    settled = task.closed is not None or task.open_escalation is not None or pending
    blind = bool(session.without_tools) or task.idle_claims >= MAX_IDLE_CLAIMS  # a human is asked instead
    if session.compared or not task.bound or settled or blind or task.direction is Direction.COMPLETING:
        return ""
    if not session.runbook.bindings:
        session.compared = True
        return ""
    found = session.verifier.bind(session.scope())
    if found.problem:
        return found.problem
    conflicts = [
        {"what": c.what, "expected": c.expected, "observed": c.observed}
        for c in found.conflicts
        if not acknowledged(task, c.what, c.observed)
    ]
    session.compared = True
    session.note(bodies.hydrated(actor=session.holder.worker, facts=dict(found.facts), conflicts=conflicts))
    return ""


def acknowledged(task: Task, what: str, observed: str) -> bool:
    """Whether a human has decided on exactly this: the newest conflict of that name that they saw."""
    seen = [c.observed for c in task.conflicts if c.what == what and c.acknowledged]
    return seen[-1:] == [observed]
