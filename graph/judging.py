"""A model at a fork: asked within a durable budget, heard only where it wants to wait, look again, or stop.

The rules' move stands unless the model puts one of those three in its place. Each costs one of its calls;
when they are used up the rules go on alone, so that no model can keep a run from its end.
"""

from typing import Final

from agents.executor import RESERVED_TOKENS, Fork, Taken
from graph.session import Session
from policies import forks
from policies.move import Escalate, Leave, Move, Turn
from state import bodies, instants
from state.entry import Role
from state.task import Task

MODEL_TIMEOUT_S: Final = 60.0


def judged_move(session: Session, rules: Move) -> Move:
    """The move to make: the rules', or what a model has put in its place."""
    fork = fork_of(session, rules)
    if fork is None:
        return rules
    waits = forks.wait_in_force(session.task, row=fork.row, now=session.holder.now())
    if waits is not None:
        return waits
    known = session.task.rejudged
    if known and known["seq"] == session.task.head.seq:  # nothing is new since it was asked
        return _substitute(session, rules, fork)
    if not _may_ask(session):
        return rules
    _ask(session, fork, rules)
    return _substitute(session, session.rules_move(), fork)


def fork_of(session: Session, rules: Move) -> Fork | None:
    """The fork that ``rules`` stands at; None on the open road, where no model is asked."""
    task = session.task
    may = forks.may_choose(task, rules, session.runbook.limits.model.rereads)
    if not may:
        return None
    return Fork(
        row=forks.fork_row(rules),
        name=forks.STANDINGS[rules.row],
        rules=words(rules),
        facts=_facts(task),
        outside={name: _shown(found) for name, found in list(task.facts.items())[:12]},
        diagnose={d.id: d.tool for d in session.runbook.diagnose},
        may=frozenset(map(Taken, may)),
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


def _substitute(session: Session, rules: Move, fork: Fork) -> Move:
    taken = str(session.task.rejudged["taken"])
    return forks.substitute(session.task, rules, row=fork.row, taken=taken, now=session.holder.now())


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
