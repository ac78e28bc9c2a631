"""A model at a fork: asked within a durable budget, heard only where it wants to wait, look again, or stop.

The rules' move stands unless the model puts one of those three in its place. Each costs one of its calls;
when they are used up the rules go on alone, so that no model can keep a run from its end.
"""

from typing import Final

from agents.executor import RESERVED_TOKENS, Fork, Taken
from graph.session import Session
from policies.move import CheckPreconditions, Escalate, Leave, Move, Observe, Probe, Turn, Wait
from state import bodies, instants
from state.entry import Role
from state.task import Task

MODEL_TIMEOUT_S: Final = 60.0

# row -> how the matter stands when a model may be asked about the rules' move there
_STANDINGS: Final = {
    8: "unknown", 9: "unknown", 11: "unknown", 13: "failed", 15: "exhausted", 18: "failed", 23: "failed",
}  # fmt: skip


def judged_move(session: Session, rules: Move) -> Move:
    """The move to make: the rules', or what a model has put in its place."""
    fork = fork_of(session, rules)
    if fork is None:
        return rules
    waits = _wait_in_force(session, fork)
    if waits is not None:
        return waits
    known = session.task.rejudged
    if known and known["seq"] == session.task.head.seq:  # nothing is new since it was asked
        return substitute(session, rules, fork, str(known["taken"]))
    if not _may_ask(session):
        return rules
    _ask(session, fork, rules)
    return substitute(session, session.rules_move(), fork, str(session.task.rejudged["taken"]))


def fork_of(session: Session, rules: Move) -> Fork | None:
    """The fork that ``rules`` stands at; None on the open road, where no model is asked."""
    if rules.row not in _STANDINGS or not isinstance(rules, Escalate | Leave | Turn):
        return None
    if isinstance(rules, Escalate) and rules.reason == "unproven_sender":
        return None  # no look and no wait can settle it
    task = session.task
    again = task.rereads < session.runbook.limits.model.rereads and _look_again(task, rules) is not None
    may = {Taken.ACCEPT, Taken.WAIT, Taken.ESCALATE} | ({Taken.REREAD} if again else set())
    row = 8 if rules.row == 9 else rules.row  # noqa: PLR2004 - row 9 is where row 8 has given up
    return Fork(
        row=row,
        name=_STANDINGS[rules.row],
        rules=words(rules),
        facts=_facts(task),
        outside={name: _shown(found) for name, found in list(task.facts.items())[:12]},
        diagnose={d.id: d.tool for d in session.runbook.diagnose},
        may=frozenset(may),
    )


def words(move: Move) -> str:
    """A move in words, for a model and for the ledger."""
    match move:
        case Escalate(reason=reason):
            return f"escalate: {reason}"
        case Leave(step=step):
            return f"leave the optional step {step}"
        case Turn(to=to, reason=reason):
            return f"turn to {to}: {reason}"
        case _:
            return type(move).__name__.lower()


def substitute(session: Session, rules: Move, fork: Fork, taken: str) -> Move:
    """What a choice makes of the rules' move; only where the fork is still there, and never a send."""
    if not isinstance(rules, Escalate | Leave | Turn) or (8 if rules.row == 9 else rules.row) != fork.row:  # noqa: PLR2004
        return rules
    if taken == Taken.ESCALATE:
        why = str(session.task.rejudged.get("reason", ""))
        return Escalate(row=rules.row, reason="model", code=_STANDINGS[rules.row], detail=why)
    if taken == Taken.REREAD:
        return _look_again(session.task, rules) or rules
    if taken == Taken.WAIT:  # a wait that is over is worth a fresh look
        return _wait_in_force(session, fork) or _look_again(session.task, rules) or rules
    return rules


def _look_again(task: Task, rules: Move) -> Move | None:
    """The read that shows the same matter afresh; None where there is none."""
    if rules.row == 18:  # noqa: PLR2004
        return CheckPreconditions(row=18)
    if rules.row == 23:  # noqa: PLR2004
        return Observe(row=23, scope="completion")
    operation = next((o for o in reversed(task.operations) if o.status == "open" and o.attempts), None)
    if operation is None:
        return None
    if rules.row == 9:  # noqa: PLR2004
        return Probe(row=8, op=operation.id) if operation.probe_verdict is not None else None
    return Observe(row=rules.row, scope=operation.id) if operation.settled == "succeeded" else None


def _wait_in_force(session: Session, fork: Fork) -> Wait | None:
    known = session.task.rejudged
    if not known or known["taken"] != Taken.WAIT or known["row"] != fork.row or not known["until"]:
        return None
    left = round(1000 * instants.seconds_between(session.holder.now(), known["until"]))
    return Wait(row=fork.row, reason="model", ms=left) if left > 0 else None


def _may_ask(session: Session) -> bool:
    limits, task = session.runbook.limits.model, session.task
    return (
        session.executor.consults
        and task.model_calls < limits.calls
        and task.model_tokens + RESERVED_TOKENS <= limits.tokens
    )


def _ask(session: Session, fork: Fork, rules: Move) -> None:
    """Reserve, ask, write down what was said; an answer that comes after a crash was paid for and is lost."""
    session.append(bodies.reserved(fork=fork.name, tokens=RESERVED_TOKENS))
    choice = session.executor.choose(fork, timeout_s=MODEL_TIMEOUT_S)
    until = instants.after(session.holder.now(), choice.wait_ms / 1000) if choice.wait_ms else None
    session.append(
        bodies.judged(
            actor=choice.model_id,
            role=Role.EXECUTOR,
            fork=fork.name,
            row=fork.row,
            rules=words(rules),
            model=choice.proposed,
            taken=choice.taken.value,
            reason=choice.reason or choice.problem,
            model_id=choice.model_id,
            prompt=choice.prompt,
            tokens=choice.tokens,
            until=until,
        )
    )


def _facts(task: Task) -> dict[str, str]:
    return {
        "operations": "; ".join(
            f"{o.id}: {o.settled or 'open'}, effect {o.known}, {len(o.attempts)} sends"
            for o in task.operations
        )
        or "none",
        "conditions": "; ".join(f"{name}: {c.verdict}" for name, c in task.conditions.items()) or "none",
        "checks": "; ".join(
            f"{scope} {name}: {state.verdict}"
            for scope, states in task.checks.items()
            for name, state in states.items()
        )
        or "none",
        "direction": task.direction.value,
    }


def _shown(found: object) -> str:
    return str(found.get("value", found.get("excerpt", ""))) if isinstance(found, dict) else ""
