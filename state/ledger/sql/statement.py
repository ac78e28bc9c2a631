"""How the hot path speaks SQL: statements of SQLAlchemy Core, compiled once, run on the raw connection.

Core costs more than SQLite itself does; compiled once, it costs nothing, and serves every dialect.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ClauseElement, ColumnElement, Table, bindparam, insert, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler


class Statement:
    """One compiled statement with named values."""

    def __init__(self, construct: ClauseElement, dialect: Dialect) -> None:
        """Take ``construct`` for ``dialect``, whose parameters are positional.

        It is compiled when it is first run: a command that reads needs few of all there are.
        """
        self._construct, self._dialect = construct, dialect

    @cached_property
    def _compiled(self) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
        """Its text, and what puts named values into the order of its parameters."""
        compiled = cast("SQLCompiler", self._construct.compile(dialect=self._dialect))
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        pick = _picker(list(compiled.positiontup or []))
        return str(compiled), (lambda given: pick({**fixed, **given})) if fixed else pick

    def run(self, cursor: DBAPICursor, **values: Any) -> int:
        """Run it; how many rows it changed."""
        sql, in_order = self._compiled
        cursor.execute(sql, in_order(values))
        return cursor.rowcount

    def many(self, cursor: DBAPICursor, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it once a row."""
        sql, in_order = self._compiled
        cursor.executemany(sql, [in_order(row) for row in rows])

    def row(self, cursor: DBAPICursor, **values: Any) -> tuple[Any, ...] | None:
        """Run it; its first row, if any."""
        sql, in_order = self._compiled
        cursor.execute(sql, in_order(values))
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found

    def rows(self, cursor: DBAPICursor, **values: Any) -> list[tuple[Any, ...]]:
        """Run it; all its rows."""
        sql, in_order = self._compiled
        cursor.execute(sql, in_order(values))
        found: list[tuple[Any, ...]] = list(cursor.fetchall())
        return found


class RowUpdate:
    """Updates of a row that name its changed columns only: a named one is changed in every index it is in."""

    def __init__(self, table: Table, where: ColumnElement[bool], dialect: Dialect) -> None:
        """Update the rows of ``table`` that are ``where``."""
        self._table, self._where, self._dialect = table, where, dialect
        self._made: dict[tuple[str, ...], Statement] = {}

    def run(self, cursor: DBAPICursor, changed: Mapping[str, Any], **values: Any) -> None:
        """Set the ``changed`` columns, if there are any; ``values`` are those of the condition."""
        names = tuple(changed)
        if not names:
            return
        if names not in self._made:
            columns: dict[str, Any] = {name: bindparam(name) for name in names}
            made = update(self._table).where(self._where).values(columns)
            self._made[names] = Statement(made, self._dialect)
        self._made[names].run(cursor, **changed, **values)


def inserting(table: Table) -> ClauseElement:
    """Compose an insert of one whole row, a named value a column."""
    return insert(table).values({column.name: bindparam(column.name) for column in table.columns})


def _picker(order: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Make what puts named values into the order of a statement's parameters."""
    match order:
        case []:
            return lambda _: ()
        case [name]:
            return lambda given: (given[name],)
        case _:
            return itemgetter(*order)
