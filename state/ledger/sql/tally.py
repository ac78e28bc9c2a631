"""How what can vanish without a trace is counted: chains and signals, each tally under its seal."""

from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StorageError
from state.ledger.seals import tallied, tally_columns
from state.ledger.sql.schema import tallies
from state.ledger.sql.statement import Statement


class Tally:
    """Counts one more, inside the transaction that brings it."""

    def __init__(self, dialect: Dialect, *, key: bytes | None) -> None:
        """Compile the statements for ``dialect``; ``key`` is what seals are made with."""
        of_name = tallies.c.name == bindparam("of_name")
        self._key = key
        self._read = Statement(select(tallies.c.number, tallies.c.digest).where(of_name), dialect)
        values: dict[str, Any] = {name: bindparam(name) for name in ("number", "digest", "seal")}
        self._write = Statement(update(tallies).where(of_name).values(values), dialect)

    def count(self, cursor: DBAPICursor, name: str, member: str) -> None:
        """Count ``member``; StorageError where somebody removed the tally."""
        found = self._read.row(cursor, of_name=name)
        if found is None:
            raise StorageError(f"the tally of {name} is missing: nothing was stored; remit ledger verify")
        columns = tally_columns(name, found[0] + 1, tallied(found[1], member), key=self._key)
        del columns["name"]
        self._write.run(cursor, of_name=name, **columns)
