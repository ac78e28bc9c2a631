"""Which processes the demo has started, theirs included, and how all of them end.

supervisord's children sit in process groups of their own, so ending a group ends too little. Every process
bears a mark in its environment, which its children inherit, and the end of the demo is the end of whatever
bears it. Nothing is interrupted half way: signals only set a flag that every wait reads, so that no process
can start unseen between a fork and its bookkeeping.
"""

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

from evals.demo.errors import Interrupted, NoWorldError

MARK: Final = "DEMO_OF_REMIT"
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY_S: Final = 0.02
_LEAVE_WITHIN_S: Final = 5.0


class Household:
    """The demo's processes. ``environ``: what they inherit, besides the mark."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Make a new mark."""
        self.mark = uuid.uuid4().hex
        self.asked: int | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self.environ = {**environ, MARK: self.mark, "PYTHONWARNINGS": "ignore"}

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        out: int | IO[Any],
        errors: int | None = None,
        lifeline: bool = False,
    ) -> "subprocess.Popen[bytes]":
        """Start a process in a session of its own; Interrupted.

        ``out`` takes both its streams, but for ``errors``; ``lifeline`` makes a pipe of its stdin.
        """
        self.check()
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**self.environ, **(env or {})},
            stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT if errors is None else errors,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def check(self) -> None:
        """Interrupted where somebody has asked the demo to end."""
        if self.asked is not None:
            raise Interrupted(self.asked)

    def pause(self, seconds: float) -> None:
        """Sleep; Interrupted."""
        self.until(lambda: False, within_s=seconds)

    def until(self, holds: Callable[[], object], *, within_s: float) -> bool:
        """Wait until something holds; False where it does not in time; Interrupted."""
        end = time.monotonic() + within_s
        while True:
            self.check()
            if holds():
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK_EVERY_S)

    def wait(self, process: "subprocess.Popen[bytes]", *, within_s: float, what: str) -> int:
        """Wait for the end of a process; its exit status. NoWorldError, Interrupted."""
        if not self.until(lambda: process.poll() is not None, within_s=within_s):
            raise NoWorldError(f"{what} has not ended within {within_s:g} s")
        return int(process.returncode)

    def living(self) -> list[int]:
        """Every process but this one that bears the mark, whoever its parent is now."""
        return [pid for pid in _pids() if pid != os.getpid() and self._bears_mark(pid)]

    def end(self) -> list[int]:
        """Ask every process to end, make those end that do not; the pids of what could not be ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.living():
                self._send(pid, number)
            until = time.monotonic() + _LEAVE_WITHIN_S
            while self.living() and time.monotonic() < until:
                time.sleep(_LOOK_EVERY_S)
        for process in self._started:
            process.poll()  # collects it
        return self.living()

    def _bears_mark(self, pid: int) -> bool:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False  # it has ended, or is another user's
        return f"{MARK}={self.mark}".encode() in environ

    def _send(self, pid: int, number: signal.Signals) -> None:
        """Send it to exactly the process that bears the mark, not to one that has taken over its number."""
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(pid)
            try:
                if self._bears_mark(pid):
                    signal.pidfd_send_signal(pidfd, number)
            finally:
                os.close(pidfd)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP as a wish to end, once; they are ours until the block has ended."""

        def ask(number: int, frame: FrameType | None) -> None:
            del frame
            self.asked = self.asked or number

        before = {number: signal.signal(number, ask) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
