"""Whether the process that held a run is proven dead and, where its lease is over, can be made so.

Nothing here is inferred from silence. A process counts as dead when the kernel says so: the lock that it held
for life is free, its pid is nobody's or somebody else's, or its pidfd says that every thread of it has ended.
A pidfd names one process for good, so a pid that is used again between two looks can mislead nobody.
"""

import fcntl
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from remit.worker.identity import Process, proc_is_ours, stamp, stat_of

SEEN_DEAD_MS: Final = (
    5_000  # a killed process ends within milliseconds, unless the kernel holds it in a device
)


class Ended(StrEnum):
    """What is known of a former holder. Only ``exited`` licenses another send."""

    EXITED = "exited"  # proven on this host
    LEASE_EXPIRED = "lease_expired"  # not proven: it may be paused before its send, for any time
    ALIVE = "alive"  # not proven, and its lease runs


def prove(process: Process, me: Process, *, lease_over: bool) -> Ended:
    """Say what is known of ``process``; where its lease is over and it is ours to kill, it is killed first.

    Never raises, never kills a process that is not provably the registered one, and never this one.
    """
    unproven = Ended.LEASE_EXPIRED if lease_over else Ended.ALIVE
    if (process.boot_id, process.pid_ns) != (me.boot_id, me.pid_ns):
        return unproven
    if (process.pid, process.start_time) == (me.pid, me.start_time):
        return Ended.ALIVE
    try:
        dead = _lock_is_free(process) or _dead_by_pid(process, kill=lease_over and process.uid == me.uid)
    except OSError:
        dead = False  # what could not be looked at is not proven
    return Ended.EXITED if dead else unproven


def _lock_is_free(process: Process) -> bool:
    """Find out whether the very file that the process locked is free; one put in its place says nothing."""
    try:
        lock = os.open(process.lock_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not mislead each other
    except OSError:
        return False
    else:
        expected = stamp(process, os.fstat(lock).st_ino).encode()
        return os.read(lock, len(expected) + 1) == expected
    finally:
        os.close(lock)


def _dead_by_pid(process: Process, *, kill: bool) -> bool:
    if process.pid < 1 or not proc_is_ours():
        return False
    try:
        with _pidfd(process.pid) as pidfd:
            return _dead_by_pidfd(process, pidfd, kill=kill)
    except ProcessLookupError:
        return True  # nobody has that pid


def _dead_by_pidfd(process: Process, pidfd: int, *, kill: bool) -> bool:
    stat = stat_of(
        process.pid
    )  # read behind the open: the registered start time means that pidfd is the registered process
    if stat is not None and stat.start_time != process.start_time:
        return True  # the pid is another process's now
    if _ended(pidfd, within_ms=0):
        return True  # nobody has collected it yet (a zombie), and none of its threads runs
    if stat is None or not kill:
        return False
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    return _ended(pidfd, within_ms=SEEN_DEAD_MS)


@contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def _ended(pidfd: int, *, within_ms: int) -> bool:
    poll = select.poll()  # not select.select: a process with many connections has descriptors above its limit
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(within_ms))
