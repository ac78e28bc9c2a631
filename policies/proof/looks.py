"""Reads: what probes, checks and preconditions show of the target, or that they show nothing."""

from collections.abc import Iterator
from dataclasses import replace

from policies import flight
from policies import move as moves
from policies.plan import CheckPlan, WritePlan
from policies.proof.case import Case, fewer
from policies.proof.scene import Next, Scene
from policies.proof.sight import Place, Question
from policies.proof.tell import arrived, operation_of, scope_of
from policies.proof.world import World, done_by_others, futures, views
from policies.situation import Situation
from state import bodies
from state.entry import Draft, Role
from state.outcome import Outcome
from state.task import Operation, Status


def _blind(scene: Scene) -> Iterator[Scene]:
    if scene.left.blind:
        yield replace(scene, left=replace(scene.left, blind=fewer(scene.left.blind)))


def _sick(scene: Scene, move: moves.Observe) -> Iterator[Scene]:
    """The effect is there, and the check does not like what it did."""
    if scene.left.sick and not move.scope.startswith(("due:", "undo:")):
        yield replace(scene, left=replace(scene.left, sick=fewer(scene.left.sick)))


def given_up(scene: Scene) -> frozenset[Place]:
    """Every place that was given up."""
    left = {o.slot for o in scene.task.forward if o.status is Status.LEFT}
    return frozenset(left | set(scene.task.left_slots))


def seen(scene: Scene, view: World, operation: Operation) -> tuple[str, ...]:
    """What a probe may show of an operation: applied, absent or unknown."""
    asked = Question(
        kind="probe", place=operation.slot, undo=operation.undoes is not None, scope=operation.id,
        seen=operation.attempts[0].facts["shown"], initial=scene.initial,
    )  # fmt: skip
    return view.sight.answers(asked, view)


def probe(scene: Scene, case: Case, move: moves.Probe) -> Iterator[Next]:
    """What a probe shows, and what that settles."""
    operation = scene.task.operation(move.op)
    write = case.plan.write_of(operation.step, operation.undoes)
    looks = [
        (verdict, replace(scene, world=world))
        for world in futures(scene.world, scene.now)
        for view in views(world)
        for verdict in seen(scene, view, operation)
    ]
    name = operation_of(scene.task, case.plan, move.op)
    for verdict, here in (*looks, *(("unknown", s) for s in _blind(scene))):
        settled = flight.settle(here.task, operation, write, verdict, here.moment)
        draft = bodies.reconciled(
            actor="w", role=Role.VERIFIER, op=move.op, by="probe", verdict=verdict,
            settles=settled.settles if operation.settled is None else None, grounded=settled.grounded,
            absorbs=settled.absorbs, observed=verdict, licence=settled.licence, facts={},
        )  # fmt: skip
        late = arrived(scene.world, here.world, scene.task, case.plan)
        yield f"{late}the probe of {name} says {verdict}", here.append(draft)


def observe(scene: Scene, case: Case, move: moves.Observe) -> Iterator[Next]:
    """One round of all checks of a scope."""
    name = scope_of(scene.task, case.plan, move.scope)
    for world in futures(scene.world, scene.now):
        late = arrived(scene.world, world, scene.task, case.plan)
        for view in views(world):
            for drafts in _rounds(scene, view, case, move.scope):
                verdicts = ", ".join(f"{d.body['check']} {d.body['verdict']}" for d in drafts) or "none"
                yield f"{late}checks of {name}: {verdicts}", replace(scene, world=world).append(*drafts)
    for here in _blind(scene):
        unread = _all(here, case, move.scope, "unknown")
        yield f"checks of {name} cannot be read", here.append(*unread)
    for here in _sick(scene, move):
        failed = _all(here, case, move.scope, "fail")
        yield f"checks of {name} fail, whatever was done", here.append(*failed)


Asked = tuple[str, CheckPlan, Place | None, Operation | None]  # the check's name in its scope, and of whom


def _asked(scene: Scene, case: Case, scope: str) -> list[Asked]:
    """Every check of a scope."""
    s = Situation(task=scene.task, plan=case.plan, moment=scene.moment)
    if scope == "completion":
        return [(c.id, c, None, None) for c in s.completion_checks()]
    if scope == "rollback":
        return [
            (f"{o.id}:{c.id}", c, o.slot, o) for o in scene.task.compensations for c in s.write_of(o).checks
        ]
    if scope.startswith("due:"):
        slot = s.open_slot()
        assert slot is not None  # noqa: S101 only what is due is looked at so
        return [(c.id, c, (slot.step.id, slot.item), None) for c in slot.step.write.checks]
    operation = scene.task.operation(scope)
    return [(c.id, c, operation.slot, operation) for c in s.write_of(operation).checks]


