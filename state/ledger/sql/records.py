"""How the whole ledger is read at one moment: every row of every table, those of a run together."""

import heapq
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from state import canonical
from state.errors import CanonicalError
from state.ledger.payload import references
from state.ledger.port import Record
from state.ledger.sql import schema

BY_RUN = tuple(table for table in schema.metadata.sorted_tables if "run" in table.c)
OF_ALL = tuple(
    table for table in schema.metadata.sorted_tables if "run" not in table.c and table is not schema.payloads
)
ROWS_AT_ONCE = 500


def every_record(connection: Connection, run: str | None) -> Iterator[Record]:
    """Yield the rows of every table, by run, then those that belong to none; or those of ``run`` alone."""
    streams = [_of_table(connection, table, run) for table in BY_RUN]
    if run is None:
        yield from heapq.merge(*streams, key=lambda record: record[1]["run"])
        for table in (*OF_ALL, schema.payloads):
            yield from _of_table(connection, table, None)
        return
    wanted: set[str] = set()
    for name, row in heapq.merge(*streams, key=lambda record: record[1]["run"]):
        if name == "entries":
            wanted.update(_references(row["body"]))
        yield name, row
    for digest in sorted(wanted):
        p = schema.payloads
        for found in connection.execute(select(*p.columns).where(p.c.digest == digest)):
            yield p.name, dict(found._mapping)  # noqa: SLF001 - the public name of a row as a mapping


def _references(body: str) -> list[str]:
    try:
        return list(references(canonical.loads(body)))
    except CanonicalError:
        return []


def _of_table(connection: Connection, table: Table, run: str | None) -> Iterator[Record]:
    query: Any = select(*table.columns).order_by(
        *(["run"] if "run" in table.c else []), *table.primary_key.columns
    )
    if run is not None:
        query = query.where(table.c.run == run)
    for found in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield table.name, dict(found._mapping)  # noqa: SLF001 - the public name of a row as a mapping
