"""Which tables a ledger has: chains and their heads, what is derived from them, and what no chain explains.

Every column stands in a row that ``state.ledger.audit`` can hold against the chains, or under a seal.
Instants are text of one width, so that the database may compare them.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

REVISION: Final = "0001"

# Text is compared byte by byte, and an integer has 64 bits, as in SQLite.
TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
INTEGER: Final = Integer().with_variant(BigInteger(), "postgresql")

metadata = MetaData()


def _table(name: str, *columns: Column[str] | Column[int] | Index) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False, sqlite_strict=True)


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, TEXT, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, INTEGER, primary_key=key, nullable=null, autoincrement=False)


# the chains
entries = _table(
    "entries",
    _text("run", key=True),
    _int("seq", key=True),
    _text("at"),
    _text("kind"),
    _text("role"),
    _text("actor"),
    _text("credential"),
    _int("epoch"),
    _text("code"),
    _int("fold_version"),
    _text("prev"),
    _text("body"),
    _text("hash"),
)
heads = _table("heads", _text("run", key=True), _int("seq"), _text("hash"), _int("epoch"))

# derived from the chains
runs = _table(
    "runs",
    _text("run", key=True),
    _text("lane"),
    _text("runbook"),
    _int("version"),
    _text("target"),
    _text("requester"),
    _text("source"),
    _text("state", null=True),
    _text("reason", null=True),
    _text("waiting_for", null=True),
    _text("once_key", null=True),
    _text("delivery", null=True),
    _text("delivery_digest", null=True),
    _text("escalation", null=True),
    _text("created_at"),
    _text("ended_at", null=True),
    _text("due_at", null=True),
    _text("once_until", null=True),
    _text("holds"),
    _text("touches"),
    _text("notices"),
    _int("attempts"),
)
holds = _table("holds", _text("resource", key=True), _text("run"))
touches = _table("touches", _text("resource", key=True), _text("run", key=True))
attempts = _table(
    "attempts",
    _text("run", key=True),
    _int("position", key=True),
    _text("resource"),
    _text("op"),
    _int("attempt"),
    _text("at"),
)
outbox = _table(
    "outbox",
    _text("id", key=True),
    _text("run"),
    _int("position"),
    _text("notice"),
    _text("delivered_at", null=True),
    _text("seal"),  # over id and delivered_at, which no chain explains
)
deliveries = _table(
    "deliveries",
    _text("source", key=True),
    _text("delivery", key=True),
    _text("digest", null=True),
    _text("run"),
)
stops = _table("stops", _text("scope", key=True), _text("by"), _text("at"), _text("why"))

# what no chain explains: under a seal
claims = _table(
    "claims",
    _text("run", key=True),
    _int("epoch"),
    _text("worker"),
    _text("released_at", null=True),
    _text("seal"),
)
signals = _table(
    "signals",
    _text("id", key=True),
    _text("run"),
    _int("arrival"),
    _text("kind"),
    _text("by"),
    _text("at"),
    _text("body"),
    _int("folded_seq", null=True),
    _text("seal"),
)
workers = _table(
    "workers",
    _text("id", key=True),
    _text("boot_id"),
    _text("pid_ns"),
    _int("pid"),
    _int("start_time"),
    _int("uid"),
    _text("lock_file"),
    _text("lease_until"),
    _int("lease_ms"),
    _text("seal"),
)

# free text: under a keyed digest that stands in a chain
payloads = _table("payloads", _text("digest", key=True), _text("text", null=True))

# of the whole ledger: which key it was made with, and how many there are of what can vanish without a trace
payload_key = _table("payload_key", _text("mark", key=True))
tallies = _table("tallies", _text("name", key=True), _int("number"), _text("digest"), _text("seal"))


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


LIVE: Final[dict[str, Any]] = _where("ended_at IS NULL")
INDEXES: Final = (
    Index("runs_due", runs.c.due_at, **_where("due_at IS NOT NULL")),
    Index("runs_live", runs.c.run, **LIVE),
    # ended_at first, so that SQLite, which keeps no statistics here, prefers it to the indexes of all runs
    Index("runs_live_runbook", runs.c.ended_at, runs.c.runbook, runs.c.target, **LIVE),
    Index("runs_lane", runs.c.lane, runs.c.run),
    Index("runs_runbook", runs.c.runbook, runs.c.run),
    Index("runs_rate", runs.c.runbook, runs.c.created_at),
    Index("runs_target", runs.c.target, runs.c.run),
    Index("runs_requester", runs.c.requester, runs.c.run),
    Index("runs_state", runs.c.state, runs.c.run),
    Index("runs_once", runs.c.once_key, **_where("once_key IS NOT NULL")),
    Index("runs_escalated", runs.c.run, **_where("escalation IS NOT NULL")),
    Index("holds_run", holds.c.run),
    Index("touches_run", touches.c.run),
    Index("attempts_resource", attempts.c.resource, attempts.c.at),
    Index("outbox_run", outbox.c.run, outbox.c.position),
    Index("outbox_waiting", outbox.c.run, outbox.c.position, **_where("delivered_at IS NULL")),
    Index("deliveries_run", deliveries.c.run),
    Index("signals_run", signals.c.run, signals.c.arrival),
    Index("signals_waiting", signals.c.run, **_where("folded_seq IS NULL")),
    Index("claims_worker", claims.c.worker, **_where("released_at IS NULL")),
)
