"""Writes: the intent, and every way in which the target may answer it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from policies import move as moves
from policies.contract import DedupeKind
from policies.plan import SEND_WINDOW_MS, WritePlan
from policies.proof.case import Case, fewer
from policies.proof.scene import Next, Scene
from policies.proof.sight import Question
from policies.proof.tell import arrived, write_of
from policies.proof.windows import turns_back
from policies.proof.world import (
    FOREVER_MS,
    Request,
    futures,
    land,
    on_its_way,
    touched_by_others,
    views,
    would_apply,
)
from state import bodies, instants
from state.entry import Role
from state.outcome import Outcome

_CONFIRM_MS: Final = 60_000


def send(scene: Scene, case: Case, move: moves.Send) -> Iterator[Next]:
    """A guard denies it, somebody else was there first, or its intent becomes durable."""
    name = write_of(case.plan, move.step, move.item, move.undoes)
    if scene.withdrawn or scene.left.denials:
        left = scene.left if scene.withdrawn else replace(scene.left, denials=fewer(scene.left.denials))
        denied = bodies.denied(
            actor="w", role=Role.EXECUTOR, op=move.op, code="delegation_withdrawn", guard="in_force",
            digest="d",
            message="",
        )  # fmt: skip
        yield f"a guard denies {name}: nothing is sent", scene.append(denied, left=left, withdrawn=True)
    if scene.withdrawn:
        return
    known = next((o for o in scene.task.operations if o.id == move.op), None)
    if known is None and move.undoes is None and move.step in case.conflicts:
        yield from _looked_first(scene, case, move, name)
        return
    if known is not None:
        yield _intent(scene, case, move, known.attempts[0].facts)
        return
    for shown in dict.fromkeys(view.shown for view in views(scene.world)):
        yield _read_and_sent(scene, case, move, shown)


def _looked_first(scene: Scene, case: Case, move: moves.Send, name: str) -> Iterator[Next]:
    """The step looks whether somebody else has been there before its operation's first send."""
    for view in views(scene.world):
        asked = Question(
            kind="conflict", place=(move.step, move.item), scope=move.op, seen=view.shown,
            initial=scene.initial,
        )  # fmt: skip
        for answer in case.sight.answers(asked, view)[: 1 if scene.calm else None]:
            if answer != "yes" or any(c.acknowledged for c in scene.task.conflicts):
                yield _read_and_sent(scene, case, move, view.shown)
                continue
            found = bodies.conflict(actor="w", what=f"conflict_if of {move.step}", expected="", observed="")
            yield f"somebody else has been there before {name}", scene.append(found)


def _read_and_sent(scene: Scene, case: Case, move: moves.Send, shown: object) -> Next:
    version = scene.world.version(case.resource((move.step, move.item)))
    return _intent(scene, case, move, {"version": version, "shown": shown})


def _intent(scene: Scene, case: Case, move: moves.Send, facts: object) -> Next:
    read = dict(facts)  # type: ignore[call-overload]
    write, place = case.plan.write_of(move.step, move.undoes), (move.step, move.item)
    resource = case.resource(place)
    request = Request(
        op=move.op, place=place, undoes=move.undoes, kind=write.kind, sets_state=write.sets_state,
        resource=resource, peers=case.peers[place], condition=read["version"], epoch=scene.task.epoch,
        until=None, lag_ms=write.read_lag_ms, longest_ms=write.longest_request_ms,
        window_ms=write.window_ms or FOREVER_MS, seen=read["shown"], child=write.child,
    )  # fmt: skip
    intent = bodies.intent(
        actor="w", credential="none", op=move.op, step=move.step, item=move.item, ordinal=move.ordinal,
        undoes=move.undoes, attempt=move.attempt, tool=write.tool, resource=resource, arguments={},
        key=f"R/{move.op}",
        digest="d", send_by=instants.after(scene.at, SEND_WINDOW_MS / 1000), span_ms=write.span_ms,
        facts=read, granted=move.granted, child=write.child,
    )  # fmt: skip
    name = write_of(case.plan, move.step, move.item, move.undoes)
    again = "" if move.attempt == 1 else f", send {move.attempt} of the same operation"
    new = f", a new operation (the {move.ordinal}.)" if move.ordinal > 1 and move.attempt == 1 else ""
    return f"remit sends {name}{again}{new}", scene.append(intent, sending=request)


def answers(scene: Scene, request: Request, case: Case) -> Iterator[Next]:
    """Every way in which the send of a durable intent may end."""
    left, write = scene.left, case.plan.write_of(request.place[0], request.undoes)
    tool, conditional = write.tool, request.kind is DedupeKind.CONDITIONAL_WRITE
    for world in futures(scene.world, scene.now):
        here = replace(scene, world=world, sending=None)
        late = arrived(scene.world, world, scene.task, case.plan)
        if left.others and conditional:
            moved = replace(
                here,
                world=touched_by_others(world, request.resource),
                left=replace(left, others=fewer(left.others)),
            )
            yield (
                f"{late}somebody else writes first, and {tool} answers 412",
                _outcome(moved, request, Outcome.NOT_APPLIED, condition_failed=True),
            )
        if not would_apply(world, request) and conditional:
            yield (
                f"{late}the version has moved, and {tool} answers 412",
                _outcome(here, request, Outcome.NOT_APPLIED, condition_failed=True),
            )
        else:
            applied = replace(here, world=land(world, request, scene.now))
            yield f"{late}{tool} applies it and says so", _outcome(applied, request, Outcome.SUCCEEDED)
            if scene.calm and not turns_back(request.place, case):
                continue
            yield from _definite(here, request, write, late)
        if scene.calm:
            continue
        flies = replace(here, world=on_its_way(world, replace(request, until=scene.now + request.longest_ms)))
        yield (
            f"{late}{tool} gives no answer: it may have applied it, or may yet",
            _outcome(flies, request, Outcome.UNKNOWN),
        )


def _definite(here: Scene, request: Request, write: WritePlan, late: str) -> Iterator[Next]:
    """Answers that say for certain that nothing was done, and one that lies."""
    left, tool = here.left, write.tool
    yield f"{late}{tool} says that it did not apply it", _outcome(here, request, Outcome.NOT_APPLIED)
    if left.unsent:
        fewer_ = replace(here, left=replace(left, unsent=fewer(left.unsent)))
        yield f"{late}{tool} cannot be reached: not sent", _outcome(fewer_, request, Outcome.NOT_SENT)
    if left.refusals:
        fewer_ = replace(here, left=replace(left, refusals=fewer(left.refusals)))
        yield f"{late}{tool} refuses it for good", _outcome(fewer_, request, Outcome.REFUSED)
    if left.lies and (write.checks or request.undoes is not None):
        fewer_ = replace(here, left=replace(left, lies=fewer(left.lies)))
        yield (
            f"{late}{tool} says that it is done, and has done nothing",
            _outcome(fewer_, request, Outcome.SUCCEEDED),
        )
    if left.pauses:
        fewer_ = replace(here, left=replace(left, pauses=fewer(left.pauses)))
        yield (
            f"{late}{tool} does not let remit in (401)",
            _outcome(fewer_, request, Outcome.NOT_APPLIED, pauses=True, counts=False),
        )


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


def ask_confirmation(scene: Scene, case: Case, move: moves.AskConfirmation) -> Iterator[Next]:
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
    name = write_of(case.plan, move.step, move.item, move.undoes)
    yield f"remit asks a human to confirm {name}", scene.append(asked)
