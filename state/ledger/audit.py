"""Whether a ledger is sound: every chain, and every row of every table held against the chains.

Pure: it reads records, wherever they come from, so that an export is checked as the database is. What it
finds is certain; what nothing in the records can prove is said so (``certain=False``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from state import canonical
from state.entry import DESK, Kind
from state.errors import StateError
from state.ledger.beside import Sealing, check_claims, check_key, check_seals, check_signals, check_tallies
from state.ledger.chain import check_chain
from state.ledger.columns import COLUMNS
from state.ledger.derived import entry_from, joined_rows, rows_of
from state.ledger.desk import closings_of, stops_of
from state.ledger.payload import PREFIX, payload_digest, references
from state.ledger.port import Finding, Project, Record
from state.ledger.seals import CHAINS, SIGNALS
from state.ledger.stuck import STUCK, ended_raw, is_ended_raw

ALL: Final = "*"
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "runs": ("run",),
    "holds": ("resource",),
    "touches": ("resource",),
    "attempts": ("position",),
    "outbox": ("id",),
    "deliveries": ("source", "delivery"),
    "stops": ("scope",),
}
"""The key by which a stored row of a derived table is held against the row that the chain explains."""
Rows = list[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What the chains say of the tables that stand beside all runs."""

    whole: bool
    sealing: Sealing
    chains: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    marks: list[Any] = field(default_factory=list)
    tallies: Rows = field(default_factory=list)
    unchecked: int = 0
    named: set[str] = field(default_factory=set)
    needed: dict[str, str] = field(default_factory=dict)  # digest that must have a payload -> run
    erased: set[str] = field(default_factory=set)
    stops: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored_stops: Rows = field(default_factory=list)
    closings: dict[str, dict[str, Any]] = field(default_factory=dict)  # what chain desk says was ended raw
    ended_raw: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict)  # what rows say: at, seq, hash
    workers: set[str] = field(default_factory=set)
    held_by: dict[str, str] = field(default_factory=dict)  # live run -> worker of a claim not given back


def findings(
    records: Iterable[Record], *, project: Project | None, payload_key: bytes | None, whole: bool = True
) -> Iterator[Finding]:
    """Find what is wrong with a ledger, from its records by run; ``whole``: they are all there are."""
    seen = _Seen(whole=whole, sealing=Sealing(key=payload_key))
    last = ""
    for run, group in groupby(records, key=lambda record: record[1].get("run")):
        if run is None:
            for table, row in group:
                yield from _beside(table, row, seen, payload_key)
        else:
            if str(run) <= last:
                yield _lies(str(run), "entries", "run", f"rows of this run stand behind those of run {last}")
            last = str(run)
            tables: dict[str, Rows] = {}
            for table, row in group:
                tables.setdefault(table, []).append(row)
            yield from _of_run(str(run), tables, seen, project)
    if whole:
        explained = list(seen.stops.values())
        yield from _compare(DESK, "stops", seen.stored_stops, explained)
        yield from check_key(seen.marks, seen.sealing)
        yield from check_tallies(seen.tallies, {CHAINS: seen.chains, SIGNALS: seen.signals})
    yield from _check_closings(seen)
    yield from _check_holders(seen)
    for digest, run in sorted(seen.needed.items()):
        yield _lies(run, "payloads", "digest", f"no payload stands under {digest}, which an entry names")
    yield from _unproven(seen, projected=project is not None)


def _of_run(run: str, tables: Mapping[str, Rows], seen: _Seen, project: Project | None) -> Iterator[Finding]:
    chain = sorted(tables.get("entries", []), key=lambda row: row["seq"])
    head = next(iter(tables.get("heads", [])), None)
    if not chain and head is None:
        for table in sorted(tables):
            yield _lies(run, table, "run", "a row of a run that has no chain")
        return
    seen.chains.append(run)
    seen.signals += [row["id"] for row in tables.get("signals", [])]
    broken = False
    for finding in check_chain(run, chain, head):
        broken = broken or finding.table == "entries"
        yield finding
    for table in ("claims", "signals", "outbox"):
        yield from check_seals(run, table, tables.get(table, []), seen.sealing)
    read = [(row, body) for row in chain if (body := _body(row)) is not None]
    yield from check_claims(run, tables.get("claims", []), read)
    yield from check_signals(run, tables.get("signals", []), read, last=chain[-1]["seq"] if chain else 0)
    _note(run, [(row["kind"], body) for row, body in read], seen)
    if not any(row["ended_at"] for row in tables.get("runs", [])):  # else nobody asks who holds it
        seen.held_by.update(
            (run, str(row["worker"])) for row in tables.get("claims", []) if row["released_at"] is None
        )
    at = _ended_raw_at(tables)
    if at is not None and chain:
        seen.ended_raw[run] = (at, chain[-1]["seq"], chain[-1]["hash"])
    if not broken:
        yield from _check_derived(run, tables, chain, project)


