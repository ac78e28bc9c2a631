"""What is true of SQLite alone: how its file is opened, locked and written, and what its triggers refuse."""

import fcntl
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

from state.entry import GENESIS
from state.errors import StorageError

BUSY_MS: Final = 5_000
PAGE_BYTES: Final = 8192
CACHED_STATEMENTS: Final = 512


def _refuse(name: str, before: str, because: str, when: str = "") -> str:
    guard = f" WHEN {when}" if when else ""
    act = f"RAISE(ABORT, 'remit: {because}')"
    return f"CREATE TRIGGER {name} BEFORE {before}{guard} BEGIN SELECT {act}; END"


# NULL in a condition must refuse too, hence IS NOT TRUE. BEFORE INSERT is what stops INSERT OR REPLACE.
_CONTINUES: Final = """(
    NEW.seq = coalesce((SELECT max(seq) FROM entries WHERE run = NEW.run), 0) + 1
    AND NEW.prev = coalesce((SELECT hash FROM entries WHERE run = NEW.run AND seq = NEW.seq - 1), 'GENESIS')
    AND NEW.epoch = coalesce((SELECT epoch FROM entries WHERE run = NEW.run AND seq = NEW.seq - 1), 0)
        + (NEW.kind = 'claimed')
    AND EXISTS (SELECT 1 FROM heads WHERE run = NEW.run AND epoch = NEW.epoch
        AND (seq > NEW.seq OR (seq = NEW.seq AND hash = NEW.hash)))
) IS NOT TRUE""".replace("GENESIS", GENESIS)
_FORWARD: Final = """(
    NEW.run = OLD.run AND NEW.seq > OLD.seq AND NEW.epoch BETWEEN OLD.epoch AND OLD.epoch + 1
) IS NOT TRUE"""
_FOLDS: Final = """(
    NEW.id = OLD.id AND NEW.run = OLD.run AND NEW.arrival = OLD.arrival AND NEW.kind = OLD.kind
    AND NEW.by = OLD.by AND NEW.at = OLD.at AND NEW.body = OLD.body
    AND OLD.folded_seq IS NULL AND NEW.folded_seq IS NOT NULL
) IS NOT TRUE"""

_HELD: Final = """(
    NEW.run = OLD.run AND (
        (NEW.epoch > OLD.epoch AND NEW.released_at IS NULL)
        OR (NEW.epoch = OLD.epoch AND NEW.worker = OLD.worker
            AND OLD.released_at IS NULL AND NEW.released_at IS NOT NULL)
    )
) IS NOT TRUE"""
_ONE_MORE: Final = "(NEW.name = OLD.name AND NEW.number = OLD.number + 1) IS NOT TRUE"
_RAW: Final = "state = 'closed_by_human' AND reason = 'aborted_raw'"


def _again(table: str, key: str) -> str:
    return f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608 - names of this file


GUARDS: Final[Mapping[str, str]] = {
    "entries_continue": _refuse(
        "entries_continue", "INSERT ON entries", "an entry must continue the head of its chain", _CONTINUES
    ),
    "entries_ended_raw": _refuse(
        "entries_ended_raw",
        "INSERT ON entries",
        "a run that a human ended raw takes no entry",
        f"EXISTS (SELECT 1 FROM runs WHERE run = NEW.run AND {_RAW})",  # noqa: S608 - text of this file
    ),
    "entries_update": _refuse("entries_update", "UPDATE ON entries", "an entry is never changed"),
    "entries_delete": _refuse("entries_delete", "DELETE ON entries", "an entry is never removed"),
    "heads_insert": _refuse(
        "heads_insert", "INSERT ON heads", "a head is never replaced", _again("heads", "run")
    ),
    "heads_update": _refuse("heads_update", "UPDATE ON heads", "a head moves forward only", _FORWARD),
    "heads_delete": _refuse("heads_delete", "DELETE ON heads", "a head is never removed"),
    "runs_insert": _refuse("runs_insert", "INSERT ON runs", "a run is never replaced", _again("runs", "run")),
    "runs_ended_raw": _refuse(
        "runs_ended_raw",
        "UPDATE ON runs",
        "a run that a human ended raw is never changed",
        "OLD.state = 'closed_by_human' AND OLD.reason = 'aborted_raw'",
    ),
    "runs_delete": _refuse("runs_delete", "DELETE ON runs", "a run is never removed"),
    "signals_insert": _refuse(
        "signals_insert", "INSERT ON signals", "a signal is never replaced", _again("signals", "id")
    ),
    "signals_update": _refuse("signals_update", "UPDATE ON signals", "a signal is folded once", _FOLDS),
    "signals_delete": _refuse("signals_delete", "DELETE ON signals", "a signal is never removed"),
    "claims_insert": _refuse(
        "claims_insert", "INSERT ON claims", "a claim is never replaced", _again("claims", "run")
    ),
    "claims_update": _refuse(
        "claims_update", "UPDATE ON claims", "a claim is released once, or followed by the next", _HELD
    ),
    "claims_delete": _refuse("claims_delete", "DELETE ON claims", "a claim is never removed"),
    "tallies_insert": _refuse(
        "tallies_insert", "INSERT ON tallies", "a tally is never replaced", _again("tallies", "name")
    ),
    "tallies_update": _refuse("tallies_update", "UPDATE ON tallies", "a tally counts one by one", _ONE_MORE),
    "tallies_delete": _refuse("tallies_delete", "DELETE ON tallies", "a tally is never removed"),
    "payload_key_insert": _refuse(
        "payload_key_insert",
        "INSERT ON payload_key",
        "a ledger has one payload key",
        "EXISTS (SELECT 1 FROM payload_key)",
    ),
    "payload_key_update": _refuse(
        "payload_key_update", "UPDATE ON payload_key", "a ledger has one payload key"
    ),
    "payload_key_delete": _refuse(
        "payload_key_delete", "DELETE ON payload_key", "a ledger has one payload key"
    ),
}
"""Name to text of every trigger of revision 0001; a released one is replaced by a migration, not edited."""


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=BUSY_MS / 1000,
        isolation_level=None,  # transactions begin where this program says so, never by themselves
        check_same_thread=False,  # one at a time all the same: the writer, or who took it from the pool
        cached_statements=CACHED_STATEMENTS,
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection


