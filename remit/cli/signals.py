"""Saying something to a run: a signal is posted, whoever holds the run folds it in, and the answer is reported."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from remit.cli.door import OK, REFUSED, Door
from remit.errors import RefusedError

if TYPE_CHECKING:
    from remit.bootstrap import App
    from state.entry import Entry

ANSWER_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1


def send(door: Door, given: str, kind: str, body: Mapping[str, Any], *, go_on: bool = False) -> int:
    """Say it to the run that is meant, and report what became of it; the exit code.

    ``go_on``: carry the run on afterwards, and exit as it stands then.
    """
    from remit.cli.following import conclude, follow
    from remit.views import Views

    asker_desk = None
    with door.working() as app:
        asker_desk = door.desk()
        run = Views(app.ledger, asker_desk.in_force).run_id(given)
        after = app.ledger.info(run).head.seq
        answer = say(door, app, run, kind, body)
        if answer is None:
            door.say(f"{kind} is posted to run {run}; whoever carries it has not answered yet", f"next: remit runs watch {run}")
            return OK
        if go_on:
            return follow(door, app, run, after=after)
        if door.json:
            return conclude(door, run, app.ledger) and OK
        door.say(f"{kind}: taken by run {run}")
    return OK


def say(door: Door, app: "App", run: str, kind: str, body: Mapping[str, Any]) -> "Entry | None":
    """Post a signal as the one who asks, and wait for the entry that folds it in; None where nobody did in time.

    RefusedError where the run refuses it.
    """
    from ulid import ULID

    from state.ledger.port import Signal

    asker = door.asker()
    name = str(ULID())
    after = app.ledger.info(run).head.seq
    app.ledger.post(
        Signal(id=name, run=run, kind=kind, by=asker.name, at=app.ledger.now(), body={**body, **_said(asker.said)})
    )
    answer = _answer(app, run, name, after)
    refused = answer.body.get("refused") if answer else None
    if refused:
        raise RefusedError(
            f"{kind} refused: {refused['message']}", code=refused["code"], hint=_hint(run, kind), not_done="nothing has changed"
        )
    return answer


def _said(said: Mapping[str, str]) -> dict[str, str]:
    return {"how": said["how"], "os_user": said["os_user"]}


def _answer(app: "App", run: str, name: str, after: int) -> "Entry | None":
    """Fold the signal in: by this process where the run is free, else by whoever holds it."""
    until = time.monotonic() + ANSWER_WITHIN_S
    with app.engine() as engine:
        while True:
            engine.fold_signals(run)
            found = [
                e for e in app.ledger.read(run, after=after) if str(e.kind) == "signal" and e.body["id"] == name
            ]
            if found:
                return found[0]
            if time.monotonic() >= until:
                return None
            time.sleep(_LOOK_EVERY_S)
            engine.claimant.bury()


def _hint(run: str, kind: str) -> str:
    return f"remit esc show {run}" if kind in ("decide", "ack", "attest", "confirm") else f"remit runs show {run}"


__all__ = ["ANSWER_WITHIN_S", "REFUSED", "say", "send"]
