"""``remit worker``: carry runs, until told to stop or until nothing is left to do."""

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from remit.cli.door import OK, Door, command
from remit.cli.ignored import say_ignored

if TYPE_CHECKING:
    from state.task import Task


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "worker")(worker)


def worker(
    door: Door,
    *,
    drain: Annotated[
        bool, typer.Option("--drain", help="Leave when nothing is runnable and no timer is left.")
    ] = False,
) -> int:
    """Carry runs: take what is due, take over what a dead process left, until SIGTERM or Ctrl-C."""
    with door.working() as app:
        say_ignored(door)
        watch = _Said(door)
        with app.engine() as engine:

            def leave(number: int, frame: FrameType | None) -> None:
                del number, frame
                engine.stopping.set()

            for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(name, leave)
            door.say(f"worker {engine.worker}: {'drains' if drain else 'works; Ctrl-C leaves'}")
            if drain:
                engine.drain(watch.seen)
            else:
                engine.serve(watch.seen, poll_s=app.settings.worker.poll_s)
    if door.json:
        door.data({"runs": watch.ended})
    return OK


class _Said:
    """Says of each run how it ended or where it stopped, once."""

    def __init__(self, door: Door) -> None:
        self._door, self._guard = door, threading.Lock()
        self._resting: dict[str, str] = {}
        self.ended: dict[str, str] = {}

    def seen(self, task: "Task") -> None:
        """Take a newer state of some run."""
        from state.lifecycle import lane_of

        if task.waiting is not None and task.waiting.reason == "connector":
            self._rests(task.run, task.waiting.until or "", task.waiting.detail)
        lane = lane_of(task).rpartition("/")[2]
        if task.closed is None and task.open_escalation is None:
            return
        with self._guard:
            if self.ended.get(task.run) == lane:
                return
            self.ended[task.run] = lane
        self._door.say(f"run {task.run}: {lane} ({task.reason or getattr(task.escalation, 'reason', '')})")

    def _rests(self, run: str, until: str, why: str) -> None:
        """A fault of the desk: said each time, for it costs no budget and no human hears of it yet."""
        with self._guard:
            if self._resting.get(run) == until:
                return
            self._resting[run] = until
        self._door.say(f"run {run}: waits for its connector: {why}", "next: remit doctor")
