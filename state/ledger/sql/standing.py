"""Whether a database stands as this program made it: each table, index and trigger, and nothing else."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from state.errors import StorageError
from state.ledger.port import Finding
from state.ledger.sql.schema import REVISION, metadata
from state.ledger.sql.sqlite import GUARDS

_ALEMBIC: Final = """CREATE TABLE alembic_version (
\tversion_num VARCHAR(32) NOT NULL, \n\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""  # as the migrations' own table is made
_STANDING: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat*'"
Key = tuple[str, str]


def check_schema(connection: Connection) -> Iterator[Finding]:
    """Find what is missing, changed or added of what the database is made of, and what it makes refuse."""
    wanted, there = _made(), _standing(connection)
    for kind, name in sorted(wanted.keys() | there.keys()):
        if wanted.get((kind, name)) != there.get((kind, name)):
            how = (
                "dropped"
                if (kind, name) not in there
                else "added"
                if (kind, name) not in wanted
                else "changed"
            )
            since = ": what was written since was not refused by it" if kind == "trigger" else ""
            yield _found("sqlite_master", "sql", f"{kind} {name} was {how}{since}")
    if ("table", "alembic_version") in there:
        rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchall()
        if [row[0] for row in rows] != [REVISION]:
            yield _found("alembic_version", "version_num", f"does not say {REVISION}, and that alone")


def unreadable(error: StorageError) -> Finding:
    """Say that the rows were not checked, since the tables do not stand as they must."""
    return _found("sqlite_master", "sql", f"the rows were not checked: {error}")


def _found(table: str, column: str, what: str) -> Finding:
    return Finding(run="*", seq=None, table=table, column=column, what=what)


def _standing(connection: Connection) -> Mapping[Key, tuple[str, str]]:
    found = connection.exec_driver_sql(_STANDING)
    return {(f.type, f.name): (f.tbl_name, f.sql or "") for f in found}


@cache
def _made() -> Mapping[Key, tuple[str, str]]:
    """Make the schema anew, beside, and read what it then consists of."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection)
            for text in (_ALEMBIC, *GUARDS.values()):
                connection.exec_driver_sql(text)
            return _standing(connection)
    finally:
        engine.dispose()
