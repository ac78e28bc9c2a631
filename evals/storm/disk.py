"""A disk that fails when it is told to: a VFS of SQLite's, put before the real one in this process only.

| how        | what fails from then on                         | as SQLite meets it   |
|------------|-------------------------------------------------|----------------------|
| full       | every write to the database and to its log      | SQLITE_FULL          |
| torn       | the same, behind the first few writes           | SQLITE_FULL          |
| sync       | every sync of the log                           | SQLITE_IOERR_FSYNC   |
| lost       | the same, and what was not synced is lost       | SQLITE_IOERR_FSYNC   |
| checkpoint | every write to the database itself, not its log | SQLITE_IOERR_WRITE   |

What a failed sync was to save stays in the file for every reader, as it does in the page cache of a real
disk, and no later sync saves it: ``lose`` takes it away, as a power cut does. The interface is that of
sqlite3.h, unchanged since SQLite 3.7.7; no root, no compiler and no file system of one's own is needed.
"""

import _sqlite3
import ctypes
import os
import threading
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, pointer
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HOWS: Final = ("full", "torn", "sync", "lost", "checkpoint")
FOR_GOOD: Final = 1 << 62
TORN_AFTER: Final = 3  # writes: less than a commit has, for a page is two of them
_FULL, _WRITE, _SYNC = 13, 10 | 3 << 8, 10 | 4 << 8
_LOG: Final = 0x80000  # SQLITE_OPEN_WAL
_MAIN: Final = 0x100  # SQLITE_OPEN_MAIN_DB
_METHODS: Final = (12, 16, 18)  # functions in sqlite3_io_methods of version 1, 2 and 3

_Open: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_Write: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Sync: Final = CFUNCTYPE(c_int, c_void_p, c_int)
_FRAME: Final = 24  # bytes of the head of a page in a log
_WRITES: Final = 2  # places of xWrite and xSync among the functions
_SYNCS: Final = 4


