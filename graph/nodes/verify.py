"""The verifier's eyes: probes, checks and preconditions, read fresh, judged by rules, kept as seen."""

from collections.abc import Iterator

from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.verdicts import Verdict
from agents.verifier import Round
from graph.decide import decide, onward
from graph.routes import Node, RunState
from graph.session import Session
from policies import flight
from policies.move import CheckPreconditions, Confirm, Observe, Probe
from policies.plan import CheckPlan
from policies.runbook import Check, Step
from policies.scope import Scope
from policies.situation import Situation
from policies.step import Rollback
from state import bodies
from state.entry import Draft, Role
from state.outcome import Outcome
from state.task import Operation


def verify(state: RunState, runtime: Runtime[Session]) -> Command[Node]:
    """Look, and write down what was seen."""
    session, move = runtime.context, state["move"]
    match move:
        case Probe(op=op):
            probe(session, op)
        case CheckPreconditions():
            session.note(*preconditions(session))
        case Observe(scope=scope):
            session.note(*observations(session, scope))
        case Confirm(op=op):
            session.note(bodies.confirmed(op=op))
        case other:
            raise AssertionError(f"{type(other).__name__} is no look")
    behind = decide(session)
    if isinstance(behind, Confirm):  # the look has shown all that was asked: no superstep for that
        session.note(bodies.confirmed(op=behind.op))
        behind = decide(session)
    return onward(session, behind)


def write_of(session: Session, step: str, undoes: str | None) -> Step | Rollback:
    """The part of the runbook that a write is written in."""
    if undoes is None:
        return session.runbook.step(step)
    undo = session.runbook.rollback(step)
    assert undo is not None  # noqa: S101 an operation that undoes something was made from it
    return undo


def probe(session: Session, op: str) -> None:
    """Ask whether an operation without a definite answer was applied, and what that settles."""
    task = session.task
    operation = task.operation(op)
    source = write_of(session, operation.step, operation.undoes)
    assert source.probe is not None  # noqa: S101 the decision table probes only where there is one
    session.pauses("in_reconcile")
    found = session.verifier.probe(source.probe, session.scope_of(op))
    plan = session.plan.write_of(operation.step, operation.undoes)
    settled = flight.settle(task, operation, plan, found.verdict, session.later())
    session.note(
        bodies.reconciled(
            actor=session.holder.worker,
            role=Role.VERIFIER,
            op=op,
            by="probe",
            verdict=found.verdict,
            settles=settled.settles if operation.settled is None else None,
            grounded=settled.grounded,
            absorbs=settled.absorbs,
            observed=found.observed or found.reason,
            licence=settled.licence,
            facts=found.facts,
        )
    )


def preconditions(session: Session) -> Iterator[Draft]:
    """The preconditions in order, up to the first that does not hold."""
    one = session.verifier.round()
    scope = session.scope()
    for precondition in session.runbook.preconditions:
        verdict = one.precondition(precondition, scope)
        yield bodies.checked(
            actor=session.holder.worker,
            id=precondition.id,
            verdict=verdict.verdict,
            expected=verdict.expected,
            observed=verdict.observed,
            facts=verdict.facts,
        )
        if verdict.verdict != "pass":
            return


def observations(session: Session, scope: str) -> Iterator[Draft]:
    """One round of all checks of a scope; they rest on the same reads."""
    session.pauses("in_verify")
    one = session.verifier.round()
    situation = Situation(task=session.task, plan=session.plan, moment=session.later())
    if scope == "completion":
        wanted = {c.id: c for c in situation.completion_checks()}
        for check in session.runbook.completion:
            if check.id in wanted:
                yield _round(session, scope, wanted[check.id], one.check(check, session.scope()))
    elif scope == "rollback":
        for operation in session.task.compensations:
            for plan, check in _pairs(session, operation):
                named = f"{operation.id}:{check.id}"
                verdict = one.check(check, session.scope_of(operation.id))
                yield _round(session, scope, plan, verdict, name=named)
    elif scope.startswith("due:"):
        yield from _due(session, scope, one)
    else:
        yield from _operation(session, session.task.operation(scope), one, situation)


def _due(session: Session, scope: str, one: Round) -> Iterator[Draft]:
    """Whether the checks of a step pass although it was not done."""
    op = scope.removeprefix("due:")
    step_id, _, _ = op.partition("/")
    name, _, item = step_id.partition("[")
    step = session.runbook.step(name)
    place = session.scope_due(name, int(item.rstrip("]")) if item else None, None)
    for plan, check in zip(session.plan.steps_by_id[name].write.checks, step.checks, strict=True):
        yield _round(session, scope, plan, one.check(check, place))


def _operation(session: Session, operation: Operation, one: Round, s: Situation) -> Iterator[Draft]:
    place = session.scope_of(operation.id)
    source = write_of(session, operation.step, operation.undoes)
    plan = s.write_of(operation)
    for check_plan, check in _pairs(session, operation):
        verdict = one.check(check, place)
        effect = None
        if verdict.verdict == "fail" and source.probe is not None and operation.settled is Outcome.SUCCEEDED:
            effect = _effect(one, source, place)
        absorbs = (
            verdict.verdict == "pass"
            and plan.absorbs
            and any(a.undecided for a in operation.attempts)
            and flight.settles_doubles(s.task, operation, plan, s.moment)
        )
        yield _round(session, operation.id, check_plan, verdict, effect=effect, absorbs=absorbs)


def _effect(one: Round, source: Step | Rollback, place: Scope) -> str | None:
    """What the probe says over the same reads: whether the write took effect although its check failed."""
    assert source.probe is not None  # noqa: S101
    found = one.probe(source.probe, place).verdict.value
    return found if found != "unknown" else None


def _pairs(session: Session, operation: Operation) -> Iterator[tuple[CheckPlan, Check]]:
    source = write_of(session, operation.step, operation.undoes)
    checks = source.verify if isinstance(source.verify, tuple) else ()
    yield from zip(session.plan.write_of(operation.step, operation.undoes).checks, checks, strict=True)


def _round(
    session: Session,
    scope: str,
    plan: CheckPlan,
    verdict: Verdict,
    *,
    name: str = "",
    effect: str | None = None,
    absorbs: bool = False,
) -> Draft:
    return bodies.verified(
        actor=session.holder.worker,
        scope=scope,
        check=name or verdict.check,
        expected=verdict.expected,
        observed=verdict.observed,
        verdict=verdict.verdict,
        facts=verdict.facts,
        max_gap_ms=plan.max_gap_ms,
        effect=effect,
        absorbs=absorbs,
    )
