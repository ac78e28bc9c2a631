"""remit, with what a storm needs to meet it at a named point: killed or paused there, or with a bug planted.

``python -m evals.storm.driver run ...`` is ``remit run ...``, with variables of its own:

| variable                      | what it does                                                        |
|-------------------------------|---------------------------------------------------------------------|
| STORM_KILL_AT, STORM_PAUSE_AT | SIGKILL or SIGSTOP at ``POINT``, or at ``POINT:N``, the N-th time   |
|                               | that any run of the process comes to it                             |
| STORM_DISK                    | ``HOW@POINT:N``: the disk fails from there on, or ``.../TIMES``     |
| STORM_HOST                    | the process says that it runs on another host, of that name         |
| STORM_BUG                     | plants a bug                                                        |
| STORM_TRACE                   | a file that takes a line for each point that is come to, before     |
|                               | anything happens there                                              |

The signals are real, and go to the thread that stands at the point, so that not one more of its instructions
is carried out. remit itself knows its points and nothing of this; those around its commits and sends are put
there by ``commits``, and the disk that fails by ``disk``, in this process only.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache, partial
from typing import Any, Final

from evals.storm import seeded
from evals.storm.commits import WITHIN, around_commits, around_posts, checkpoint_always, nobody_writes
from evals.storm.disk import FOR_GOOD, Disk
from evals.storm.processes import BUG, DISK, HOST, KILL_AT, PAUSE_AT, TRACE
from remit import bootstrap
from remit.bootstrap import App
from remit.cli.app import run
from remit.worker import identity

SIGNALS: Final = {KILL_AT: signal.SIGKILL, PAUSE_AT: signal.SIGSTOP}


class Points:
    """Counts how often the process comes to each point, and does there what is meant for it."""

    def __init__(self, trace: str = "") -> None:
        """``trace``: the file that tells of them all."""
        self._meant: dict[tuple[str, int], Callable[[], None]] = {}
        self._seen, self._lock = Counter[str](), threading.Lock()
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if trace else None

    def mean(self, place: str, act: Callable[[], None]) -> None:
        """Let ``act`` be done at ``place``."""
        point, _, number = place.partition(":")
        self._meant[point, int(number or 1)] = act

    def __call__(self, point: str, what: str = "") -> None:
        """Come to ``point``, where ``what`` is done."""
        with self._lock:
            self._seen[point] += 1
            act = self._meant.get((point, self._seen[point]))
            if self._trace is not None:
                line = {"point": point, "n": self._seen[point], "what": what, "meant": act is not None}
                os.write(self._trace, json.dumps(line).encode() + b"\n")
        if act is not None:
            act()


def install(environ: Mapping[str, str]) -> Points | None:
    """Make every app that this process opens meet what ``environ`` asks for; what takes its points."""
    if environ.get(BUG):
        seeded.plant(environ[BUG])
    if environ.get(HOST):
        for module in (identity, bootstrap):
            vars(module)["boot_id"] = cache(lambda: environ[HOST])
    if not any(environ.get(name) for name in (*SIGNALS, DISK, TRACE)):
        return None
    points = Points(environ.get(TRACE, ""))
    for name, number in SIGNALS.items():
        if environ.get(name):
            points.mean(environ[name], partial(_signal, number, environ[name].partition(":")[0]))
    if environ.get(DISK):
        _spoil(points, environ[DISK])
    _hook(points)
    around_commits(points)
    around_posts(points)
    return points


def _signal(number: signal.Signals, point: str) -> None:
    # A thread that renews the lease may be writing just then; whoever is stopped holding the lock of the
    # ledger keeps everybody from writing, which is another place, and met at that place.
    with nullcontext() if number == signal.SIGKILL or point in WITHIN else nobody_writes():
        signal.pthread_kill(threading.get_ident(), number)


def _spoil(points: Points, text: str) -> None:
    how, _, rest = text.partition("@")
    place, _, times = rest.partition("/")
    disk = Disk(lambda what: points("disk_failed", what))
    points.mean(place, lambda: disk.fail(how, int(times) if times else FOR_GOOD))
    if how == "checkpoint":
        checkpoint_always()


def _hook(points: Callable[[str], None]) -> None:
    made: Any = App.__init__

    def init(self: App, **given: Any) -> None:
        made(self, **{**given, "pauses": points})

    App.__init__ = init  # type: ignore[method-assign]


def main() -> int:
    """Carry out the command line as remit would."""
    install(dict(os.environ))
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
