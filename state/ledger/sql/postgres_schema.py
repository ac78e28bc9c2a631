"""What Postgres refuses by itself: triggers that fire for every role, and what a worker's role lacks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from state.ledger.port import Finding
from state.ledger.sql import standing
from state.ledger.sql.guards import GUARDS, Guard
from state.ledger.sql.schema import metadata

_BODY: Final = "BEGIN IF {when} THEN RAISE EXCEPTION 'remit: {because}'; END IF; RETURN NEW; END"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger: before which command on which table, for each row or statement, and what it does."""

    table: str
    command: str
    body: str
    each: str = "ROW"

    def definition(self, name: str) -> str:
        """How Postgres itself would write it down."""
        return (
            f"CREATE TRIGGER {name} BEFORE {self.command} ON {self.table} FOR EACH {self.each}"
            f" EXECUTE FUNCTION remit_{name}()"
        )


_WRITTEN: Final = {  # no truth is added to a number, and ``by`` is a word of PL/pgSQL
    "(NEW.kind = 'claimed')": "(NEW.kind = 'claimed')::int",
    "NEW.by = OLD.by": 'NEW."by" = OLD."by"',
}


def _of(guard: Guard) -> Trigger:
    when = guard.when or "true"
    for plain, theirs in _WRITTEN.items():
        when = when.replace(plain, theirs)
    body = _BODY.format(when=when, because=guard.because)
    return Trigger(table=guard.table, command=guard.command, body=body)


def _emptied(table: str) -> Trigger:
    body = _BODY.format(when="true", because=f"{table} is never emptied")
    return Trigger(table=table, command="TRUNCATE", body=body, each="STATEMENT")


TRIGGERS: Final[Mapping[str, Trigger]] = {
    **{name: _of(guard) for name, guard in GUARDS.items() if not guard.replaces},
    **{f"{g.table}_truncate": _emptied(g.table) for g in GUARDS.values() if g.command == "DELETE"},
}
"""Name to trigger, in force for every role and in every mode of replication; nothing here puts a row in the
place of another, so those against it are left out."""

_MAY: Final[Mapping[str, str]] = {
    "entries": "SELECT, INSERT",
    "heads": "SELECT, INSERT, UPDATE",
    "runs": "SELECT, INSERT, UPDATE",
    "claims": "SELECT, INSERT, UPDATE",
    "signals": "SELECT, INSERT, UPDATE",
    "tallies": "SELECT, UPDATE",
    "payload_key": "SELECT",
    "payloads": "SELECT, INSERT, UPDATE",
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "alembic_version": "SELECT",
}
_DERIVED: Final = "SELECT, INSERT, DELETE"  # rows that are written anew: holds, touches, and the like


def grants(role: str, schema: str) -> Iterator[str]:
    """The commands that let ``role`` work on a ledger, and no more than that."""
    name, where = _quoted(role), _quoted(schema)
    yield f"GRANT USAGE ON SCHEMA {where} TO {name}"
    for table in (*sorted(metadata.tables), "alembic_version"):
        yield f"REVOKE ALL ON {where}.{table} FROM {name}"
        yield f"GRANT {_MAY.get(table, _DERIVED)} ON {where}.{table} TO {name}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def trigger_commands(schema: str) -> Iterator[str]:
    """The commands that make every trigger."""
    for name, trigger in TRIGGERS.items():
        yield (
            f"CREATE FUNCTION remit_{name}() RETURNS trigger LANGUAGE plpgsql"
            f" SET search_path TO {_path(_quoted(schema))} AS $remit${trigger.body}$remit$"
        )
        yield trigger.definition(name)
        yield f"ALTER TABLE {trigger.table} ENABLE ALWAYS TRIGGER {name}"


def _path(schema: str) -> str:
    """The schema's own tables, whatever a session made under the same names: temporary ones come last."""
    return f"{schema}, pg_temp"


# verify
_COLUMNS: Final = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        coalesce(l.collname, ''), coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND a.attnum > 0 AND NOT a.attisdropped
"""
_INDEXES: Final = """
    SELECT x.relname, replace(pg_get_indexdef(i.indexrelid), quote_ident(current_schema()) || '.', '')
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE x.relnamespace = current_schema()::regnamespace AND i.indisvalid
"""
_TRIGGERS: Final = """
    SELECT t.tgname, t.tgenabled,
        replace(pg_get_triggerdef(t.oid), quote_ident(current_schema()) || '.', ''), p.prosrc,
        coalesce(array_to_string(p.proconfig, '; '), '')
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
"""


def check_schema(connection: Connection) -> Iterator[Finding]:
    """Find each column, index and trigger that is missing, changed or added."""
    schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    there = _standing(connection)
    yield from standing.differences("pg_catalog", "definition", wanted=_wanted(schema), there=there)
    if ("column", "alembic_version.version_num") in there:
        yield from standing.check_revision(connection)


def _standing(connection: Connection) -> standing.Standing:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for table, column, *rest in connection.exec_driver_sql(_COLUMNS):
        found["column", f"{table}.{column}"] = tuple(map(str, rest))
    for name, definition in connection.exec_driver_sql(_INDEXES):
        found["index", name] = (_plain(definition),)
    for name, enabled, definition, body, path in connection.exec_driver_sql(_TRIGGERS):
        state = enabled.decode() if isinstance(enabled, bytes) else enabled
        found["trigger", name] = (state, _plain(definition), body, _plain(path))
    return found


def _plain(text: str) -> str:
    """A text without the quotes that Postgres puts around a name that is a word of its own."""
    return text.replace('"', "")


def _wanted(schema: str) -> standing.Standing:
    wanted: dict[tuple[str, str], tuple[str, ...]] = {
        ("column", "alembic_version.version_num"): ("character varying(32)", "True", "default", ""),
        ("index", "alembic_version_pkc"): _index("alembic_version_pkc", "alembic_version", "version_num"),
    }
    for table in metadata.tables.values():
        wanted.update((("column", f"{table.name}.{c.name}"), _column(c)) for c in table.columns)
        key = f"{table.name}_pkey"
        wanted["index", key] = _index(key, table.name, _names(table))
        for index in table.indexes:
            where = index.dialect_options["postgresql"]["where"]
            columns = ", ".join(c.name for c in index.columns)
            wanted["index", str(index.name)] = _index(
                str(index.name),
                table.name,
                columns,
                where=None if where is None else str(where),
                unique=False,
            )
    path = f"search_path={_path(schema)}"
    wanted.update(
        (("trigger", name), ("A", trigger.definition(name), trigger.body, path))
        for name, trigger in TRIGGERS.items()
    )
    return wanted


def _names(table: Table) -> str:
    return ", ".join(c.name for c in table.primary_key.columns)


def _column(column: Column[object]) -> tuple[str, ...]:
    kind = column.type.dialect_impl(postgresql.dialect())  # type: ignore[no-untyped-call]
    is_text = kind.python_type is str
    return ("text" if is_text else "bigint", str(not column.nullable), "C" if is_text else "", "")


def _index(
    name: str, table: str, columns: str, *, where: str | None = None, unique: bool = True
) -> tuple[str, ...]:
    how = "UNIQUE INDEX" if unique else "INDEX"
    clause = f" WHERE ({where})" if where else ""
    return (f"CREATE {how} {name} ON {table} USING btree ({columns}){clause}",)
