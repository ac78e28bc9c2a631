"""Reads: what probes, checks and preconditions show of the target, or that they show nothing."""

from collections.abc import Iterator
from dataclasses import replace

from evals.explorer.plans import Case
from evals.explorer.scene import Next, Scene
from evals.explorer.world import World, done_by_others, effect_by_name, effect_of, futures, views
from policies import flight
from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import WritePlan
from policies.situation import Situation
from state import bodies
from state.entry import Draft, Role
from state.outcome import Outcome
from state.task import Operation


def _blind(scene: Scene) -> Iterator[Scene]:
    if scene.left.blind:
        yield replace(scene, left=replace(scene.left, blind=scene.left.blind - 1))


def seen(world: World, operation: Operation, write: WritePlan) -> str:
    """What a probe shows of an operation: applied or absent."""
    if write.kind is DedupeKind.NATURAL_KEY:
        return effect_by_name(world, operation.step)
    return effect_of(
        world, operation.id, operation.step, undo=operation.undoes is not None, sets_state=write.sets_state
    )


def _sick(scene: Scene, move: moves.Observe) -> Iterator[Scene]:
    """The effect is there, and the check does not like what it did."""
    if scene.left.sick and not move.scope.startswith(("due:", "undo:")):
        yield replace(scene, left=replace(scene.left, sick=scene.left.sick - 1))


def probe(scene: Scene, case: Case, move: moves.Probe) -> Iterator[Next]:
    """What a probe shows, and what that settles."""
    operation = scene.task.operation(move.op)
    write = case.plan.write_of(operation.step, operation.undoes)
    looks = [
        (seen(view, operation, write), replace(scene, world=world))
        for world in futures(scene.world, scene.now)
        for view in views(world)
    ]
    for verdict, here in (*looks, *(("unknown", s) for s in _blind(scene))):
        settled = flight.settle(here.task, operation, write, verdict, here.moment)
        draft = bodies.reconciled(
            actor="w", role=Role.VERIFIER, op=move.op, by="probe", verdict=verdict,
            settles=settled.settles if operation.settled is None else None, grounded=settled.grounded,
            absorbs=settled.absorbs, observed=verdict, licence=settled.licence, facts={},
        )  # fmt: skip
        yield f"probe of {move.op}: {verdict}", here.append(draft)


def observe(scene: Scene, case: Case, move: moves.Observe) -> Iterator[Next]:
    """One round of all checks of a scope."""
    for world in futures(scene.world, scene.now):
        for view in views(world):
            drafts = list(_rounds(replace(scene, world=view), case, move.scope, blind=False))
            verdicts = ", ".join(str(d.body["verdict"]) for d in drafts)
            yield f"check of {move.scope}: {verdicts}", replace(scene, world=world).append(*drafts)
    for here in _blind(scene):
        yield f"check of {move.scope}: unknown", here.append(*_rounds(here, case, move.scope, blind=True))
    for here in _sick(scene, move):
        yield (
            f"check of {move.scope}: fails",
            here.append(*_rounds(here, case, move.scope, blind=False, sick=True)),
        )


def _rounds(scene: Scene, case: Case, scope: str, *, blind: bool, sick: bool = False) -> Iterator[Draft]:
    s = Situation(task=scene.task, plan=case.plan, moment=scene.moment)
    if scope == "completion":
        for check in s.completion_checks():
            value = scene.world.cell(check.id.removesuffix("-there")).value
            yield _round(scope, check.id, passed=value >= 1 and not sick, blind=blind)
    elif scope == "rollback":
        for operation in scene.task.compensations:
            for check in s.write_of(operation).checks:
                value = scene.world.cell(operation.step).value
                yield _round(scope, f"{operation.id}:{check.id}", passed=value <= 0, blind=blind)
    elif scope.startswith("due:"):
        name = scope.removeprefix("due:").partition("/")[0]
        for check in case.plan.steps_by_id[name].write.checks:
            yield _round(scope, check.id, passed=scene.world.cell(name).value >= 1, blind=blind)
    else:
        yield from _operation_rounds(scene, scene.task.operation(scope), s, blind=blind, sick=sick)


def _operation_rounds(
    scene: Scene, operation: Operation, s: Situation, *, blind: bool, sick: bool
) -> Iterator[Draft]:
    write, value = s.write_of(operation), scene.world.cell(operation.step).value
    passed = not sick and (value <= 0 if operation.undoes else value >= 1)
    for check in write.checks:
        effect = None
        if not blind and not passed and write.has_probe and operation.settled is Outcome.SUCCEEDED:
            effect = seen(scene.world, operation, write)
        absorbs = (
            not blind and passed and write.absorbs and any(a.undecided for a in operation.attempts)
            and flight.settles_doubles(operation, write, s.moment)
        )  # fmt: skip
        yield _round(operation.id, check.id, passed=passed, blind=blind, effect=effect, absorbs=absorbs)


def _round(
    scope: str, check: str, *, passed: bool, blind: bool, effect: str | None = None, absorbs: bool = False
) -> Draft:
    verdict = "unknown" if blind else "pass" if passed else "fail"
    return bodies.verified(
        actor="w", scope=scope, check=check, expected="", observed="", verdict=verdict, facts={},
        max_gap_ms=6_000,
        effect=effect, absorbs=absorbs,
    )  # fmt: skip


def preconditions(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    """The precondition of a case: the run is still needed."""
    looks = [replace(scene, world=w) for w in futures(scene.world, scene.now)]
    if scene.left.others:
        left = replace(scene.left, others=scene.left.others - 1)
        looks += [replace(s, world=done_by_others(s.world), left=left) for s in looks]
    name = case.plan.preconditions[0].id
    for here in looks:
        needed = any(cell.value < 1 for _, cell in here.world.cells)
        verdict = "pass" if needed else "fail"
        yield f"precondition: {verdict}", here.append(_checked(name, verdict))
    for here in _blind(scene):
        yield "precondition: unknown", here.append(_checked(name, "unknown"))


def _checked(name: str, verdict: str) -> Draft:
    return bodies.checked(actor="w", id=name, verdict=verdict, expected="", observed="", facts={})
