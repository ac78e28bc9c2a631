"""What the law of appends asks of the database, inside the transaction of the append."""

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql import ColumnElement, Select

from state.entry import DESK
from state.ledger.derived import instant
from state.ledger.port import Limit
from state.ledger.sql.schema import deliveries, heads, holds, outbox, runs, signals, stops
from state.ledger.sql.statement import Statement


def counting(limit: Limit) -> Select[int]:
    """Compose the count of the runs that a limit counts."""
    query = select(func.count()).select_from(runs).where(runs.c.runbook == limit.runbook)
    query = query.where(or_(runs.c.state.is_(None), runs.c.state != "rejected"))
    if limit.kind == "rate":
        query = query.where(runs.c.created_at >= instant(limit.since))
    else:
        query = query.where(runs.c.ended_at.is_(None))
    if limit.targets:
        query = query.where(or_(*(_target(pattern) for pattern in limit.targets)))
    return query


def _target(pattern: str) -> ColumnElement[bool]:
    if not pattern.endswith("*"):
        return runs.c.target == pattern
    prefix = pattern[:-1]
    return func.substr(runs.c.target, 1, len(prefix)) == prefix


class ViewStatements:
    """The statements behind ``SqlView``, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        """Compile them for ``dialect``."""
        self.dialect = dialect
        self.stop = Statement(select(stops.c.scope).where(stops.c.scope == bindparam("scope")), dialect)
        self.desk = Statement(select(heads.c.seq).where(heads.c.run == DESK), dialect)
        self.hold = Statement(select(holds.c.run).where(holds.c.resource == bindparam("resource")), dialect)
        counts = or_(runs.c.once_until.is_(None), runs.c.once_until > bindparam("now"))
        self.need = Statement(
            select(runs.c.run)
            .where(runs.c.once_key == bindparam("key"), runs.c.once_key.is_not(None), counts)
            .order_by(runs.c.run)
            .limit(1),
            dialect,
        )
        came = and_(
            deliveries.c.source == bindparam("source"), deliveries.c.delivery == bindparam("delivery")
        )
        self.delivery = Statement(select(deliveries.c.run, deliveries.c.digest).where(came), dialect)
        self.notice = Statement(select(outbox.c.run).where(outbox.c.id == bindparam("id")), dialect)
        waits = and_(signals.c.id == bindparam("id"), signals.c.run == bindparam("run"))
        self.signal = Statement(select(signals.c.id).where(waits, signals.c.folded_seq.is_(None)), dialect)


class SqlView:
    """One transaction's view of the database, as the law asks for it."""

    def __init__(self, statements: ViewStatements, cursor: DBAPICursor) -> None:
        """Ask through ``cursor``, which is inside the transaction."""
        self._ask, self._cursor = statements, cursor

    def stopped(self, scopes: Sequence[str]) -> str | None:
        """Return the first of ``scopes`` that is stopped."""
        return next((s for s in scopes if self._ask.stop.row(self._cursor, scope=s)), None)

    def desk_seq(self) -> int:
        """Return the seq of the last entry of chain ``desk``."""
        found = self._ask.desk.row(self._cursor)
        return int(found[0]) if found else 0

    def holder(self, resource: str) -> str | None:
        """Return the run that holds ``resource``."""
        found = self._ask.hold.row(self._cursor, resource=resource)
        return found[0] if found else None

    def needed_by(self, once_key: str, now: str) -> str | None:
        """Return the run for which ``once_key`` counts at ``now``."""
        found = self._ask.need.row(self._cursor, key=once_key, now=now)
        return found[0] if found else None

    def delivered_as(self, source: str, delivery: str) -> tuple[str, str | None] | None:
        """Return the run and the body's digest under which a delivery came before."""
        found = self._ask.delivery.row(self._cursor, source=source, delivery=delivery)
        return (found[0], found[1]) if found else None

    def count(self, limit: Limit, but: str) -> int:
        """Count the runs that count against ``limit``, other than ``but``."""
        query = Statement(counting(limit).where(runs.c.run != but), self._ask.dialect)
        found = query.row(self._cursor)
        return int(found[0]) if found else 0

    def notice_of(self, notice: str) -> str | None:
        """Return the run whose outbox holds a notice of that id."""
        found = self._ask.notice.row(self._cursor, id=notice)
        return found[0] if found else None

    def waits(self, run: str, signal: str) -> bool:
        """Tell whether ``signal`` waits for ``run``."""
        return self._ask.signal.row(self._cursor, id=signal, run=run) is not None