def reading_connection(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot change anything; each of its statements sees what is durable by then."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def create_file(path: Path) -> None:
    """Make the file of a new ledger, readable by its owner alone; nothing happens where it exists."""
    try:
        # Only where there is none: closing any descriptor of a file drops the locks that SQLite holds on it
        # for the whole process, and another process would then delete the log under an open connection.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StorageError(f"cannot open {path}: {error.strerror}") from error


class SqliteWriter:
    """The writing connection of one process: WAL, synchronous FULL, behind ``flock`` on a side file.

    The lock is fair where SQLite's own waiting starves, and is held over commit and checkpoint.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``, which exists. StorageError."""
        self._path = path
        self._cursor: sqlite3.Cursor | None = None
        try:
            self._lock = os.open(
                path.with_name(path.name + "-lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StorageError(f"cannot open the lock of {path}: {error.strerror}") from error
        self._locked = False
        try:
            self.lock()
            self._connection = self._open()
        except sqlite3.Error as error:
            os.close(self._lock)
            raise StorageError(f"cannot open {path}: {error}") from error
        self.unlock()

    def lock(self) -> None:
        """Wait until no other process writes, and keep it so."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._locked = True

    def unlock(self) -> None:
        """Let the next process write; nothing happens where the lock is not held."""
        if self._locked:
            self._locked = False
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _open(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA recursive_triggers = ON")
        except sqlite3.Error:
            connection.close()
            raise
        self._cursor = connection.cursor()
        return connection

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, for whoever holds the lock."""
        return self._connection

    def begin(self) -> DBAPICursor:
        """Take the lock, then BEGIN IMMEDIATE: a deferred one cannot become a writer safely."""
        self.lock()
        return self._begin()

    def begin_if_free(self) -> DBAPICursor | None:
        """Do the same where the lock is free; None where another process has it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        self._locked = True
        return self._begin()

    def _begin(self) -> DBAPICursor:
        if self._cursor is None:
            self._connection = self._open()
        cursor = self._cursor
        if cursor is None:  # pragma: no cover - _open sets it
            raise StorageError("the connection is closed")
        cursor.execute("BEGIN IMMEDIATE")
        return cast("DBAPICursor", cursor)

    def commit(self) -> None:
        """COMMIT, and whatever checkpoint it does, under the lock."""
        self._connection.execute("COMMIT")
        self.unlock()

    def rollback(self) -> None:
        """Take back what the transaction did, if one is open."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        finally:
            self.unlock()

    def changes(self) -> int:
        """Rows changed by this connection so far."""
        return self._connection.total_changes

    def reopen(self) -> None:
        """Drop the connection: closing takes back what is open. The next ``begin`` makes a new one."""
        self._cursor = None
        try:
            self._connection.close()
        finally:
            self.unlock()

    def close(self) -> None:
        """Close under the lock, since the last to close makes the last checkpoint."""
        self.lock()
        try:
            self._cursor = None
            self._connection.close()
        finally:
            self.unlock()
            os.close(self._lock)


def _engine(path: Path, begin: str, **pool: Any) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), creator=lambda: _connect(path), **pool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def reading_engine(path: Path) -> Engine:
    """Make the pool of reading connections: each transaction sees one moment, and none waits for a writer."""
    engine = _engine(path, "BEGIN", poolclass=QueuePool, pool_size=4, max_overflow=-1)
    event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA query_only = ON"))
    return engine


def upgrading_engine(path: Path) -> Engine:
    """Make the engine that changes the schema, in one transaction, for whoever holds the writer's lock."""
    return _engine(path, "BEGIN IMMEDIATE", poolclass=NullPool)
