"""remit, with what a storm needs to meet it at a named point: killed or paused there, or with a bug planted.

``python -m evals.storm.driver run ...`` is ``remit run ...``, with four variables of its own: STORM_KILL_AT
and STORM_PAUSE_AT (``POINT`` or ``POINT:N`` for the N-th time that any run of the process comes to it),
STORM_BUG, and STORM_TRACE, a file that takes a line for each point that is come to, before anything happens
there. The signals are real: SIGKILL and SIGSTOP, to the thread that stands at the point, so that not one
more of its instructions is carried out. remit itself knows its points and nothing of this; those around its
commits and sends are put there by ``commits``, in this process only.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from evals.storm import seeded
from evals.storm.commits import around_commits, around_posts
from evals.storm.processes import BUG, KILL_AT, PAUSE_AT, TRACE
from remit.bootstrap import App
from remit.cli.app import run

SIGNALS: Final = {KILL_AT: signal.SIGKILL, PAUSE_AT: signal.SIGSTOP}


class Points:
    """Counts how often the process comes to each point, and sends the signal that is meant for it."""

    def __init__(self, wanted: dict[tuple[str, int], signal.Signals], trace: str = "") -> None:
        """``wanted``: which signal at which point and time; ``trace``: the file that tells of them all."""
        self._wanted, self._seen, self._lock = wanted, Counter[str](), threading.Lock()
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if trace else None

    def __call__(self, point: str, what: str = "") -> None:
        """Come to ``point``, where ``what`` is done."""
        with self._lock:
            self._seen[point] += 1
            number = self._wanted.get((point, self._seen[point]))
            if self._trace is not None:
                line = {"point": point, "n": self._seen[point], "what": what, "signal": number}
                os.write(self._trace, json.dumps(line).encode() + b"\n")
        if number is not None:
            signal.pthread_kill(threading.get_ident(), number)


def install(environ: dict[str, str]) -> Points | None:
    """Make every app that this process opens meet what ``environ`` asks for; what takes its points."""
    wanted = {_point(environ[name]): number for name, number in SIGNALS.items() if environ.get(name)}
    if environ.get(BUG):
        seeded.plant(environ[BUG])
    if not wanted and not environ.get(TRACE):
        return None
    points = Points(wanted, environ.get(TRACE, ""))
    _hook(points)
    around_commits(points)
    around_posts(points)
    return points


def _point(text: str) -> tuple[str, int]:
    name, _, number = text.partition(":")
    return name, int(number or 1)


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
