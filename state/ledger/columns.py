"""Which columns each table of a ledger has, for those who read records without a database."""

from collections.abc import Mapping
from typing import Any, Final

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "entries": (
        "run", "seq", "at", "kind", "role", "actor", "credential", "epoch", "code", "fold_version", "prev",
        "body", "hash",
    ),
    "heads": ("run", "seq", "hash", "epoch"),
    "runs": (
        "run", "lane", "runbook", "version", "target", "requester", "source", "state", "reason",
        "waiting_for", "once_key", "delivery", "delivery_digest", "escalation", "created_at", "ended_at",
        "due_at", "once_until", "holds", "touches", "notices", "attempts",
    ),
    "holds": ("resource", "run"),
    "touches": ("resource", "run"),
    "attempts": ("run", "position", "resource", "op", "attempt", "at"),
    "outbox": ("id", "run", "position", "notice", "delivered_at", "seal"),
    "deliveries": ("source", "delivery", "digest", "run"),
    "stops": ("scope", "by", "at", "why"),
    "claims": ("run", "epoch", "worker", "released_at", "seal"),
    "signals": ("id", "run", "arrival", "kind", "by", "at", "body", "folded_seq", "seal"),
    "workers": (
        "id", "boot_id", "pid_ns", "pid", "start_time", "uid", "lock_file", "lease_until", "lease_ms", "seal",
    ),
    "payloads": ("digest", "text"),
    "payload_key": ("mark",),
    "tallies": ("name", "number", "digest", "seal"),
}  # fmt: skip
INTEGERS: Final = frozenset({
    "seq", "epoch", "fold_version", "version", "position", "attempt", "arrival", "folded_seq", "pid",
    "start_time", "uid", "lease_ms", "attempts", "number",
})  # fmt: skip
NULLABLE: Final = frozenset({
    "state", "reason", "waiting_for", "once_key", "delivery_digest", "escalation", "ended_at", "due_at",
    "once_until", "delivered_at", "digest", "folded_seq", "text", "delivery", "released_at",
})  # fmt: skip


def misfit(table: str, row: Mapping[str, Any]) -> str | None:
    """Say why ``row`` cannot be a row of ``table``; None where it can."""
    columns = COLUMNS.get(table)
    if columns is None:
        return f"no table is called {table!r:.40}"
    if set(row) != set(columns):
        return f"table {table} has the columns {', '.join(columns)}"
    for name, value in row.items():
        wanted = int if name in INTEGERS else str
        if type(value) is not wanted and not (value is None and name in NULLABLE):
            return f"{table}.{name} holds what it cannot hold: {value!r:.40}"
    return None
