"""The few questions that are put at every move of a run: compiled once, asked on a thread's own connection.

A pooled connection and a statement of SQLAlchemy cost ten times what SQLite itself needs for these.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any, cast

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StorageError
from state.ledger.port import Glance
from state.ledger.sql.schema import attempts, heads, holds, signals, stops
from state.ledger.sql.sqlite import reading_connection
from state.ledger.sql.statement import Statement


class Glances:
    """Reads that never wait for a writer. Each sees what was durable when it was asked."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        """``path``: the ledger's file."""
        self._path, self._local, self._guard = path, threading.local(), threading.Lock()
        self._open: list[sqlite3.Connection] = []
        s, a = signals.c, attempts.c
        waiting = select(func.count()).where(s.run == bindparam("run"), s.folded_seq.is_(None))
        sent = select(func.count()).where(a.resource == bindparam("resource"), a.at >= bindparam("since"))
        self._waiting = Statement(waiting.select_from(signals), dialect)
        self._stops = Statement(select(stops.c.scope).order_by(stops.c.scope), dialect)
        held = select(holds.c.run).where(holds.c.resource == bindparam("resource"))
        self._holder = Statement(held, dialect)
        self._sent = Statement(sent.select_from(attempts), dialect)
        self._length = Statement(select(heads.c.seq).where(heads.c.run == bindparam("run")), dialect)

    def glance(self, run: str) -> Glance:
        """How many signals wait for ``run``, and which scopes are stopped."""
        ((waiting,),) = self._ask(self._waiting, run=run)
        return Glance(signals=waiting, stops=tuple(scope for (scope,) in self._ask(self._stops)))

    def holder(self, resource: str) -> str | None:
        """The run that holds a resource."""
        found = self._ask(self._holder, resource=resource)
        return found[0][0] if found else None

    def attempts_on(self, resource: str, since: str) -> int:
        """Write intents on a resource since an instant."""
        ((sent,),) = self._ask(self._sent, resource=resource, since=since)
        return int(sent)

    def length(self, run: str) -> int:
        """The seq of a chain's last entry; 0 where there is no chain."""
        found = self._ask(self._length, run=run)
        return found[0][0] if found else 0

    def _ask(self, statement: Statement, **values: str) -> list[tuple[Any, ...]]:
        try:
            return statement.rows(self._cursor(), **values)
        except sqlite3.Error as error:
            raise StorageError(f"the database could not be read: {error}") from error

    def close(self) -> None:
        """Close every thread's connection; nobody may be asking any more."""
        with self._guard:
            while self._open:
                self._open.pop().close()

    def _cursor(self) -> DBAPICursor:
        known: DBAPICursor | None = getattr(self._local, "cursor", None)
        if known is not None:
            return known
        connection = reading_connection(self._path)
        with self._guard:
            self._open.append(connection)
        cursor = cast("DBAPICursor", connection.cursor())
        self._local.cursor = cursor
        return cursor