def _rounds(scene: Scene, view: World, case: Case, scope: str) -> Iterator[tuple[Draft, ...]]:
    """Every way in which the checks of a scope may turn out together."""
    ways: list[tuple[Draft, ...]] = [()]
    for about in _asked(scene, case, scope):
        _, check, place, operation = about
        asked = Question(
            kind="check", place=place, undo=operation is not None and operation.undoes is not None,
            check=check.id, scope=scope, initial=scene.initial, left=given_up(scene),
            seen=None if operation is None else operation.attempts[0].facts["shown"],
        )  # fmt: skip
        rounds = [
            _round(scene, view, case, scope, about, verdict)
            for verdict in dict.fromkeys(view.sight.answers(asked, view))
        ]
        ways = [(*way, one) for way in ways for one in rounds]
    yield from ways


def _all(scene: Scene, case: Case, scope: str, verdict: str) -> list[Draft]:
    """All checks of a scope with one verdict."""
    return [_round(scene, scene.world, case, scope, about, verdict) for about in _asked(scene, case, scope)]


def _round(scene: Scene, view: World, case: Case, scope: str, about: Asked, verdict: str) -> Draft:  # noqa: PLR0917
    name, _, _, operation = about
    effect, absorbs = None, False
    if operation is not None and scope == operation.id:
        write = case.plan.write_of(operation.step, operation.undoes)
        effect, absorbs = _shows(scene, view, operation, write, verdict)
    return bodies.verified(
        actor="w", scope=scope, check=name, expected="", observed="", verdict=verdict, facts={},
        max_gap_ms=6_000,
        effect=effect, absorbs=absorbs,
    )  # fmt: skip


def _shows(
    scene: Scene, view: World, operation: Operation, write: WritePlan, verdict: str
) -> tuple[str | None, bool]:
    """What the reads of a check tell besides: of the effect, and of copies that may still land."""
    effect = None
    if verdict == "fail" and write.has_probe and operation.settled is Outcome.SUCCEEDED:
        effect = seen(scene, view, operation)[0]
    absorbs = (
        verdict == "pass" and write.absorbs and any(a.undecided for a in operation.attempts)
        and flight.settles_doubles(scene.task, operation, write, scene.moment)
    )  # fmt: skip
    return effect, absorbs


def preconditions(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    """The preconditions in order, up to the first that does not hold."""
    for world in futures(scene.world, scene.now):
        late = arrived(scene.world, world, scene.task, case.plan)
        here = replace(scene, world=world)
        for label, drafts in _read_in_order(here, case, 0):
            yield f"{late}{label}", here.append(*drafts)
        if here.left.others:
            left = replace(here.left, others=fewer(here.left.others))
            done, name = done_by_others(world, case.settable), case.plan.preconditions[0].id
            yield (
                f"{late}somebody else does it all, and precondition {name} is false",
                replace(here, world=done, left=left).append(_checked(name, "fail")),
            )
    for here in _blind(scene):
        name = case.plan.preconditions[0].id
        yield f"precondition {name} cannot be read", here.append(_checked(name, "unknown"))


def _read_in_order(scene: Scene, case: Case, index: int) -> Iterator[tuple[str, tuple[Draft, ...]]]:
    if index == len(case.plan.preconditions):
        yield "every precondition is true", ()
        return
    name = case.plan.preconditions[index].id
    asked = Question(kind="precondition", check=name, initial=scene.initial)
    views_ = dict.fromkeys(
        v for view in views(scene.world) for v in view.sight.answers(asked, view)[: 1 if scene.calm else None]
    )
    for verdict in views_:
        draft = _checked(name, verdict)
        if verdict == "pass":
            for label, rest in _read_in_order(scene, case, index + 1):
                yield label, (draft, *rest)
        else:
            yield f"precondition {name}: {verdict}", (draft,)


def _checked(name: str, verdict: str) -> Draft:
    return bodies.checked(actor="w", id=name, verdict=verdict, expected="", observed="", facts={})