def _ended_raw_at(tables: Mapping[str, Rows]) -> str | None:
    """When the run was ended raw, as its stored row says; None where it does not say so."""
    row = next(iter(tables.get("runs", [])), None)
    return str(row["ended_at"]) if row is not None and is_ended_raw(row["state"], row["reason"]) else None


def _check_holders(seen: _Seen) -> Iterator[Finding]:
    """Say which live runs are held by a worker that is not listed: it left, was seen dead, or was removed."""
    if not seen.whole:
        return
    for run, worker in sorted(seen.held_by.items()):
        if worker not in seen.workers:
            what = (
                f"run {run} is held by {worker}, which has no row: it left without giving the run back, was "
                "seen dead, or its row was removed"
            )
            yield Finding(run=ALL, seq=None, table="workers", column="id", what=what, certain=False)


def _check_closings(seen: _Seen) -> Iterator[Finding]:
    """Hold the rows that say that a human ended them raw against chain ``desk``, which alone can say so."""
    for run, found in sorted(seen.ended_raw.items()):
        body = seen.closings.get(run)
        if body is None and not seen.whole:
            what = f"was ended raw, which chain {DESK} would have to say"
            yield Finding(run=run, seq=None, table="runs", column="state", what=what, certain=False)
        elif body is None:
            yield _lies(run, "runs", "state", f"was ended raw, but no entry of chain {DESK} says so")
        elif found != (wanted := (body.get("at"), body.get("head"), body.get("hash"))):
            what = f"ended raw as {found!r:.140}, but chain {DESK} says {wanted!r:.140}"
            yield _lies(run, "runs", "ended_at", what)
    if seen.whole:
        for run in sorted(seen.closings.keys() - seen.ended_raw.keys()):
            yield _lies(
                run, "runs", "state", f"chain {DESK} says that a human ended it raw, its row does not"
            )


