"""What a database must offer so that a ledger can stand on it."""

from collections.abc import Iterator
from typing import Protocol

from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from state.ledger.port import Finding
from state.ledger.sql.writer import WriteConnection


class Writing(WriteConnection, Protocol):
    """The writing connection, before the writer thread has it."""

    def lock(self) -> None:
        """Wait until no other process writes, and keep it so."""

    def unlock(self) -> None:
        """Let the next process write."""

    def reading(self) -> DBAPICursor:
        """Read on the writing connection, outside of its transactions."""


class Database(Protocol):
    """One database: its dialect, and connections that write, read, and change the schema.

    ``failures``: what its driver raises; ``clock``: the question for its present instant, None
    where its clock is the host's.
    """

    failures: tuple[type[Exception], ...]
    clock: str | None

    @property
    def dialect(self) -> Dialect:
        """The dialect that statements are compiled for; its parameters are positional."""

    def __str__(self) -> str:
        """Where it is, without a password."""

    def writing(self) -> Writing:
        """Open the connection that writes; StorageError."""

    def reading(self, *, lenient: bool = False) -> Engine:
        r"""Make a pool of reading connections: each transaction sees one moment and changes nothing.

        ``lenient``, which takes longer: a text that is none, as only tampering makes one, does not end the
        reading; its bytes are shown as ``\xff``.
        """

    def asking(self) -> DBAPICursor:
        """Open a connection whose every statement sees what is durable by then."""

    def upgrading(self) -> Engine:
        """Make the engine that changes the schema, for whoever holds the lock."""

    def tables(self, cursor: DBAPICursor) -> set[str]:
        """The names of the tables that are there."""

    def check_schema(self, connection: Connection) -> Iterator[Finding]:
        """Find what is missing, changed or added of what the database is made of."""