class _Vfs(Structure):
    """``sqlite3_vfs`` up to and beyond xOpen; the rest is carried along."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("others", c_void_p * 15),
    )


class _Methods(Structure):
    """``sqlite3_io_methods``."""

    _fields_ = (("version", c_int), ("functions", c_void_p * 18))


@dataclass(slots=True, kw_only=True)
class _Log:
    """One log file: what was written since its last good sync, and what a failed one has given up.

    Both hold what stood there before, in the order of the writes; None where the file ended.
    """

    path: bytes
    unsaved: list[tuple[int, int, bytes]] = field(default_factory=list)
    given_up: list[tuple[int, int, bytes]] = field(default_factory=list)

    def note(self, offset: int, amount: int) -> None:
        """Keep what stands where ``amount`` bytes are about to be written."""
        before = b""
        if os.path.exists(self.path):  # noqa: PTH110 - bytes, as SQLite named it
            with open(self.path, "rb") as log:  # noqa: PTH123
                before = os.pread(log.fileno(), amount, offset)
        self.unsaved.append((offset, amount, before))
        # What is written again is dirty again, and saved by the next sync that succeeds.
        self.given_up = [g for g in self.given_up if not (offset <= g[0] and g[0] + g[1] <= offset + amount)]

    def fail(self) -> None:
        """Give up what was to be saved."""
        self.given_up, self.unsaved = [*self.given_up, *self.unsaved], []

    def lose(self) -> None:
        """Put back what stood there before."""
        if not self.given_up or not os.path.exists(self.path):  # noqa: PTH110
            return
        with open(self.path, "r+b") as log:  # noqa: PTH123
            for offset, amount, before in reversed(self.given_up):
                os.pwrite(log.fileno(), before.ljust(amount, b"\0"), offset)
        self.given_up = []


class Disk:
    """The disk under every SQLite connection that this process opens from now on."""

    def __init__(self, failed: Callable[[str], None] = lambda _: None) -> None:
        """Put it there; it is well. ``failed`` is told of each failure."""
        self.fails, self.failures = "", 0
        self._failed, self._left, self._spared, self._guard = failed, 0, 0, threading.RLock()
        self._keep(self)
        self._methods: dict[tuple[int, bytes], Any] = {}
        self._logs: dict[bytes, _Log] = {}
        self._library: Any = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._real = self._library.sqlite3_vfs_find(None).contents
        self._mine = _Vfs.from_buffer_copy(self._real)
        self._mine.name, self._mine.next = b"failing", None
        self._open = _Open(self._real.open)
        opened = _Open(self._opened)
        self._mine.open = ctypes.cast(opened, c_void_p).value
        self._keep(opened)
        assert self._library.sqlite3_vfs_register(pointer(self._mine), 1) == 0

    @staticmethod
    def _keep(pointed_at: object) -> None:
        """Let it live as long as the process: SQLite points at it, and may close a file at the very end."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pointed_at))

    def take_away(self) -> None:
        """Let connections opened from now on have the real disk; those that are open keep this one."""
        self._library.sqlite3_vfs_unregister(pointer(self._mine))

    def fail(self, how: str, times: int = FOR_GOOD) -> None:
        """Fail in that way from now on, so often."""
        assert how in HOWS, how
        with self._guard:
            self.fails, self._left = how, times
            self._spared = TORN_AFTER if how == "torn" else 0

    def heal(self) -> None:
        """Be well again."""
        with self._guard:
            self.fails = ""

    def doubt(self, log: Path, since: int) -> None:
        """Take what that log holds behind ``since`` bytes for given up, by a process that is gone."""
        path, end = os.fsencode(log), log.stat().st_size
        size = _FRAME + int.from_bytes(log.read_bytes()[8:12], "big")
        with self._guard:
            doubted = self._logs.setdefault(path, _Log(path=path))
            for frame in range(since, end, size):
                doubted.given_up += [(frame, _FRAME, b""), (frame + _FRAME, size - _FRAME, b"")]

    def lose(self) -> None:
        """Lose what the syncs that failed were to save, as far as it was not written again."""
        with self._guard:
            for log in self._logs.values():
                log.lose()

    def _failing(self, *hows: str) -> bool:
        with self._guard:
            if self.fails not in hows or not self._left:
                return False
            if self._spared:
                self._spared -= 1
                return False
            self._left -= 1
            self.failures += 1
            self._failed(self.fails)
            return True

    def _opened(self, _vfs: Any, name: Any, file: int, flags: int, out: Any) -> int:
        code = self._open(ctypes.addressof(self._mine), name, file, flags, out)
        if code == 0 and flags & (_LOG | _MAIN):
            place = ctypes.cast(file, POINTER(c_void_p))
            real = place[0]
            if real is not None:
                log = ctypes.string_at(name) if flags & _LOG else b""
                place[0] = ctypes.addressof(self._failing_methods(real, log))
        return int(code)

    def _failing_methods(self, real: int, log: bytes) -> _Methods:
        with self._guard:
            made: _Methods | None = self._methods.get((real, log))
            if made is None:
                made = self._methods[real, log] = self._make(real, log)
            return made

    def _make(self, real: int, path: bytes) -> _Methods:
        version = c_int.from_address(real).value
        functions = _METHODS[min(version, 3) - 1]
        size = _Methods.functions.offset + functions * ctypes.sizeof(c_void_p)
        made = _Methods()
        ctypes.memmove(ctypes.addressof(made), real, size)
        write, sync = _Write(made.functions[_WRITES]), _Sync(made.functions[_SYNCS])
        log = self._logs.setdefault(path, _Log(path=path)) if path else None

        def writes(file: int, data: int, amount: int, offset: int) -> int:
            if self._failing("full", "torn"):
                return _FULL
            if log is None:
                return _WRITE if self._failing("checkpoint") else int(write(file, data, amount, offset))
            if self.fails in ("sync", "lost") or log.given_up:
                with self._guard:
                    log.note(offset, amount)
            return int(write(file, data, amount, offset))

        def syncs(file: int, flags: int) -> int:
            if log is None:
                return int(sync(file, flags))
            with self._guard:
                if self._failing("sync", "lost"):
                    log.fail()
                    if self.fails == "lost":
                        log.lose()
                    return _SYNC
                log.unsaved.clear()
            return int(sync(file, flags))

        self._place(made, _WRITES, _Write(writes))
        self._place(made, _SYNCS, _Sync(syncs))
        return made

    def _place(self, made: _Methods, where: int, function: Callable[..., Any]) -> None:
        self._keep(function)
        made.functions[where] = ctypes.cast(function, c_void_p).value  # type: ignore[arg-type]
