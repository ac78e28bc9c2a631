"""What a worker does with each move, and every way in which the target may answer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from policies import move as moves
from policies.proof.case import CALM, Case, fewer
from policies.proof.crashes import crashes
from policies.proof.humans import at_rest, human_acts
from policies.proof.looks import observe, preconditions, probe
from policies.proof.models import asked, decide
from policies.proof.scene import Next, Scene
from policies.proof.sends import answers, ask_confirmation, send
from policies.proof.tell import operation_of, seconds
from policies.proof.windows import disturbed
from policies.proof.world import at_time
from state import bodies
from state.evolve import evolve
from state.task import Direction


def move_of(scene: Scene, case: Case) -> moves.Move:
    """The move that is made here."""
    return decide(scene, case)


def successors(scene: Scene, case: Case, move: moves.Move | None) -> Iterator[Next]:
    """Everything that may happen next; ``move`` None while a send is under way."""
    if scene.task.closed is not None:
        return
    if disturbed(scene, case):
        yield from _everything(scene, case, move)
        return
    calm = replace(scene, left=CALM, calm=True)
    for label, after in _everything(calm, case, move):
        yield label, replace(after, left=scene.left, calm=False)


def _everything(scene: Scene, case: Case, move: moves.Move | None) -> Iterator[Next]:
    yield from crashes(scene)
    if scene.sending is not None:
        yield from answers(scene, scene.sending, case)
        return
    yield from _interruptions(scene)
    assert move is not None  # noqa: S101 only a send under way has none
    yield from asked(scene, case, move)
    yield from _PERFORM[type(move)](scene, case, move)


# crashes, and what others do


def _interruptions(scene: Scene) -> Iterator[Next]:
    """A cancel, a stop or a pause comes in; time or budgets run out."""
    if scene.posted or not at_rest(scene):
        return
    if scene.left.late:
        left = replace(scene.left, late=fewer(scene.left.late))
        task = evolve(scene.task, spent_ms=scene.task.deadline_ms + 1)
        yield "the deadline passes", replace(scene, left=left, task=task)
    if scene.left.crowded and not scene.crowded:
        left = replace(scene.left, crowded=fewer(scene.left.crowded))
        yield "other runs use up what may be sent to the resource", replace(scene, left=left, crowded=True)
    if scene.left.cancels:
        left = replace(scene.left, cancels=fewer(scene.left.cancels))
        yield "somebody wants it cancelled", replace(scene, left=left, posted=("cancel",))
    if scene.left.holds_back and not scene.stopped and not scene.task.paused:
        left = replace(scene.left, holds_back=fewer(scene.left.holds_back))
        yield "somebody throws the stop switch", replace(scene, left=left, stopped=True)
        yield "somebody pauses the run", replace(scene, left=left, posted=("pause",))


# what comes in


def _fold_signals(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    refused = {"code": "escalated", "message": "abort"} if scene.task.open_escalation is not None else None
    drafts = [
        bodies.signal(id=f"s{scene.task.signals}", kind=kind, by="alice", at=scene.at,
        body={"reason": "asked"},
                      refused=refused if kind == "cancel" else None)
        for kind in scene.posted
    ]  # fmt: skip
    yield f"remit takes note: {', '.join(scene.posted)}", scene.append(*drafts, posted=())


def _bind(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    resources = list(dict.fromkeys(case.resource(place) for place in case.places))
    bound = bodies.hydrated(actor="w", bindings={"x": {}}, facts={}, resources=resources)
    yield "remit binds what the request names", scene.append(bound)


def _hold(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    held = bodies.hydrated(actor="w", holds=list(scene.task.resources))
    yield "remit takes the resources", scene.append(held)


def _survey(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    items = {s.id: list(range(case.items.get(s.id, 1))) for s in case.plan.steps if s.each}
    shown = {"shown": scene.world.shown}
    surveyed = bodies.hydrated(actor="w", initial=shown, derived={}, items=items, facts={})
    yield "remit looks at everything first", scene.append(surveyed)


def _carry_out(scene: Scene, case: Case, move: moves.CarryOut) -> Iterator[Next]:  # noqa: ARG001
    escalation = scene.task.escalation
    assert escalation is not None  # noqa: S101 only a decision is carried out
    sends = 1 if move.choice == "retry_once" else 0
    granted = bodies.granted(escalation=escalation.id, choice=move.choice, sends=sends)
    yield f"remit carries out {move.choice}", scene.append(granted)


# ends and waits

_WAYS: Final = {
    Direction.ROLLING_BACK: "rolling back",
    Direction.COMPLETING: "looking whether all is done",
    Direction.FORWARD: "going on",
}


def _confirm(scene: Scene, case: Case, move: moves.Confirm) -> Iterator[Next]:
    name = operation_of(scene.task, case.plan, move.op)
    yield f"remit takes {name} as confirmed", scene.append(bodies.confirmed(op=move.op))


def _leave(scene: Scene, case: Case, move: moves.Leave) -> Iterator[Next]:  # noqa: ARG001
    left = bodies.left(step=move.step, item=move.item, op=move.op, reason=move.reason)
    yield f"remit leaves {move.step} undone ({move.reason})", scene.append(left)


def _turn(scene: Scene, case: Case, move: moves.Turn) -> Iterator[Next]:  # noqa: ARG001
    yield (
        f"remit turns to {_WAYS[Direction(move.to)]} ({move.reason})",
        scene.append(bodies.turned(to=move.to, reason=move.reason)),
    )


def _close(scene: Scene, case: Case, move: moves.Close) -> Iterator[Next]:  # noqa: ARG001
    yield (
        f"remit closes the run as {move.state}",
        scene.append(bodies.closed(state=move.state, reason=move.reason)),
    )


def _escalate(scene: Scene, case: Case, move: moves.Escalate) -> Iterator[Next]:  # noqa: ARG001
    draft = bodies.escalated(
        id=f"E{len(scene.task.escalations) + 1}", reason=move.reason, code=move.code, row=move.row,
        packet="p",
        basis="b", severity="low", step=move.step, next_level_at=None, notice=None,
    )  # fmt: skip
    yield f"remit asks a human: {move.reason} (row {move.row})", scene.append(draft)


def _wait(scene: Scene, case: Case, move: moves.Wait) -> Iterator[Next]:
    if move.reason in ("human", "confirmation"):
        yield from human_acts(scene, case, move)
    elif move.ms is not None:
        later = scene.now + move.ms
        for world in at_time(scene.world, later):
            yield f"remit waits {seconds(move.ms)} ({move.reason})", replace(scene, now=later, world=world)
    elif move.reason == "stop":
        yield "the stop switch is released", replace(scene, stopped=False)
    else:
        yield "the pause is ended", replace(scene, posted=("unpause",))


_PERFORM: Final[Mapping[type[moves.Move], Callable[[Scene, Case, Any], Iterator[Next]]]] = {
    moves.FoldSignals: _fold_signals, moves.Bind: _bind, moves.Hold: _hold, moves.Survey: _survey,
    moves.CarryOut: _carry_out, moves.Send: send, moves.AskConfirmation: ask_confirmation,
    moves.Probe: probe, moves.Observe: observe, moves.CheckPreconditions: preconditions,
    moves.Confirm: _confirm, moves.Leave: _leave, moves.Turn: _turn, moves.Close: _close,
    moves.Escalate: _escalate, moves.Wait: _wait,
}  # fmt: skip
