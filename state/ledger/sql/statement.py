"""How the hot path speaks SQL: statements of SQLAlchemy Core, compiled once, run on the raw connection.

Core costs more than SQLite itself does; compiled once, it costs nothing, and serves every dialect.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor


class Statement:
    """One compiled statement with named values."""

    def __init__(self, construct: ClauseElement, dialect: Dialect) -> None:
        """Compile ``construct`` for ``dialect``, whose parameters are positional."""
        compiled = construct.compile(dialect=dialect)
        self._sql = str(compiled)
        self._order: Sequence[str] = list(getattr(compiled, "positiontup", None) or [])
        self._fixed: Mapping[str, Any] = dict(getattr(compiled, "params", {}))

    def _values(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        fixed = self._fixed
        return tuple(given[name] if name in given else fixed[name] for name in self._order)

    def run(self, cursor: DBAPICursor, **values: Any) -> int:
        """Run it; how many rows it changed."""
        cursor.execute(self._sql, self._values(values))
        return cursor.rowcount

    def many(self, cursor: DBAPICursor, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it once a row."""
        cursor.executemany(self._sql, [self._values(row) for row in rows])

    def row(self, cursor: DBAPICursor, **values: Any) -> tuple[Any, ...] | None:
        """Run it; its first row, if any."""
        cursor.execute(self._sql, self._values(values))
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    def rows(self, cursor: DBAPICursor, **values: Any) -> list[tuple[Any, ...]]:
        """Run it; all its rows."""
        cursor.execute(self._sql, self._values(values))
        found: list[tuple[Any, ...]] = list(cursor.fetchall())
        return found


def inserting(table: Table) -> ClauseElement:
    """Compose an insert of one whole row, a named value a column."""
    return insert(table).values({column.name: bindparam(column.name) for column in table.columns})
