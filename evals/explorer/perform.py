"""What a worker does with each move, and every way in which the target may answer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from evals.explorer.crashes import crashes
from evals.explorer.humans import at_rest, human_acts
from evals.explorer.looks import observe, preconditions, probe
from evals.explorer.plans import Case
from evals.explorer.scene import Next, Scene
from evals.explorer.sends import answers, ask_confirmation, send
from evals.explorer.world import at_time
from policies import move as moves
from policies.moves import next_move
from state import bodies


def move_of(scene: Scene, case: Case) -> moves.Move:
    """The rules' move here."""
    return next_move(scene.task, case.plan, scene.moment)


def successors(scene: Scene, case: Case, move: moves.Move | None) -> Iterator[Next]:
    """Everything that may happen next; ``move`` None while a send is under way."""
    if scene.task.closed is not None:
        return
    yield from crashes(scene)
    if scene.sending is not None:
        yield from answers(scene, scene.sending, case)
        return
    yield from _interruptions(scene)
    assert move is not None
    yield from _PERFORM[type(move)](scene, case, move)


# crashes, and what others do


def _interruptions(scene: Scene) -> Iterator[Next]:
    """A cancel, a stop or a pause comes in."""
    if scene.posted or not at_rest(scene):
        return
    if scene.left.cancels:
        left = replace(scene.left, cancels=scene.left.cancels - 1)
        yield "cancel wanted", replace(scene, left=left, posted=("cancel",))
    if scene.left.holds_back and not scene.stopped and not scene.task.paused:
        left = replace(scene.left, holds_back=scene.left.holds_back - 1)
        yield "stop switch thrown", replace(scene, left=left, stopped=True)
        yield "pause wanted", replace(scene, left=left, posted=("pause",))


# what comes in


def _fold_signals(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    refused = {"code": "escalated", "message": "abort"} if scene.task.open_escalation is not None else None
    drafts = [
        bodies.signal(id=f"s{scene.task.signals}", kind=kind, by="alice", at=scene.at,
        body={"reason": "asked"},
                      refused=refused if kind == "cancel" else None)
        for kind in scene.posted
    ]  # fmt: skip
    yield f"folds {', '.join(scene.posted)}", scene.append(*drafts, posted=())


def _bind(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    yield "binds", scene.append(bodies.hydrated(actor="w", bindings={"x": {}}, facts={}, resources=["r"]))


def _hold(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    yield "holds", scene.append(bodies.hydrated(actor="w", holds=["r"]))


def _survey(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:  # noqa: ARG001
    yield "surveys", scene.append(bodies.hydrated(actor="w", initial={}, derived={}, items={}, facts={}))


def _carry_out(scene: Scene, case: Case, move: moves.CarryOut) -> Iterator[Next]:  # noqa: ARG001
    escalation = scene.task.escalation
    assert escalation is not None
    sends = 1 if move.choice == "retry_once" else 0
    granted = bodies.granted(escalation=escalation.id, choice=move.choice, sends=sends)
    yield f"carries out {move.choice}", scene.append(granted)


# ends and waits


def _confirm(scene: Scene, case: Case, move: moves.Confirm) -> Iterator[Next]:  # noqa: ARG001
    yield f"{move.op} confirmed", scene.append(bodies.confirmed(op=move.op))


def _leave(scene: Scene, case: Case, move: moves.Leave) -> Iterator[Next]:  # noqa: ARG001
    left = bodies.left(step=move.step, item=move.item, op=move.op, reason=move.reason)
    yield f"{move.step} left ({move.reason})", scene.append(left)


def _turn(scene: Scene, case: Case, move: moves.Turn) -> Iterator[Next]:  # noqa: ARG001
    yield f"turns to {move.to} ({move.reason})", scene.append(bodies.turned(to=move.to, reason=move.reason))


def _close(scene: Scene, case: Case, move: moves.Close) -> Iterator[Next]:  # noqa: ARG001
    yield f"closes {move.state}", scene.append(bodies.closed(state=move.state, reason=move.reason))


def _escalate(scene: Scene, case: Case, move: moves.Escalate) -> Iterator[Next]:  # noqa: ARG001
    draft = bodies.escalated(
        id=f"E{len(scene.task.escalations) + 1}", reason=move.reason, code=move.code, row=move.row,
        packet="p",
        basis="b", severity="low", step=move.step, next_level_at=None, notice=None,
    )  # fmt: skip
    yield f"escalates {move.reason} (row {move.row})", scene.append(draft)


def _wait(scene: Scene, case: Case, move: moves.Wait) -> Iterator[Next]:
    if move.reason in ("human", "confirmation"):
        yield from human_acts(scene, case, move)
    elif move.ms is not None:
        later = scene.now + move.ms
        for world in at_time(scene.world, later):
            yield f"waits {move.ms} ms ({move.reason})", replace(scene, now=later, world=world)
    elif move.reason == "stop":
        yield "stop switch released", replace(scene, stopped=False)
    else:
        yield "unpause wanted", replace(scene, posted=("unpause",))


_PERFORM: Final[Mapping[type[moves.Move], Callable[[Scene, Case, Any], Iterator[Next]]]] = {
    moves.FoldSignals: _fold_signals, moves.Bind: _bind, moves.Hold: _hold, moves.Survey: _survey,
    moves.CarryOut: _carry_out, moves.Send: send, moves.AskConfirmation: ask_confirmation,
    moves.Probe: probe, moves.Observe: observe, moves.CheckPreconditions: preconditions,
    moves.Confirm: _confirm, moves.Leave: _leave, moves.Turn: _turn, moves.Close: _close,
    moves.Escalate: _escalate, moves.Wait: _wait,
}  # fmt: skip
