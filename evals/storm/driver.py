"""remit, with what a storm needs to meet it at a named point: killed or paused there, or with a bug planted.

``python -m evals.storm.driver run ...`` is ``remit run ...``, with three variables of its own: STORM_KILL_AT
and STORM_PAUSE_AT (``POINT`` or ``POINT:N`` for the N-th time that any run of the process comes to it) and
STORM_BUG. The signals are real: SIGKILL and SIGSTOP, to the thread that stands at the point, so that not one
more of its instructions is carried out. remit itself knows the points and nothing of this.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from evals.storm import seeded
from evals.storm.processes import BUG, KILL_AT, PAUSE_AT
from remit.bootstrap import App
from remit.cli.app import run

SIGNALS: Final = {KILL_AT: signal.SIGKILL, PAUSE_AT: signal.SIGSTOP}


class Points:
    """Counts how often the process comes to each point, and sends the signal that is meant for it."""

    def __init__(self, wanted: dict[tuple[str, int], signal.Signals]) -> None:
        """``wanted``: which signal at which point and time."""
        self._wanted, self._seen, self._lock = wanted, Counter[str](), threading.Lock()

    def __call__(self, point: str) -> None:
        """Come to ``point``."""
        with self._lock:
            self._seen[point] += 1
            number = self._wanted.get((point, self._seen[point]))
        if number is not None:
            signal.pthread_kill(threading.get_ident(), number)


def install(environ: dict[str, str]) -> None:
    """Make every app that this process opens meet what ``environ`` asks for."""
    wanted = {_point(environ[name]): number for name, number in SIGNALS.items() if environ.get(name)}
    if environ.get(BUG):
        seeded.plant(environ[BUG])
    if wanted:
        _hook(Points(wanted))


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