def _body(row: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        body = canonical.loads(row["body"])
    except StateError:
        return None
    return body if isinstance(body, dict) else None


def _note(run: str, bodies: Sequence[tuple[str, dict[str, Any]]], seen: _Seen) -> None:
    for kind, body in bodies:
        named = set(references(body))
        seen.named |= named
        if run != DESK:
            seen.needed.update((digest, run) for digest in named if digest.startswith(PREFIX))
        elif kind == Kind.ERASED:
            seen.erased.add(str(body.get("payload")))
    if run == DESK:
        try:
            stops, seen.closings = stops_of(bodies), closings_of(bodies)
        except (KeyError, TypeError):  # written by hand: the chain check has said so, or nobody can
            stops = {}
        for scope, stop in stops.items():
            seen.stops[scope] = {"scope": scope, "by": stop.by, "at": stop.at, "why": stop.why}


def _check_derived(
    run: str, tables: Mapping[str, Rows], chain: Rows, project: Project | None
) -> Iterator[Finding]:
    expected: Mapping[str, Rows] = {}
    if run != DESK and chain:
        if project is None:
            return
        try:
            row = project([entry_from(row[name] for name in COLUMNS["entries"]) for row in chain])
            at = _ended_raw_at(tables)
            if at is not None and row.lane != STUCK:
                what = "was ended raw, but this version can fold its entries"
                yield Finding(run=run, seq=None, table="runs", column="state", what=what, certain=False)
            explained = rows_of(run, row if at is None else ended_raw(row, at=at))
            said = [(str(s["kind"]), body) for s in tables.get("signals", []) if (body := _body(s))]
            expected = {**explained, "deliveries": [*explained["deliveries"], *joined_rows(run, said)]}
        except StateError as error:
            yield _lies(run, "entries", "body", f"the chain is whole, but cannot be folded: {error}")
            return
    for table in ("runs", "holds", "touches", "attempts", "outbox", "deliveries"):
        yield from _compare(run, table, tables.get(table, []), expected.get(table, []))


def _compare(run: str, table: str, stored: Rows, explained: Rows) -> Iterator[Finding]:
    """Hold the rows of a derived table against those that follow from the chain, by key, then by column."""
    key = KEYS[table]
    there = {tuple(row[name] for name in key): row for row in stored}
    wanted = {tuple(row[name] for name in key): row for row in explained}
    for at in sorted(there.keys() | wanted.keys()):
        name, columns = "/".join(map(str, at)), ",".join(key)
        if at not in wanted:
            yield _lies(run, table, columns, f"row {name} follows from no entry")
        elif at not in there:
            yield _lies(run, table, columns, f"row {name} is missing, or stands under another key")
        else:
            for column, value in wanted[at].items():
                if there[at][column] != value:
                    what = f"row {name} says {there[at][column]!r:.80}, the chain {value!r:.80}"
                    yield _lies(run, table, column, what)


def _beside(table: str, row: dict[str, Any], seen: _Seen, key: bytes | None) -> Iterator[Finding]:
    check: Callable[[], Iterator[Finding]] | None = {
        "workers": lambda: check_seals(ALL, "workers", [row], seen.sealing),
        "tallies": lambda: check_seals(ALL, "tallies", [row], seen.sealing),
        "payloads": lambda: _check_payload(row, seen, key),
    }.get(table)
    if table == "workers":
        seen.workers.add(str(row["id"]))
    if table == "stops":
        seen.stored_stops.append(row)
    elif table == "payload_key":
        seen.marks.append(row["mark"])
    elif check is not None:
        if table == "tallies":
            seen.tallies.append(row)
        yield from check()
    else:
        yield _lies(ALL, table, "", "a table that this version does not know")


def _check_payload(row: Mapping[str, Any], seen: _Seen, key: bytes | None) -> Iterator[Finding]:
    digest, text = row["digest"], row["text"]
    seen.needed.pop(digest, None)
    if digest not in seen.named:
        yield _lies(ALL, "payloads", "digest", f"payload {digest} is named by no entry")
    if text is None:
        if digest in seen.erased or not seen.whole:
            said = (
                f"as chain {DESK} says" if digest in seen.erased else f"which chain {DESK} would have to say"
            )
            what = f"payload {digest} was shredded, {said}"
            yield Finding(run=ALL, seq=None, table="payloads", column="text", what=what, certain=False)
        else:
            yield _lies(ALL, "payloads", "text", f"payload {digest} is gone, and no entry erased it")
    elif digest.startswith("sha256:"):
        if canonical.digest_text(text) != digest:
            yield _lies(ALL, "payloads", "text", f"payload {digest} was changed")
    elif key is None or not digest.startswith(PREFIX):
        seen.unchecked += 1
    elif payload_digest(text, key=key) != digest:
        yield _lies(ALL, "payloads", "text", f"payload {digest} was changed, or the key is another")


def _unproven(seen: _Seen, *, projected: bool) -> Iterator[Finding]:
    if not projected:
        what = "the tables derived from the chains were not compared: no projection was given"
        yield Finding(run=ALL, seq=None, table="runs", column="", what=what, certain=False)
    if seen.unchecked:
        what = f"{seen.unchecked} payloads are unchecked: that takes the payload key"
        yield Finding(run=ALL, seq=None, table="payloads", column="text", what=what, certain=False)
    if seen.sealing.unchecked:
        what = f"{seen.sealing.unchecked} seals are unchecked: that takes the payload key"
        yield Finding(run=ALL, seq=None, table="payload_key", column="mark", what=what, certain=False)
    if not (seen.whole and seen.sealing.key is not None):
        why = "without the payload key, which seals the tallies" if seen.whole else "from one run alone"
        what = (
            f"{why}, it cannot be proven that no whole run and no signal is missing: remit ledger verify, "
            "at the desk"
        )
        yield Finding(run=ALL, seq=None, table="tallies", column="number", what=what, certain=False)
    if seen.chains:
        what = (
            f"{len(seen.chains)} chains: that nothing was cut off their ends with all that follows from it, "
            "or rewritten from some entry on, or the whole put back to an older copy, cannot be proven here; "
            "compare with an export kept elsewhere"
        )
        yield Finding(run=ALL, seq=None, table="entries", column="seq", what=what, certain=False)


def _lies(run: str, table: str, column: str, what: str) -> Finding:
    return Finding(run=run, seq=None, table=table, column=column, what=what)
