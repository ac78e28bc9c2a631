"""What a runbook, its contracts and its delegation are as a case: cells, and a plan without idle time.

Waits are shortened, never left out: of a check, a probe or a precondition that may be read many times two
reads are kept (one that does not decide and one that does), and every backoff is one second, unless a key's
window runs meanwhile. Between two reads a run only waits, so what it does behind them is the same. Two items
stand for as many as a list may have: items are alike, are worked off one after another, and what is settled
of one is told from the next only by being settled.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from policies import templates
from policies.contract import DedupeKind, ToolContract
from policies.lint.worst_case import worst_case
from policies.plan import CheckPlan, Plan, PreconditionPlan, StepPlan, WritePlan, compile_plan
from policies.proof.case import Case
from policies.proof.domain import sight_of
from policies.proof.sight import Place, Trust
from policies.runbook import Runbook
from policies.step import Arguments, Backoff

MOST_ITEMS: Final = 2
_TICK_MS: Final = 1_000
_READS: Final = 2
_FOREVER_MS: Final = 10**9
_SOON: Final = Backoff.model_validate({"initial": "1s", "factor": 1, "max": "1s", "jitter": "none"})


def case_of(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Case:
    """The case of a runbook; KeyError where one of its tools has no contract."""
    items = {s.id: min(s.for_each.max, MOST_ITEMS) for s in runbook.steps if s.for_each is not None}
    plan = _shortened(_sized(compile_plan(runbook, contracts), runbook, items))
    places = tuple(
        (s.id, item) for s in runbook.steps for item in (range(items[s.id]) if s.for_each else (None,))
    )
    written = {place: _written(runbook, contracts, place) for place in places}
    case = Case(
        name=runbook.ref,
        plan=plan,
        items=items,
        resources={place: resource for place, (resource, _) in written.items()},
        names={place: name for place, (_, name) in written.items()},
        conflicts=frozenset(step.id for step in runbook.steps if step.conflict_if),
        rereads=runbook.limits.model.rereads if runbook.limits.model.calls else 0,
    )
    sight = sight_of(runbook, contracts, Trust(plan=plan, peers=case.peers))
    if isinstance(sight, Trust):
        case = replace(case, plan=replace(plan, preconditions=_alike(plan.preconditions)))
        return replace(case, given=replace(sight, plan=case.plan))
    return replace(case, given=sight)


def _sized(plan: Plan, runbook: Runbook, items: Mapping[str, int]) -> Plan:
    """The plan for so many items: limits that were enough are enough, those that were not are not."""
    worst = worst_case(runbook)
    forward = sum(items.get(s.id, 1) * (1 + s.write.budget) for s in plan.steps)
    undo = sum(items.get(s.id, 1) * (1 + s.undo.budget) for s in plan.steps if s.undo is not None)
    most = plan.attempts_max
    if most is not None:
        short = most < worst.writes + worst.reserve
        most = forward + undo - 1 if short else forward + undo + plan.retry_grants
    return replace(
        plan,
        writes=forward - 1 if plan.writes < worst.writes else forward,
        attempts_max=most,
        deadline_ms=_FOREVER_MS,
    )


def _shortened(plan: Plan) -> Plan:
    return replace(
        plan,
        steps=tuple(map(_step, plan.steps)),
        completion=tuple(map(_check, plan.completion)),
        preconditions=tuple(map(_precondition, plan.preconditions)),
        levels_ms=(),
    )


def _step(step: StepPlan) -> StepPlan:
    return replace(step, write=_write(step.write), undo=None if step.undo is None else _write(step.undo))


def _write(write: WritePlan) -> WritePlan:
    watched = write.kind is DedupeKind.NATIVE_KEY and write.window_ms is not None
    return replace(
        write,
        probe_tries=min(write.probe_tries, _READS),
        probe_every_ms=_TICK_MS,
        checks=tuple(map(_check, write.checks)),
        backoff=write.backoff.model_copy(update={"jitter": "none"}) if watched else _SOON,
    )


def _check(check: CheckPlan) -> CheckPlan:
    within, hold = (min(ms, _TICK_MS) for ms in (check.within_ms, check.hold_ms))
    return replace(check, within_ms=within, hold_ms=hold, every_ms=_TICK_MS)


def _precondition(precondition: PreconditionPlan) -> PreconditionPlan:
    return replace(precondition, tries=min(precondition.tries, _READS), every_ms=_TICK_MS)


def _alike(preconditions: tuple[PreconditionPlan, ...]) -> tuple[PreconditionPlan, ...]:
    """One for all that come to the same: on trust any of them may be false at any time."""
    kept: dict[tuple[str, int], PreconditionPlan] = {}
    for precondition in preconditions:
        kept.setdefault((precondition.otherwise, precondition.tries), precondition)
    return tuple(kept.values())


def _written(runbook: Runbook, contracts: Mapping[str, ToolContract], place: Place) -> tuple[str, str]:
    """What a place writes to, and the unique name that it takes there; equal texts are the same."""
    step, item = runbook.step(place[0]), place[1]
    contract = contracts[step.tool]
    if contract.resource is None:
        return f"{step.id}[{item}]", step.id
    pieces = templates.parse(contract.resource).pieces
    resource = "".join(p if isinstance(p, str) else _given(step.arguments, str(p.path), item) for p in pieces)
    name = contract.dedupe.name
    return resource, resource if name is None else f"{resource}/{_given(step.arguments, name, item)}"


def _given(arguments: Arguments, name: str, item: int | None) -> str:
    """An argument as it is written in the runbook; that of an item is another for each."""
    value = arguments.get(name)
    text = f"<{value}>"
    if item is None or not isinstance(value, str):
        return text
    used = any(found.parts[0] == "item" for found in templates.parse(value).names())
    return f"{text}[{item}]" if used else text
