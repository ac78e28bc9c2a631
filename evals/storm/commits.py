"""Stands around every durable write of this process and every request that leaves it.

Each becomes two points of the driver's: ``before_commit`` (everything written, nothing durable) and
``after_commit`` (durable, and nobody has been told); ``before_post`` and ``after_post`` (the bytes of a write
have left, no answer was read). A commit is named from the statements of its own transaction, so that a write
that is new in the product turns up by itself.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from sqlalchemy.engine.interfaces import DBAPICursor

from state.ledger.sql.sqlite import SqliteWriter
from state.ledger.sql.writer import Writer

Come = Callable[[str, str], None]
"""Takes the name of a point and, in words, what is done there."""

WITHIN: Final = ("before_commit", "after_commit")  # the points at which the ledger is being written
_WRITERS: list[Writer] = []
_WRITTEN: Final = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
# run, seq, at, kind: the first columns of an entry, whose values hold neither quotes nor commas
_ENTRY: Final = re.compile(r".*?VALUES \('([^']*)', (\d+), '[^']*', '(\w+)'", re.IGNORECASE | re.DOTALL)
_BESIDE: Final = ("holds", "outbox", "payloads", "signals")  # named where entries are written too
_FOLLOWS: Final = frozenset({"heads", "runs", "touches", "attempts", "deliveries", "tallies"})
_NAMES: Final = {
    ("workers", "delete"): "worker forgotten",
    ("workers", "insert"): "worker's lease",
    ("claims", "update"): "claim given back",
    ("signals", "insert"): "signal posted",
    ("outbox", "update"): "notice delivered",
}


def around_commits(come: Come) -> None:
    """Call ``come`` before and after each commit of this process."""
    begun, committed = SqliteWriter._begin, SqliteWriter.commit  # noqa: SLF001 - all ways to begin end there
    statements: list[str] = []

    def begin(self: SqliteWriter) -> DBAPICursor:
        cursor = begun(self)
        statements.clear()
        self.raw.set_trace_callback(statements.append)
        return cursor

    def commit(self: SqliteWriter) -> None:
        self.raw.set_trace_callback(None)
        what = named(statements)
        come("before_commit", what)
        committed(self)
        come("after_commit", what)

    made = Writer.__init__

    def init(self: Writer, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        _WRITERS.append(self)

    SqliteWriter._begin = begin  # type: ignore[method-assign]  # noqa: SLF001
    SqliteWriter.commit = commit  # type: ignore[method-assign]
    Writer.__init__ = init  # type: ignore[method-assign]


@contextmanager
def nobody_writes() -> Iterator[None]:
    """Keep every other thread of this process out of the ledger, so that none holds its lock meanwhile.

    For points that are not themselves within a transaction.
    """
    with ExitStack() as held:
        for writer in _WRITERS:
            held.enter_context(writer._using)  # noqa: SLF001
        yield


def around_posts(come: Come) -> None:
    """Call ``come`` before and after the bytes of each POST leave this process."""
    sent = socket.socket.send

    def send(self: socket.socket, data: Any, flags: int = 0) -> int:
        if bytes(data[:5]) != b"POST ":
            return sent(self, data, flags)
        come("before_post", "")
        count = sent(self, data, flags)
        come("after_post", "")
        return count

    socket.socket.send = send  # type: ignore[method-assign, assignment]


def checkpoint_always() -> None:
    """Let each commit of this process be followed by a checkpoint; else a run is too short for one."""
    begun = SqliteWriter._begin  # noqa: SLF001

    def begin(self: SqliteWriter) -> DBAPICursor:
        self.raw.execute("PRAGMA wal_autocheckpoint = 1")
        return begun(self)

    SqliteWriter._begin = begin  # type: ignore[method-assign]  # noqa: SLF001


def named(statements: Iterable[str]) -> str:
    """Name a transaction by what it writes: the kinds of its entries, or what the one row means."""
    entries: dict[tuple[str, str], str] = {}  # a statement is told once more for each of its triggers
    touched: dict[str, str] = {}  # table -> the last that was done to it
    for statement in statements:
        written = _WRITTEN.match(statement)
        if written is None:
            continue
        table = written[2]
        touched[table] = written[1].split()[0].lower()
        if table == "entries":
            entry = _ENTRY.match(statement)
            entries.update({(entry[1], entry[2]): entry[3]} if entry else {("", ""): "?"})
    if entries:
        return " ".join(
            ["+".join(entries.values()), *(f"({table})" for table in _BESIDE if table in touched)]
        )
    rows = [_NAMES.get((table, verb), f"{verb} {table}") for table, verb in touched.items()]
    return " & ".join(name for name, table in zip(rows, touched, strict=True) if table not in _FOLLOWS)
