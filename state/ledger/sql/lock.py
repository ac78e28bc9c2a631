"""Who may write a file of SQLite: one process at a time, under a lock that tells which process that is.

The kernel gives the lock to those who wait in their order, where SQLite's own waiting starves, and takes it
from a process that ends. A process that is stopped keeps it; so nobody waits for one without a bound.
"""

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from state.errors import StorageError

PATIENCE_S: Final = 60.0
STOPPED_S: Final = 5.0  # a stop of that length is no accident of scheduling
LOOK_EVERY_S: Final = 0.5
_MOST_NAP_S: Final = 0.02
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """The process that keeps others from writing; ``stopped``: by a signal, in the midst of it."""

    pid: int
    stopped: bool

    def __str__(self) -> str:
        """Say which it is and, where it is stopped, what to do."""
        if not self.stopped:
            return f"process {self.pid}"
        return (
            f"process {self.pid}, which is stopped: let it go on with `kill -CONT {self.pid}`, or end it "
            f"with `kill -9 {self.pid}`; nothing that was committed is lost"
        )


def keeper_of(inode: int, proc: Path = _PROC) -> Keeper | None:
    """Find which process has the file of that inode under ``flock``; None where none is shown here."""
    try:
        for line in (proc / "locks").read_text(encoding="ascii").splitlines():
            _, kind, _, _, pid, file, *_ = line.split()
            if kind == "FLOCK" and file.rpartition(":")[2] == str(inode):
                stat = (proc / pid / "stat").read_text(encoding="utf-8", errors="replace")
                return Keeper(pid=int(pid), stopped=stat.rpartition(")")[2].split()[0] in ("T", "t"))
    except (OSError, ValueError, IndexError):
        pass
    return None


def waited(
    done: Callable[[float], bool], keeper: Callable[[], Keeper | None], *, patience_s: float, look_s: float
) -> bool:
    """Wait until ``done``, which waits for so many seconds, and say whether it came to be.

    For ``patience_s`` at most, and no longer than ``STOPPED_S`` for a keeper that stays stopped.
    """
    began, stopped_since = time.monotonic(), None
    while True:
        left = patience_s - (time.monotonic() - began)
        if done(max(0.0, min(look_s, left))):
            return True
        now, found = time.monotonic(), keeper()
        stopped_since = None if found is None or not found.stopped else stopped_since or now
        if now - began >= patience_s or (stopped_since is not None and now - stopped_since >= STOPPED_S):
            return False


class Lock:
    """The lock of one file, as one process has it or waits for it."""

    def __init__(self, path: Path) -> None:
        """``path``: the side file that is locked; it is made where there is none. OSError."""
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self.held = False

    def take(self) -> None:
        """Wait for it in the order of those who wait; without a bound, so only where others have one."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.held = True

    def take_if_free(self) -> bool:
        """Take it where nobody has it; whether it is taken."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.held = True
        return True

    def take_within(self, patience_s: float = PATIENCE_S) -> None:
        """Take it as soon as it is free; StorageError where it is not for so long."""
        if not waited(self._taken, self.keeper, patience_s=patience_s, look_s=LOOK_EVERY_S):
            keeper = self.keeper()
            by = f": it is held by {keeper}" if keeper else ""
            raise StorageError(f"the database is not free to write{by}; nothing was stored")

    def _taken(self, within_s: float) -> bool:
        end, nap_s = time.monotonic() + within_s, 0.001
        while not self.take_if_free():
            if time.monotonic() >= end:
                return False
            time.sleep(nap_s)
            nap_s = min(2 * nap_s, _MOST_NAP_S)
        return True

    def release(self) -> None:
        """Let the next process write; nothing happens where the lock is not held."""
        if self.held:
            self.held = False
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def keeper(self) -> Keeper | None:
        """Which other process of this host has it; None where it is ours, free, or not to be told."""
        return None if self.held else keeper_of(os.fstat(self._file).st_ino)

    def close(self) -> None:
        """Give it back for good."""
        self.held = False
        os.close(self._file)
