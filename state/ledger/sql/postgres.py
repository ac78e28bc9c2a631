"""What is true of Postgres alone: how it is reached, how one process at a time writes, how it is read."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import psycopg
from sqlalchemy import URL, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StorageError
from state.ledger.port import Finding
from state.ledger.sql import postgres_schema

LOCK: Final = 0x72656D6974  # the advisory lock of whoever writes; advisory locks belong to one database
LOCK_PATIENCE_MS: Final = 60_000
IDLE_MS: Final = 10_000

# A host that went away, and a worker that was stopped inside a transaction, must not keep the others waiting.
_REACHED: Final[Mapping[str, str]] = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "remit",
}
_WRITING: Final = f"""
    SET synchronous_commit = on;
    SET lock_timeout = {LOCK_PATIENCE_MS};
    SET idle_in_transaction_session_timeout = {IDLE_MS};
    SET default_transaction_isolation = 'read committed'
"""
_BEGIN: Final = f"BEGIN; SELECT pg_advisory_xact_lock({LOCK})"
_BEGIN_IF_FREE: Final = f"BEGIN; SELECT pg_try_advisory_xact_lock({LOCK})"
_NOW: Final = """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_TABLES: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE"})


class _Counting(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor that counts the rows that it changed."""

    changed = 0

    def execute(self, *args: Any, **more: Any) -> "_Counting":
        super().execute(*args, **more)
        self._count()
        return self

    def executemany(self, *args: Any, **more: Any) -> None:
        super().executemany(*args, **more)
        self._count()

    def _count(self) -> None:
        if self.rowcount > 0 and (self.statusmessage or "").partition(" ")[0] in _CHANGES:
            self.changed += self.rowcount


class PostgresWriter:
    """The writing connection of one process: ``synchronous_commit=on``, behind an advisory lock.

    The lock belongs to the transaction and is given to those who wait in their order; what is read behind it
    is what every earlier writer has committed. A server that hears nothing inside a transaction for
    ``IDLE_MS`` takes it back, so a stopped worker holds up nobody for longer.
    """

    def __init__(self, url: URL) -> None:
        """Open ``url``. StorageError."""
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._cursor: _Counting | None = None
        self._before = 0  # rows changed on connections that are closed by now
        try:
            self._open()
        except psycopg.Error as error:
            raise StorageError(f"cannot open {_shown(url)}: {_first_line(error)}") from error

    def _open(self) -> _Counting:
        connection = connect(self._url)
        try:
            connection.execute(_WRITING)
            cursor = _Counting(connection)
        except psycopg.Error:
            connection.close()
            raise
        self._connection, self._cursor = connection, cursor
        return cursor

    def _ready(self) -> _Counting:
        return self._cursor or self._open()

    def lock(self) -> None:
        """Wait until no other process writes, and keep it so."""
        self._ready().execute(f"SELECT pg_advisory_lock({LOCK})")

    def unlock(self) -> None:
        """Let the next process write."""
        self._ready().execute(f"SELECT pg_advisory_unlock({LOCK})")

    def reading(self) -> DBAPICursor:
        """Read on this connection, outside of its transactions."""
        return cast("DBAPICursor", self._ready())

    def begin(self) -> DBAPICursor:
        """Begin a transaction that may write, after whoever came first."""
        cursor = self._ready()
        cursor.execute(_BEGIN, prepare=False)  # two commands in one cannot be prepared
        return cast("DBAPICursor", cursor)

    def begin_if_free(self) -> DBAPICursor | None:
        """Begin one at once; None where another process writes."""
        cursor = self._ready()
        cursor.execute(_BEGIN_IF_FREE, prepare=False)
        cursor.nextset()
        ((free,),) = cursor.fetchall()
        if free:
            return cast("DBAPICursor", cursor)
        cursor.execute("ROLLBACK")
        return None

    def commit(self) -> None:
        """COMMIT, which also lets the next process write."""
        cursor = self._ready()
        cursor.execute("COMMIT")
        if (
            cursor.statusmessage != "COMMIT"
        ):  # a transaction that had failed answers ROLLBACK, without an error
            raise StorageError("the database took the transaction back")

    def rollback(self) -> None:
        """Take back what the transaction did, if one is open."""
        if self._connection is not None:
            self._connection.execute("ROLLBACK")

    def changes(self) -> int:
        """Rows changed by this writer so far."""
        return self._before + (0 if self._cursor is None else self._cursor.changed)

    def keeper(self) -> None:
        """Nobody: the server ends the transaction of a process that is stopped."""

    def reopen(self) -> None:
        """Drop the connection; the next ``begin`` makes a new one."""
        connection, self._before = self._connection, self.changes()
        self._connection = self._cursor = None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close for good."""
        self.reopen()


class Postgres:
    """A database on a Postgres server, ``postgresql://USER@HOST/NAME``."""

    failures: tuple[type[Exception], ...] = (psycopg.Error,)
    clock: str | None = _NOW

    def __init__(self, url: URL) -> None:
        """``url`` names the database; what it leaves out comes from libpq's own variables and files."""
        self._url = url.set(drivername="postgresql+psycopg")
        self._dialect: Dialect = cast("Any", PGDialect_psycopg)(paramstyle="format")

    @property
    def dialect(self) -> Dialect:
        """The dialect, with positional parameters."""
        return self._dialect

    def __str__(self) -> str:
        """Where it is, without a password."""
        return _shown(self._url)

    def writing(self) -> PostgresWriter:
        """Open the connection that writes; StorageError."""
        return PostgresWriter(self._url)

    def reading(self, *, lenient: bool = False) -> Engine:
        """Make the pool of reading connections, each transaction of which sees one moment."""
        del lenient  # the server takes no text that is none
        engine = create_engine(
            self._url,
            creator=lambda: connect(self._url, autocommit=False),
            poolclass=QueuePool, pool_size=4, max_overflow=-1, pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
        )  # fmt: skip

        @event.listens_for(engine, "connect")
        def read_only(raw: Any, _record: Any) -> None:
            raw.read_only = True

        return engine

    def asking(self) -> DBAPICursor:
        """Open a connection whose every statement sees what is durable by then."""
        connection = connect(self._url)
        connection.execute("SET default_transaction_read_only = on")
        return cast("DBAPICursor", connection.cursor())

    def upgrading(self) -> Engine:
        """Make the engine that changes the schema."""
        return create_engine(
            self._url, creator=lambda: connect(self._url, autocommit=False), poolclass=NullPool
        )

    def tables(self, cursor: DBAPICursor) -> set[str]:
        """The names of the tables that are there."""
        cursor.execute(_TABLES)
        return {name for (name,) in cursor.fetchall()}

    def check_schema(self, connection: Connection) -> Iterator[Finding]:
        """Find what is missing, changed or added of what the database is made of."""
        return postgres_schema.check_schema(connection)


def connect(url: URL, *, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to ``url``; psycopg.Error."""
    given = url.translate_connect_args(username="user", database="dbname")
    return psycopg.connect(**{**_REACHED, **url.query, **given}, autocommit=autocommit)


def _shown(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
