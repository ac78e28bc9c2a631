"""How what a database is made of is held against what this program makes."""

from collections.abc import Iterator, Mapping

from sqlalchemy import text
from sqlalchemy.engine import Connection

from state.errors import StorageError
from state.ledger.port import Finding
from state.ledger.sql.schema import REVISION

Standing = Mapping[tuple[str, str], tuple[str, ...]]
"""Kind (table, column, index, trigger) and name, to its definition."""


def differences(table: str, column: str, *, wanted: Standing, there: Standing) -> Iterator[Finding]:
    """Find what is missing, changed or added; ``table`` and ``column``: where the database says so."""
    for kind, name in sorted(wanted.keys() | there.keys()):
        if wanted.get((kind, name)) == there.get((kind, name)):
            continue
        dropped, added = (kind, name) not in there, (kind, name) not in wanted
        how = "dropped" if dropped else "added" if added else "changed"
        since = ": what was written since was not refused by it" if kind == "trigger" else ""
        yield _found(table, column, f"{kind} {name} was {how}{since}")


def check_revision(connection: Connection) -> Iterator[Finding]:
    """Find that the database does not say of which schema it is."""
    rows = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if list(rows) != [REVISION]:
        yield _found("alembic_version", "version_num", f"does not say {REVISION}, and that alone")


def unreadable(error: StorageError) -> Finding:
    """Say that the rows were not checked, since the tables do not stand as they must."""
    return _found("*", "*", f"the rows were not checked: {error}")


def _found(table: str, column: str, what: str) -> Finding:
    return Finding(run="*", seq=None, table=table, column=column, what=what)
