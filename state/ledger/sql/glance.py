"""The few questions that are put at every move of a run: compiled once, on connections kept open.

A pooled connection and a statement of SQLAlchemy cost ten times what SQLite itself needs for these.
"""

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam, func, literal, null, select, union_all
from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StorageError
from state.ledger.port import Glance
from state.ledger.sql.database import Database
from state.ledger.sql.schema import attempts, heads, holds, signals, stops
from state.ledger.sql.statement import Statement

MAX_IDLE: Final = 8
T = TypeVar("T")


class Glances:
    """Reads that never wait for a writer. Each sees what was durable when it was asked."""

    def __init__(self, database: Database) -> None:
        """Ask ``database``."""
        self._database, self._guard = database, threading.Lock()
        dialect = database.dialect
        self._idle: list[DBAPICursor] = []  # the last one used is taken first: its pages are at hand
        self._closed = False
        s, a = signals.c, attempts.c
        waiting = select(func.count().label("waiting"), null().label("scope")).select_from(signals)
        waiting = waiting.where(s.run == bindparam("run"), s.folded_seq.is_(None))
        stopped = select(literal(0), stops.c.scope)
        sent = select(func.count()).where(a.resource == bindparam("resource"), a.at >= bindparam("since"))
        self._glance = Statement(union_all(waiting, stopped), dialect)
        held = select(holds.c.run).where(holds.c.resource == bindparam("resource"))
        self._holder = Statement(held, dialect)
        self._sent = Statement(sent.select_from(attempts), dialect)
        self._length = Statement(select(heads.c.seq).where(heads.c.run == bindparam("run")), dialect)

    def glance(self, run: str) -> Glance:
        """How many signals wait for ``run``, and which scopes are stopped."""
        found = self._ask(self._glance, run=run)
        stopped = sorted(scope for _, scope in found if scope is not None)
        return Glance(signals=sum(waiting for waiting, _ in found), stops=tuple(stopped))

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

    def close(self) -> None:
        """Close every connection; one that is in use is closed when it comes back."""
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().connection.close()

    def now(self) -> str:
        """The present instant by the database's clock, where it has one of its own."""
        return self._with(self._clock)

    def _clock(self, cursor: DBAPICursor) -> str:
        cursor.execute(str(self._database.clock))
        return str(cursor.fetchall()[0][0])

    def _ask(self, statement: Statement, **values: str) -> list[tuple[Any, ...]]:
        return self._with(lambda cursor: statement.rows(cursor, **values))

    def _with(self, ask: Callable[[DBAPICursor], T]) -> T:
        try:
            cursor = self._take()
            try:
                answer = ask(cursor)
            except BaseException:
                cursor.connection.close()
                raise
        except self._database.failures as error:
            raise StorageError(f"the database could not be read: {error}") from error
        self._give(cursor)
        return answer

    def _take(self) -> DBAPICursor:
        with self._guard:
            if self._closed:
                raise StorageError("the ledger is closed")
            if self._idle:
                return self._idle.pop()
        return self._database.asking()

    def _give(self, cursor: DBAPICursor) -> None:
        """Keep a connection for whoever asks next, where there are not enough already."""
        with self._guard:
            if len(self._idle) < MAX_IDLE and not self._closed:
                self._idle.append(cursor)
                return
        cursor.connection.close()
