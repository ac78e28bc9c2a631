"""How a command leaves the run that it carries: at a safe point, when told to or when its wait ends."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# signal -> what is then said of the run that is left
_SAID: Final = {
    signal.SIGINT: "detached",
    signal.SIGTERM: "told to end",
    signal.SIGHUP: "the terminal is gone",
}


class Leave:
    """Whether this command is to leave, and why; ``stops`` are set when it is told to."""

    def __init__(self) -> None:
        """Nobody has said so yet."""
        self.why = ""
        self._stops: list[threading.Event] = []

    def stops(self, event: threading.Event) -> None:
        """Set ``event`` as soon as this command is to leave."""
        self._stops.append(event)
        if self.why:
            event.set()

    def now(self, why: str) -> None:
        """Leave, for the first reason that is given."""
        self.why = self.why or why
        for event in self._stops:
            event.set()


@contextmanager
def leaving() -> Iterator[Leave]:
    """Take SIGINT, SIGTERM and SIGHUP as a wish to leave until the block ends; a second one ends at once."""
    leave = Leave()
    if threading.current_thread() is not threading.main_thread():  # only there can signals be taken
        yield leave
        return
    before = {number: signal.getsignal(number) for number in _SAID}
    heard = {number: was for number, was in before.items() if was is not signal.SIG_IGN}  # as nohup wants it

    def told(number: int, frame: FrameType | None) -> None:
        del frame
        leave.now(_SAID[signal.Signals(number)])
        for one, was in heard.items():
            signal.signal(one, was)

    try:
        for number in heard:
            signal.signal(number, told)
        yield leave
    finally:
        for number, was in heard.items():
            signal.signal(number, was)
