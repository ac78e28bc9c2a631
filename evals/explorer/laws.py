"""What must hold at every scene of every path, judged by the target's own truth."""

from collections.abc import Iterator

from evals.explorer.plans import Case
from evals.explorer.scene import Scene
from evals.explorer.world import World, futures
from policies import flight
from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import StepPlan, WritePlan
from policies.situation import Situation
from state.lifecycle import NEXT, lane_of
from state.task import Direction


def broken_by_state(scene: Scene, case: Case) -> Iterator[str]:
    """The laws that ``scene`` breaks."""
    if scene.task.unsound:
        yield f"unsound: {scene.task.unsound}"
        return
    yield from _effects(scene, case)
    yield from _budgets(scene, case)
    if scene.task.closed is not None:
        yield from _end(scene, case)


def broken_by_move(scene: Scene, case: Case, move: moves.Move) -> Iterator[str]:
    """The laws that making ``move`` here would break."""
    if not isinstance(move, moves.Send):
        return
    task, moment = scene.task, scene.moment
    if task.open_escalation is not None:
        yield "sends while a human is asked"
    if scene.stopped or task.paused:
        yield "sends although held back"
    if task.mode == "confirm":
        asked = task.confirmations.get(move.op)
        if asked is None or asked.answer != "yes":
            yield "sends what nobody confirmed"
    for operation in task.operations:
        if not flight.unresolved(task, operation, moment):
            continue
        write = case.plan.write_of(operation.step, operation.undoes)
        if operation.id != move.op or not flight.settles_doubles(operation, write, moment):
            yield f"sends {move.op} while {operation.id} is unresolved"
    if move.undoes is None and task.direction is not Direction.FORWARD:
        yield "sends a forward write although the run does not go forward"


def broken_by_step(before: Scene, after: Scene) -> Iterator[str]:
    """The laws that going from ``before`` to ``after`` breaks."""
    if after.task.head == before.task.head or after.task.unsound:
        return
    old, new = lane_of(before.task), lane_of(after.task)
    if old != new and new not in NEXT[old]:
        yield f"goes from {old} to {new}"
    was, now = before.task.direction, after.task.direction
    if was is Direction.ROLLING_BACK and now is not was:
        yield "stops rolling back"
    if after.task.spent_ms < before.task.spent_ms and after.task.granted == before.task.granted:
        decided = before.task.escalation is not None and before.task.escalation.decision is not None
        if not decided:
            yield "time runs backwards"


def _effects(scene: Scene, case: Case) -> Iterator[str]:
    """No operation takes effect twice, and nothing is undone that was not done."""
    for op, times in scene.world.landed:
        known = next((o for o in scene.task.operations if o.id == op), None)
        if known is None:
            yield f"{op} took effect without an intent"
        elif times > 1 and not _may_be_repeated(
            scene.world, op, case.plan.write_of(known.step, known.undoes)
        ):
            yield f"{op} took effect {times} times"
    for step, cell in scene.world.cells:
        if cell.value < 0:
            yield f"{step} was undone more often than done"
        slept = any(op.startswith(f"{step}/") for op in scene.world.woken)
        if cell.value > 1 and not (slept and case.plan.steps_by_id[step].write.window_ms is not None):
            yield f"{step} was done {cell.value} times over"


def _may_be_repeated(world: World, op: str, write: WritePlan) -> bool:
    """A tool that sets a state; and, outside any promise, a sender that slept past the window of its key."""
    slept = op in world.woken and write.kind is DedupeKind.NATIVE_KEY and write.window_ms is not None
    return write.sets_state or slept


def _budgets(scene: Scene, case: Case) -> Iterator[str]:
    task, plan = scene.task, case.plan
    if task.writes_used() > plan.writes + task.granted:
        yield f"{task.writes_used()} forward writes of {plan.writes} and {task.granted} granted"
    if task.granted > plan.retry_grants:
        yield f"{task.granted} grants of {plan.retry_grants}"
    if sum(a.granted and a.counts for o in task.operations for a in o.attempts) > task.granted:
        yield "more granted sends than grants"
    places = {(o.slot, o.undoes) for o in task.operations}
    for slot, undoes in places:
        sends = [
            a
            for o in task.operations
            if (o.slot, o.undoes) == (slot, undoes)
            for a in o.attempts
            if not a.granted
        ]
        budget = plan.write_of(slot[0], undoes).budget
        if sum(a.counts for a in sends) > budget + 1:
            yield f"{len(sends)} sends of {undoes or slot[0]} with a budget of {budget}"


def _end(scene: Scene, case: Case) -> Iterator[str]:
    task = scene.task
    if task.direction is Direction.ROLLING_BACK and task.closed not in ("rolled_back", "closed_by_human"):
        yield f"a run that rolls back ended {task.closed}"
    if task.closed != "closed_by_human":
        s = Situation(task=task, plan=case.plan, moment=scene.moment)
        if s.unresolved() is not None:
            yield f"ended {task.closed} with something unresolved"
    for world in futures(scene.world, scene.now):
        if task.closed == "closed_by_human":
            if world.landed != scene.world.landed:
                yield "the hold is freed while something may land"
        elif task.closed in ("completed", "partially_completed"):
            yield from _complete(world, scene, case)
        elif task.closed in ("rolled_back", "cancelled", "rejected"):
            yield from _nothing_left(world, task.closed, case)


def _complete(world: World, scene: Scene, case: Case) -> Iterator[str]:
    left = {step for step, _ in scene.task.left_slots}
    for step in case.plan.steps:
        value = world.cell(step.id).value
        if step.write.window_ms is not None and any(op.startswith(f"{step.id}/") for op in world.woken):
            continue  # slept past the window of its key
        if value != 1 and not (step.id in left and step.optional):
            yield f"ended {scene.task.closed} with {step.id} at {value}"


def _nothing_left(world: World, end: str, case: Case) -> Iterator[str]:
    for step in case.plan.steps:
        if world.cell(step.id).value and not _others_did(world, step):
            yield f"ended {end} with {step.id} at {world.cell(step.id).value}"


def _others_did(world: World, step: StepPlan) -> bool:
    """The effect there is none of the run's: no operation of the step has landed."""
    return not any(times for op, times in world.landed if op.startswith(f"{step.id}/"))
