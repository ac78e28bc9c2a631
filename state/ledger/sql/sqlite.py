"""What is true of SQLite alone: how its file is opened, locked and written, and what its triggers refuse."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StorageError
from state.ledger.port import Finding
from state.ledger.sql import standing
from state.ledger.sql.guards import GUARDS, Guard
from state.ledger.sql.lock import Keeper, Lock
from state.ledger.sql.schema import metadata

BUSY_MS: Final = 5_000
PAGE_BYTES: Final = 8192
CACHED_STATEMENTS: Final = 512
_CLOSING_S: Final = 2.0


def _trigger(name: str, guard: Guard) -> str:
    when = f" WHEN {guard.when}" if guard.when else ""
    act = f"RAISE(ABORT, 'remit: {guard.because}')"
    return f"CREATE TRIGGER {name} BEFORE {guard.command} ON {guard.table}{when} BEGIN SELECT {act}; END"


TRIGGERS: Final[Mapping[str, str]] = {name: _trigger(name, guard) for name, guard in GUARDS.items()}
"""Name to text of every trigger. BEFORE INSERT is what stops INSERT OR REPLACE."""


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


def _read_only(connection: sqlite3.Connection, *, lenient: bool) -> None:
    """Let it change nothing; ``lenient``: bytes that are no text are shown as such, and end no reading."""
    connection.execute("PRAGMA query_only = ON")
    if lenient:
        connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")


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
        self._settled = False  # nothing is in the log that was there before this connection
        try:
            self._lock = Lock(path.with_name(path.name + "-lock"))
        except OSError as error:
            raise StorageError(f"cannot open the lock of {path}: {error.strerror}") from error
        try:
            self._connection = self._open()
        except sqlite3.Error as error:
            self._lock.close()
            raise StorageError(f"cannot open {path}: {error}") from error
        except BaseException:
            self._lock.close()
            raise

    def lock(self) -> None:
        """Wait until no other process writes, and keep it so; StorageError where that takes too long."""
        self._lock.take_within()

    def unlock(self) -> None:
        """Let the next process write; nothing happens where the lock is not held."""
        self._lock.release()

    def _open(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            # A database that is one already is opened without the lock: whoever has it may be stopped.
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                self._make(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA recursive_triggers = ON")
        except BaseException:
            connection.close()
            raise
        self._cursor, self._settled = connection.cursor(), False
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        """Give a new database its form, one process at a time."""
        held = self._lock.held
        if not held:
            self.lock()
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            if not held:
                self.unlock()

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself, for whoever holds the lock."""
        return self._connection

    def reading(self) -> DBAPICursor:
        """Read on this connection, outside of its transactions."""
        return cast("DBAPICursor", self._connection.cursor())

    def begin(self) -> DBAPICursor:
        """Take the lock, then BEGIN IMMEDIATE: a deferred one cannot become a writer safely.

        This waits for a stopped process as long as it is stopped: whoever asks bounds their own wait.
        """
        self._lock.take()
        return self._begin()

    def begin_if_free(self) -> DBAPICursor | None:
        """Do the same where the lock is free; None where another process has it."""
        return self._begin() if self._lock.take_if_free() else None

    def _begin(self) -> DBAPICursor:
        if self._cursor is None:
            self._connection = self._open()
        cursor = self._cursor
        if cursor is None:  # pragma: no cover - _open sets it
            raise StorageError("the connection is closed")
        if not self._settled:
            # What a crash or a failed sync left in the log can be read and yet be on no disk, and no later
            # sync of the log would put it there: it is moved to the database before anything rests on it.
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._settled = True
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

    def keeper(self) -> Keeper | None:
        """Which other process of this host has the lock, and whether it is stopped; None where unknown."""
        return self._lock.keeper()

    def close(self) -> None:
        """Close under the lock, since the last to close makes the last checkpoint.

        Where it is not to be had, another process is at work and not the last.
        """
        try:
            with contextlib.suppress(StorageError):
                self._lock.take_within(_CLOSING_S)
            self._cursor = None
            self._connection.close()
        finally:
            self.unlock()
            self._lock.close()


class Sqlite:
    """A database in one file, which stands."""

    failures: tuple[type[Exception], ...] = (sqlite3.Error,)
    clock: str | None = None

    def __init__(self, path: Path) -> None:
        """``path``: the file; ``create_file`` makes it."""
        self.path = path
        self._dialect = make_url("sqlite://").get_dialect()()

    @property
    def dialect(self) -> Dialect:
        """The dialect, with positional parameters."""
        return self._dialect

    def __str__(self) -> str:
        """The path."""
        return str(self.path)

    def writing(self) -> SqliteWriter:
        """Open the connection that writes; StorageError."""
        return SqliteWriter(self.path)

    def asking(self) -> DBAPICursor:
        """Open a connection that cannot change anything; each statement sees what is durable by then."""
        return cast("DBAPICursor", reading_connection(self.path).cursor())

    def reading(self, *, lenient: bool = False) -> Engine:
        """Make the pool of reading connections: each transaction sees one moment, and waits for no writer."""
        engine = self._engine("BEGIN", poolclass=QueuePool, pool_size=4, max_overflow=-1)
        event.listen(engine, "connect", lambda raw, _record: _read_only(raw, lenient=lenient))
        return engine

    def upgrading(self) -> Engine:
        """Make the engine that changes the schema, for whoever holds the writer's lock."""
        return self._engine("BEGIN IMMEDIATE", poolclass=NullPool)

    def _engine(self, begin: str, **pool: Any) -> Engine:
        url = URL.create("sqlite", database=str(self.path))
        engine = create_engine(url, creator=lambda: _connect(self.path), **pool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    def tables(self, cursor: DBAPICursor) -> set[str]:
        """The names of the tables that are there."""
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in cursor.fetchall()}

    def check_schema(self, connection: Connection) -> Iterator[Finding]:
        """Find what is missing, changed or added of what the database is made of."""
        return check_schema(connection)


# verify
_ALEMBIC: Final = """CREATE TABLE alembic_version (
\tversion_num VARCHAR(32) NOT NULL, \n\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""  # as the migrations' own table is made
_STANDING: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat*'"


def check_schema(connection: Connection) -> Iterator[Finding]:
    """Find each table, index and trigger that is missing, changed or added."""
    there = _standing(connection)
    yield from standing.differences("sqlite_master", "sql", wanted=_made(), there=there)
    if ("table", "alembic_version") in there:
        yield from standing.check_revision(connection)


def _standing(connection: Connection) -> standing.Standing:
    found = connection.exec_driver_sql(_STANDING)
    return {(f.type, f.name): (f.tbl_name, f.sql or "") for f in found}


@cache
def _made() -> standing.Standing:
    """Make the schema anew, beside, and read what it then consists of."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            for text in (_ALEMBIC, *TRIGGERS.values()):
                connection.exec_driver_sql(text)
            return _standing(connection)
    finally:
        engine.dispose()
