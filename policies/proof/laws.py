"""What must hold at every scene of every path, judged by the target's own truth.

``LAWS`` names each law and says it in a sentence; a breach is the law's code and what broke it here.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from policies import flight
from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import WritePlan
from policies.proof.case import Case
from policies.proof.looks import given_up
from policies.proof.models import overreach
from policies.proof.scene import Scene
from policies.proof.sight import Place, required
from policies.proof.world import World, futures
from policies.situation import Situation
from state.lifecycle import NEXT, lane_of
from state.task import Direction

Breach = tuple[str, str]  # the law's code, and what broke it

LAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sound": "what stands in the ledger can always be folded",
        "intent_first": "nothing takes effect without an intent",
        "at_most_once": "no operation takes effect twice, and no step is done twice over",
        "undone_once": "nothing is undone more often than it was done",
        "writes_granted": "a run sends no more than its limits and a human's grants allow",
        "sends_alone": "nothing is sent beside what may still land, unless the target settles it",
        "sends_while_asked": "nothing is sent while a human is asked",
        "sends_held_back": "nothing is sent past the stop switch or a pause",
        "sends_unconfirmed": "in mode confirm nothing is sent that nobody confirmed",
        "sends_forward_only": "no forward write is sent by a run that rolls back or completes",
        "model_harmless": "a model only waits, looks, or asks a human",
        "lifecycle": "a run goes only where its lifecycle leads",
        "rolls_back_to_its_end": "a run that rolls back ends rolled back, or with a human",
        "nothing_unresolved": "only a human ends a run of which something is unresolved",
        "hold_kept": "a resource is not freed while something may still land on it",
        "completed_is_true": "a run that says it is complete has done what its steps are for",
        "rolled_back_is_true": "a run that ends without its effects has left none",
        "ends": "every path ends, or waits for a named human",
    }
)


def broken_by_state(scene: Scene, case: Case) -> Iterator[Breach]:
    """The laws that ``scene`` breaks."""
    if scene.task.unsound:
        yield "sound", f"unsound: {scene.task.unsound}"
        return
    yield from _effects(scene, case)
    yield from _budgets(scene, case)
    if scene.task.closed is not None:
        yield from _end(scene, case)


def broken_by_move(scene: Scene, case: Case, move: moves.Move) -> Iterator[Breach]:
    """The laws that making ``move`` here would break."""
    for what in overreach(scene, case, move):
        yield "model_harmless", what
    if isinstance(move, moves.Send):
        yield from _broken_by_send(scene, case, move)


def _broken_by_send(scene: Scene, case: Case, move: moves.Send) -> Iterator[Breach]:
    task, moment = scene.task, scene.moment
    if task.open_escalation is not None:
        yield "sends_while_asked", "sends while a human is asked"
    if scene.stopped or task.paused:
        yield "sends_held_back", "sends although held back"
    if task.mode == "confirm":
        asked = task.confirmations.get(move.op)
        if asked is None or asked.answer != "yes":
            yield "sends_unconfirmed", "sends what nobody confirmed"
    for operation in task.operations:
        if not flight.unresolved(task, operation, moment):
            continue
        write = case.plan.write_of(operation.step, operation.undoes)
        if operation.id != move.op or not flight.settles_doubles(task, operation, write, moment):
            yield "sends_alone", f"sends {move.op} while {operation.id} is unresolved"
    if move.undoes is None and task.direction is not Direction.FORWARD:
        yield "sends_forward_only", "sends a forward write although the run does not go forward"


def broken_by_step(before: Scene, after: Scene) -> Iterator[Breach]:
    """The laws that going from ``before`` to ``after`` breaks."""
    if after.task.head == before.task.head or after.task.unsound:
        return
    old, new = lane_of(before.task), lane_of(after.task)
    if old != new and new not in NEXT[old]:
        yield "lifecycle", f"goes from {old} to {new}"
    was, now = before.task.direction, after.task.direction
    if was is Direction.ROLLING_BACK and now is not was:
        yield "lifecycle", "stops rolling back"
    if after.task.spent_ms < before.task.spent_ms and after.task.granted == before.task.granted:
        decided = before.task.escalation is not None and before.task.escalation.decision is not None
        if not decided:
            yield "lifecycle", "time runs backwards"


def _operations_of(place: Place) -> str:
    """How the ids of the operations of a place begin."""
    step, item = place
    return f"{step}/" if item is None else f"{step}[{item}]/"


def _slept(world: World, place: Place, write: WritePlan) -> bool:
    """Outside any promise: a sender elsewhere slept past the window of its key, and woke."""
    return write.window_ms is not None and any(op.startswith(_operations_of(place)) for op in world.woken)


def _effects(scene: Scene, case: Case) -> Iterator[Breach]:
    """No operation takes effect twice, and nothing is undone that was not done."""
    world = scene.world
    for op, times in world.landed:
        known = next((o for o in scene.task.operations if o.id == op), None)
        if known is None:
            yield "intent_first", f"{op} took effect without an intent"
        elif times > 1 and not _may_be_repeated(world, op, case.plan.write_of(known.step, known.undoes)):
            yield "at_most_once", f"{op} took effect {times} times"
    for place, value in world.cells:
        name = _operations_of(place).removesuffix("/")
        if value < 0:
            yield "undone_once", f"{name} was undone more often than done"
        if value > 1 and not _slept(world, place, case.plan.steps_by_id[place[0]].write):
            yield "at_most_once", f"{name} was done {value} times over"


def _may_be_repeated(world: World, op: str, write: WritePlan) -> bool:
    """A tool that sets a state; and, outside any promise, a sender that slept past the window of its key."""
    slept = op in world.woken and write.kind is DedupeKind.NATIVE_KEY and write.window_ms is not None
    return write.sets_state or slept


def _budgets(scene: Scene, case: Case) -> Iterator[Breach]:
    task, plan = scene.task, case.plan
    if task.writes_used() > plan.writes + task.granted:
        yield (
            "writes_granted",
            f"{task.writes_used()} forward writes of {plan.writes} and {task.granted} granted",
        )
    if task.granted > plan.retry_grants:
        yield "writes_granted", f"{task.granted} grants of {plan.retry_grants}"
    if sum(a.granted and a.counts for o in task.operations for a in o.attempts) > task.granted:
        yield "writes_granted", "more granted sends than grants"
    used: dict[tuple[Place, str | None], int] = {}
    for operation in task.operations:
        slot = (operation.slot, operation.undoes)
        sends = sum(a.counts and not a.granted for a in operation.attempts)
        used[slot] = used.get(slot, 0) + sends
    for (place, undoes), sends in used.items():
        budget = plan.write_of(place[0], undoes).budget
        if sends > budget + 1:
            yield "writes_granted", f"{sends} sends of {undoes or place[0]} with a budget of {budget}"


def _end(scene: Scene, case: Case) -> Iterator[Breach]:
    task = scene.task
    if task.direction is Direction.ROLLING_BACK and task.closed not in ("rolled_back", "closed_by_human"):
        yield "rolls_back_to_its_end", f"a run that rolls back ended {task.closed}"
    if task.closed != "closed_by_human":
        s = Situation(task=task, plan=case.plan, moment=scene.moment)
        if s.unresolved() is not None:
            yield "nothing_unresolved", f"ended {task.closed} with something unresolved"
    for world in futures(scene.world, scene.now):
        if task.closed == "closed_by_human":
            if world.landed != scene.world.landed:
                yield "hold_kept", "the hold is freed while something may land"
        elif task.closed in ("completed", "partially_completed"):
            yield from _complete(world, scene, case)
        elif task.closed in ("rolled_back", "cancelled", "rejected"):
            yield from _nothing_left(world, task.closed)


def _complete(world: World, scene: Scene, case: Case) -> Iterator[Breach]:
    for place in required(case.plan, world, case.peers, given_up(scene)):
        if _slept(world, place, case.plan.steps_by_id[place[0]].write):
            continue
        if not case.sight.stands(world, place):
            name = _operations_of(place).removesuffix("/")
            yield "completed_is_true", f"ended {scene.task.closed} with {name} at {world.value(place)}"


def _nothing_left(world: World, end: str) -> Iterator[Breach]:
    for place, value in world.cells:
        begins = _operations_of(place)
        ours = any(times for op, times in world.landed if op.startswith(begins))
        if value and ours:
            yield "rolled_back_is_true", f"ended {end} with {begins.removesuffix('/')} at {value}"
