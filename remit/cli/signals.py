"""Saying something to a run: a signal is posted, its holder folds it in, and the answer is reported."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from remit.cli.door import OK, STILL_RUNNING, Door
from remit.cli.leaving import Leave, leaving
from remit.errors import RefusedError

if TYPE_CHECKING:
    from remit.bootstrap import App
    from state.entry import Entry
    from state.task import Task

ANSWER_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1
# What is said of an escalation is answered from its packet, the rest from the run.
_ABOUT_ESCALATIONS: Final = frozenset({"decide", "ack", "attest", "confirm"})


def send(
    door: Door, given: str, kind: str, body: Mapping[str, Any], *, says: str = "", go_on: bool = False
) -> int:
    """Say it to the run that is meant, and report what became of it; the exit code.

    ``says``: what to print once it is taken; ``go_on``: carry the run on then, and exit as it stands.
    """
    from remit.cli.following import conclude, follow
    from remit.cli.progress import Progress

    with door.working() as app:
        run = meant(door, app, given, body.get("escalation"))
        after = app.ledger.info(run).head.seq
        with leaving() as leave, Progress(door, app.ledger, run, after=after, silent=not go_on) as progress:
            answer = say(door, app, run, kind, body, watch=progress.seen, leave=leave)
        if answer is None:
            door.say(
                f"{kind} is posted to run {run}; its worker has not answered yet",
                f"next: remit runs watch {run}",
            )
            return STILL_RUNNING
        if go_on and leave.why:
            return conclude(door, run, app.ledger, left=leave.why)
        if go_on:
            return follow(door, app, run, after=progress.seq)
        if door.json:
            conclude(door, run, app.ledger)
        else:
            door.say(says or f"{kind}: taken by run {run}")
    return OK


def meant(door: Door, app: "App", given: str, escalation: str | None = None) -> str:
    """Find the run that is meant and can still be told something; UsageError, RefusedError.

    ``escalation``: what of it is spoken about; whoever is late there is told who was first.
    """
    from remit.views import Views

    views = Views(app.ledger, door.desk().in_force)
    run = views.run_id(given)
    if app.ledger.info(run).row.state is not None:
        raise _too_late(app, run, escalation)
    task = views.show(run).task
    if why := task.unsound or views.unreadable_policy(task):
        raise RefusedError(f"run {run} is stuck: {why}", code="stuck", hint=f"remit esc abort --raw {run}")
    return run


def _too_late(app: "App", run: str, escalation: str | None) -> RefusedError:
    """Why nothing can be said to a run that has ended: who decided on ``escalation``, else how it ended."""
    from policies.decisions import decided_already
    from state.reading import read_task

    hint = f"remit runs show {run}"
    if escalation is not None:
        late = decided_already(read_task(app.ledger, run), escalation)
        if late.code == "already_decided":
            return RefusedError(late.message, code=late.code, not_done="nothing has changed", hint=hint)
    ended = app.ledger.info(run).row.state
    return RefusedError(f"run {run} has ended as {ended}", code="run_ended", hint=hint)


def say(
    door: Door,
    app: "App",
    run: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    watch: "Callable[[Task], None]",
    leave: Leave | None = None,
) -> "Entry | None":
    """Post a signal as the one who asks, and wait for the entry that folds it in; None if nobody did.

    ``leave``: whether this command is to leave meanwhile. RefusedError where the run refuses what is said:
    nothing has changed then.
    """
    from ulid import ULID

    from state.ledger.port import Signal

    asker, name = door.asker(), str(ULID())
    after = app.ledger.info(run).head.seq
    said = {"how": asker.how, "os_user": asker.os_user}
    fit = app.scrubber.said({**body, **said})  # it is stored before the run judges it
    app.ledger.post(Signal(id=name, run=run, kind=kind, by=asker.name, at=app.ledger.now(), body=fit))
    answer = _answer(app, run, name, after=after, watch=watch, leave=leave or Leave())
    if answer is None and _over(app, run):
        raise _too_late(app, run, body.get("escalation"))
    refused = answer.body.get("refused") if answer else None
    if refused:
        raise RefusedError(
            f"{kind} refused: {refused['message']}",
            code=refused["code"],
            not_done="nothing has changed",
            hint=f"remit esc show {run}" if kind in _ABOUT_ESCALATIONS else f"remit runs show {run}",
        )
    return answer


def _answer(
    app: "App", run: str, name: str, *, after: int, watch: "Callable[[Task], None]", leave: Leave
) -> "Entry | None":
    """Wait for the signal to be folded in: by this process where the run is free, else by its holder.

    None where nobody did in time, or nobody will: the run has ended.
    """
    until = time.monotonic() + ANSWER_WITHIN_S
    with app.engine() as engine:
        leave.stops(engine.stopping)
        while True:
            engine.work(run, watch)
            over = _over(app, run)  # asked before the entries are read: none comes behind its end
            for entry in app.ledger.read(run, after=after):
                if str(entry.kind) == "signal" and entry.body["id"] == name:
                    return entry
            engine.given_up(run)
            if over or leave.why or time.monotonic() >= until:
                return None
            time.sleep(_LOOK_EVERY_S)
            engine.claimant.bury()


def _over(app: "App", run: str) -> bool:
    """Whether a run has ended, and nobody holds it who could still fold in what was said."""
    info = app.ledger.info(run)
    return info.row.state is not None and info.worker is None
