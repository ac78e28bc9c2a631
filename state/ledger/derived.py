"""Which rows follow from a run's row: the derived tables, made one way for writing and for auditing.

``rows_of`` is what the stores write and what an audit expects; ``row_from`` is its inverse.
Rows that no chain explains (who holds a run, what waits, who works) carry a seal over their own columns.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from state import canonical, instants
from state.entry import Entry, Kind, Role
from state.errors import CanonicalError, UnsoundLedgerError
from state.ledger.port import Row

JOINED: Final = "attached"  # the kind of signal that a delivery for the same need leaves with its run
WIDTH: Final = len("2026-11-23T21:08:40.000000Z")
DERIVED: Final = ("runs", "holds", "touches", "attempts", "outbox", "deliveries")
_PLAIN: Final = (
    "lane", "runbook", "version", "target", "requester", "source", "state", "reason", "waiting_for",
    "once_key", "delivery", "delivery_digest", "escalation",
)  # fmt: skip
_TIMES: Final = ("created_at", "ended_at", "due_at", "once_until")

Values = dict[str, Any]


def instant(text: str) -> str:
    """``text`` in the one width that lets the database compare instants as text; UnsoundLedgerError."""
    if len(text) == WIDTH and text[-1] == "Z":
        return text
    try:
        return instants.iso(instants.parse(text))
    except ValueError as error:
        raise UnsoundLedgerError(f"a row holds what is no instant: {text!r:.60}") from error


def folded_by(entries: Iterable[Entry], folds: Iterable[str]) -> dict[str, int]:
    """Which entry folds each signal in, by seq; UnsoundLedgerError where none of them says so."""
    said = {entry.body.get("id"): entry.seq for entry in entries if entry.kind is Kind.SIGNAL}
    found: dict[str, int] = {}
    for signal in folds:
        if signal not in said:
            raise UnsoundLedgerError(f"signal {signal} is folded in, but by no entry that says so")
        found[signal] = said[signal]
    return found


def entry_row(entry: Entry) -> Values:
    """List the columns of table ``entries``; the body as the very text that was sealed."""
    return {
        "run": entry.run,
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind.value,
        "role": entry.role.value,
        "actor": entry.actor,
        "credential": entry.credential,
        "epoch": entry.epoch,
        "code": entry.code,
        "fold_version": entry.fold_version,
        "prev": entry.prev,
        "body": entry.body_text,
        "hash": entry.hash,
    }


def entry_from(values: Iterable[Any]) -> Entry:
    """Read an entry from its columns in the table's order; UnsoundLedgerError where it cannot be read."""
    run, seq, at, kind, role, actor, credential, epoch, code, fold_version, prev, body, hashed = values
    try:
        return Entry(
            run=run, seq=seq, at=at, kind=Kind(kind), role=Role(role), actor=actor, credential=credential,
            epoch=epoch, code=code, fold_version=fold_version, prev=prev, body_text=body, hash=hashed,
            body=canonical.loads(body),
        )  # fmt: skip
    except (ValueError, CanonicalError) as error:
        raise UnsoundLedgerError(f"entry {run}/{seq} cannot be read: {error}") from error


def touched(row: Row) -> list[str]:
    """Every resource that the run is about, holds, or has sent a write to; sorted."""
    return sorted({*row.resources, *row.holds, *map(itemgetter(0), row.attempts)})


def notice_id(notice: Mapping[str, Any]) -> str:
    """Read the id of a notice in ``Row.outbox``; UnsoundLedgerError where it has none."""
    found = notice.get("id")
    if not isinstance(found, str) or not found:
        raise UnsoundLedgerError("a notice in the outbox has no id")
    return found


@lru_cache(maxsize=1024)
def _names(names: tuple[str, ...]) -> str:
    return canonical.dumps(names)


def run_row(run: str, row: Row) -> Values:
    """List the columns of table ``runs``; lists stand in it as canonical JSON."""
    values: Values = {"run": run}
    for name in _PLAIN:
        values[name] = getattr(row, name)
    for name in _TIMES:
        text = getattr(row, name)
        values[name] = instant(text) if text else text
    values["holds"] = _names(tuple(sorted(set(row.holds))))
    values["touches"] = _names(tuple(touched(row)))
    notices = [notice_id(notice) for notice in row.outbox]
    if len(set(notices)) != len(notices):
        raise UnsoundLedgerError("two notices in the outbox have one id")
    values["notices"] = _names(tuple(notices))
    values["attempts"] = len(row.attempts)
    return values


def hold_rows(run: str, row: Row) -> list[Values]:
    """One row a resource held."""
    return [{"resource": resource, "run": run} for resource in sorted(set(row.holds))]


def touch_rows(run: str, row: Row) -> list[Values]:
    """One row a resource that the run has to do with."""
    return [{"resource": resource, "run": run} for resource in touched(row)]


def attempt_rows(run: str, row: Row, *, after: int = 0) -> list[Values]:
    """One row a write intent, in order; those behind the first ``after``."""
    rows = []
    for position, (resource, op, attempt, at) in enumerate(row.attempts[after:], after + 1):
        rows.append(
            {
                "run": run,
                "position": position,
                "resource": resource,
                "op": op,
                "attempt": attempt,
                "at": instant(at),
            }
        )
    return rows


def outbox_rows(run: str, row: Row) -> list[Values]:
    """One row a notice, without what becomes of it."""
    return [
        {"id": notice_id(notice), "run": run, "position": position, "notice": canonical.dumps(dict(notice))}
        for position, notice in enumerate(row.outbox, 1)
    ]


def delivery_rows(run: str, row: Row) -> list[Values]:
    """List the delivery that made the run, if one did."""
    if row.delivery is None:
        return []
    return [{"source": row.source, "delivery": row.delivery, "digest": row.delivery_digest, "run": run}]


def joined_rows(run: str, signals: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Values]:
    """List the deliveries that joined the run, each as the first signal (kind, body) of it says."""
    rows: dict[tuple[str, str], Values] = {}
    for kind, body in signals:
        source, delivery, digest = body.get("source"), body.get("delivery"), body.get("delivery_digest")
        if kind == JOINED and isinstance(source, str) and isinstance(delivery, str):
            row = {"source": source, "delivery": delivery, "digest": digest, "run": run}
            rows.setdefault((source, delivery), row)
    return list(rows.values())


def rows_of(run: str, row: Row) -> dict[str, list[Values]]:
    """Every row of every derived table that follows from ``row``."""
    return {
        "runs": [run_row(run, row)],
        "holds": hold_rows(run, row),
        "touches": touch_rows(run, row),
        "attempts": attempt_rows(run, row),
        "outbox": outbox_rows(run, row),
        "deliveries": delivery_rows(run, row),
    }


def row_from(
    values: Mapping[str, Any],
    *,
    attempts: Iterable[tuple[str, str, int, str]] = (),
    outbox: Iterable[dict[str, Any]] = (),
) -> Row:
    """Make the row behind the columns of ``runs``; all that the run touches stand for its resources."""
    return Row(
        **{name: values[name] for name in (*_PLAIN, *_TIMES)},
        holds=tuple(canonical.loads(values["holds"])),
        resources=tuple(canonical.loads(values["touches"])),
        attempts=tuple(attempts),
        outbox=tuple(outbox),
    )
