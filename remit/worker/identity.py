"""Who this process is, so that any later one on this host can tell it from every other.

A pid alone names whoever has it now. A pid with its start time, in its namespace, under the boot it ran in,
names one process for good; a file that it holds locked tells its end without any of them.
"""

import fcntl
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from state.instants import after
from state.ledger.port import Worker
from state.task import Clock

PROC: Final = Path("/proc")


class Process(Protocol):
    """What tells one process from another: a registered worker, or the claim that it wrote into a chain."""

    @property
    def boot_id(self) -> str:
        """The boot of the host that it ran under."""

    @property
    def pid_ns(self) -> str:
        """The namespace that its pid counts in."""

    @property
    def pid(self) -> int:
        """Its process id there."""

    @property
    def start_time(self) -> int:
        """Field 22 of its stat, in ticks since boot."""

    @property
    def uid(self) -> int:
        """The user that it ran as."""

    @property
    def lock_file(self) -> str:
        """The file that it held locked for as long as it lived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """What the kernel says of a process: its state (``R``, ``T``, ``Z`` ...) and its start, in ticks."""

    state: str
    start_time: int


@cache
def boot_id() -> str:
    """Return the id that this host gave itself when it booted."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def clock() -> Clock:
    """Read this host's monotonic clock: one for all processes of a boot."""
    return Clock(boot_id=boot_id(), ms=monotonic_ms())


def monotonic_ms() -> int:
    """Read the monotonic clock in whole milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


def proc_is_ours() -> bool:
    """Find out whether /proc shows the pids of this namespace; in a container it may show another's."""
    return (PROC / "self").readlink().name == str(os.getpid())


def stat_of(pid: int | str) -> Stat | None:
    """Read what the kernel says of ``pid``; None where it shows nothing."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    fields = text[text.rindex(")") + 1 :].split()  # a program may have any name, with spaces and brackets
    return Stat(state=fields[0], start_time=int(fields[19]))


def _own_start_time() -> int:
    own = stat_of("self")
    if own is None:
        raise OSError("/proc does not show this process: mount it, or nobody can prove how it ended")
    return own.start_time


def stamp(process: Process, inode: int) -> str:
    """Write out what a process puts into the file that it locks: itself, and which file it was."""
    return f"{process.boot_id} {process.pid_ns} {process.pid} {process.start_time} {inode}\n"


def bystander() -> Worker:
    """Describe the present process as far as a proof asks for it: it holds no lock and is on no list."""
    return Worker(
        id="", boot_id=boot_id(), pid_ns=str((PROC / "self/ns/pid").readlink()), pid=os.getpid(),
        start_time=_own_start_time(), uid=os.getuid(), lock_file="", lease_until="", lease_s=0.0,
    )  # fmt: skip


class Identity:
    """The present process as a worker, with the lock that it holds until it closes it or dies.

    A child made by fork alone would hold the lock along with its parent, so it must take an identity of its
    own; one made by exec inherits nothing.
    """

    def __init__(self, *, worker: Worker, lock: int) -> None:
        """``lock``: the descriptor that holds ``worker.lock_file``."""
        self.worker, self._lock = worker, lock

    @classmethod
    def take(cls, folder: Path, *, id: str, lease_s: float, now: str) -> Self:  # noqa: A002 - the column's name
        """Lock ``folder/<id>.lock`` and describe this process. ``now``: the database's clock.

        FileExistsError where somebody used that id before.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder.resolve() / f"{id}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            worker = Worker(
                id=id,
                boot_id=boot_id(),
                pid_ns=str((PROC / "self/ns/pid").readlink()),
                pid=os.getpid(),
                start_time=_own_start_time(),
                uid=os.getuid(),
                lock_file=str(path),
                lease_until=after(now, lease_s),
                lease_s=lease_s,
            )
            os.write(lock, stamp(worker, os.fstat(lock).st_ino).encode())
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(lock)
            raise
        return cls(worker=worker, lock=lock)

    def close(self) -> None:
        """Give the lock back and remove its file; only where nothing of this worker is under way any more."""
        if self._lock < 0:
            return
        Path(self.worker.lock_file).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
