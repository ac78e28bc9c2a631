"""Writes: the intent, and every way in which the target may answer it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from evals.explorer.plans import LONGEST_MS, Case
from evals.explorer.scene import Next, Scene
from evals.explorer.world import (
    FOREVER_MS,
    Request,
    futures,
    land,
    on_its_way,
    touched_by_others,
    would_apply,
)
from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import SEND_WINDOW_MS
from state import bodies, instants
from state.entry import Role
from state.outcome import Outcome

_CONFIRM_MS: Final = 60_000


def send(scene: Scene, case: Case, move: moves.Send) -> Iterator[Next]:
    """A guard denies it, or its intent becomes durable."""
    task, write = scene.task, case.plan.write_of(move.step, move.undoes)
    if scene.withdrawn or scene.left.denials:
        left = scene.left if scene.withdrawn else replace(scene.left, denials=scene.left.denials - 1)
        denied = bodies.denied(
            actor="w", role=Role.EXECUTOR, op=move.op, code="delegation_withdrawn", guard="in_force",
            digest="d",
            message="",
        )  # fmt: skip
        yield f"{move.op} is denied", scene.append(denied, left=left, withdrawn=True)
    if scene.withdrawn:
        return
    known = next((o for o in task.operations if o.id == move.op), None)
    condition = known.attempts[0].facts["version"] if known else scene.world.cell(move.step).version
    request = Request(
        op=move.op, step=move.step, undoes=move.undoes, kind=write.kind, sets_state=write.sets_state,
        condition=condition, epoch=task.epoch, until=None, lag_ms=write.read_lag_ms,
        window_ms=write.window_ms or FOREVER_MS,
    )  # fmt: skip
    intent = bodies.intent(
        actor="w", credential="none", op=move.op, step=move.step, item=move.item, ordinal=move.ordinal,
        undoes=move.undoes, attempt=move.attempt, tool=write.tool, resource="r", arguments={},
        key=f"R/{move.op}",
        digest="d", send_by=instants.after(scene.at, SEND_WINDOW_MS / 1000), span_ms=write.span_ms,
        facts={"version": condition}, granted=move.granted,
    )  # fmt: skip
    yield f"intent {move.op}#{move.attempt} (row {move.row})", scene.append(intent, sending=request)


def answers(scene: Scene, request: Request, case: Case) -> Iterator[Next]:
    """Every way in which the send of a durable intent may end."""
    left, write = scene.left, case.plan.write_of(request.step, request.undoes)
    for world in futures(scene.world, scene.now):
        here = replace(scene, world=world, sending=None)
        if left.others and request.kind is DedupeKind.CONDITIONAL_WRITE:
            moved = replace(
                here, world=touched_by_others(world, request.step), left=replace(left, others=left.others - 1)
            )
            yield (
                "somebody else writes; 412",
                _outcome(moved, request, Outcome.NOT_APPLIED, condition_failed=True),
            )
        if not would_apply(world, request) and request.kind is DedupeKind.CONDITIONAL_WRITE:
            yield "412", _outcome(here, request, Outcome.NOT_APPLIED, condition_failed=True)
        else:
            applied = replace(here, world=land(world, request, scene.now))
            yield "succeeded", _outcome(applied, request, Outcome.SUCCEEDED)
            yield "not applied", _outcome(here, request, Outcome.NOT_APPLIED)
            if left.refusals:
                fewer = replace(here, left=replace(left, refusals=left.refusals - 1))
                yield "refused", _outcome(fewer, request, Outcome.REFUSED)
            if left.lies and write.checks:
                fewer = replace(here, left=replace(left, lies=left.lies - 1))
                yield (
                    "succeeded, says the target, and does nothing",
                    _outcome(fewer, request, Outcome.SUCCEEDED),
                )
            if left.pauses:
                yield "401", _outcome(here, request, Outcome.NOT_APPLIED, pauses=True, counts=False)
        flies = replace(here, world=on_its_way(world, replace(request, until=scene.now + LONGEST_MS)))
        yield "no answer", _outcome(flies, request, Outcome.UNKNOWN)


def _outcome(
    scene: Scene, request: Request, outcome: Outcome, *, condition_failed: bool = False, pauses: bool = False,
    counts: bool = True,
) -> Scene:  # fmt: skip
    attempt = len(scene.task.operation(request.op).attempts)
    return scene.append(bodies.outcome(
        actor="w", credential="none", op=request.op, attempt=attempt, outcome=outcome, code="", detail="",
        result=None,
        condition_failed=condition_failed, pauses=pauses, counts=counts, returned=scene.clock,
    ))  # fmt: skip


def ask_confirmation(scene: Scene, case: Case, move: moves.AskConfirmation) -> Iterator[Next]:  # noqa: ARG001
    """Ask a human for exactly this write."""
    expires = instants.after(scene.at, _CONFIRM_MS / 1000)
    asked = bodies.waiting(
        reason="confirmation",
        until=expires,
        row=20,
        detail=move.op,
        op=move.op,
        digest="d",
        summary="",
        expires_at=expires,
    )
    yield f"asks to confirm {move.op}", scene.append(asked)
