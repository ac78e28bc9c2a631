"""Whether what stands beside the chains agrees with them: claims, signals, seals, tallies, the key's mark.

Whatever an entry says of such a row is held against it; the rest stands under its seal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from state import canonical
from state.entry import Kind
from state.errors import CanonicalError
from state.ledger.port import Finding
from state.ledger.seals import KEYED, NO_KEY, key_mark, seal_of, tallied

ALL: Final = "*"
SEALED: Final[Mapping[str, tuple[str, ...]]] = {
    "claims": ("run", "epoch", "worker", "released_at"),
    "signals": ("id", "run", "arrival", "kind", "by", "at", "body", "folded_seq"),
    "outbox": ("id", "delivered_at"),
    "workers": (
        "id", "boot_id", "pid_ns", "pid", "start_time", "uid", "lock_file", "lease_until", "lease_ms",
    ),
    "tallies": ("name", "number", "digest"),
}  # fmt: skip
"""The columns that no chain explains: those under the seal of their row."""
_SAID: Final = ("kind", "by", "at")
"""What the entry of a signal repeats of it word by word; of its body, it keeps what followed from it."""
_REPEATED: Final = ("escalation", "choice", "op", "digest")
"""What the body of a signal's entry repeats of the signal's body word by word, where it has it at all."""

Rows = Sequence[Mapping[str, Any]]
Read = Sequence[tuple[Mapping[str, Any], dict[str, Any]]]
"""The entries of a chain that can be read: their columns, and their body."""


@dataclass(slots=True, kw_only=True)
class Sealing:
    """The key that seals are checked with, and what could not be."""

    key: bytes | None
    unchecked: int = 0
    plain: int = 0


def check_seals(run: str, table: str, rows: Rows, sealing: Sealing) -> Iterator[Finding]:
    """Hold rows against their seals; one made with a key that is not given is counted as unchecked."""
    columns = SEALED[table]
    named = ",".join((*columns, "seal"))
    for row in rows:
        name, keyed = row.get("id", row.get("name", run)), row["seal"].startswith(KEYED)
        sealing.plain += not keyed
        if keyed and sealing.key is None:
            sealing.unchecked += 1
        elif not keyed and sealing.key is not None:
            yield _lies(run, table, named, f"row {name} was changed: its seal was made without the key")
        elif row["seal"] != seal_of(*(row[column] for column in columns), key=sealing.key):
            yield _lies(run, table, named, f"row {name} was changed: its seal does not fit")


def check_claims(run: str, rows: Rows, chain: Read) -> Iterator[Finding]:
    """Hold the claim of a run against its last ``claimed``; every run that was ever claimed keeps one."""
    last = next(((row, body) for row, body in reversed(chain) if row["kind"] == Kind.CLAIMED), None)
    if last is None:
        for row in rows:
            yield _lies(run, "claims", "run", f"a claim of epoch {row['epoch']}, but the chain has none")
        return
    wanted = {"epoch": last[0]["epoch"], "worker": last[1].get("worker")}
    if not rows:
        what = f"the claim of epoch {wanted['epoch']} is missing: whether it was released cannot be known"
        yield _lies(run, "claims", "run", what)
    for row in rows:
        for column, value in wanted.items():
            if row[column] != value:
                what = f"the claim says {row[column]!r:.80}, its entry {value!r:.80}"
                yield _lies(run, "claims", column, what)


def check_signals(run: str, rows: Rows, chain: Read, *, last: int) -> Iterator[Finding]:
    """Hold the signals of a run against the entries that folded them in, both ways, and their arrival."""
    folded: dict[str, tuple[int, dict[str, Any]]] = {}
    for row, body in chain:
        if row["kind"] == Kind.SIGNAL and isinstance(body.get("id"), str):
            folded.setdefault(body["id"], (row["seq"], body))
    there = {row["id"]: row for row in rows}
    for signal, (seq, _) in folded.items():
        if signal not in there:
            yield _lies(run, "signals", "id", f"signal {signal} is missing, which entry {seq} folded in")
    for place, row in enumerate(sorted(rows, key=lambda row: int(row["arrival"])), 1):
        if row["arrival"] != place:
            what = f"signal {row['id']} came as number {row['arrival']}, but stands as number {place}"
            yield _lies(run, "signals", "arrival", what)
            break
    for signal, row in there.items():
        if row["folded_seq"] is not None and row["folded_seq"] > last:
            what = f"cut: signal {signal} was folded in by entry {row['folded_seq']}, the last is {last}"
            yield _lies(run, "entries", "seq", what)
        yield from _check_signal(run, row, *folded.get(signal, (None, {})))


def _check_signal(
    run: str, row: Mapping[str, Any], seq: int | None, said: Mapping[str, Any]
) -> Iterator[Finding]:
    if row["folded_seq"] != seq:
        what = f"signal {row['id']}: its row says {row['folded_seq']}, the chain {seq}"
        yield _lies(run, "signals", "folded_seq", what)
    if seq is None:
        return
    for column in _SAID:
        if row[column] != said.get(column):
            what = f"signal {row['id']} says {row[column]!r:.80}, entry {seq} {said.get(column)!r:.80}"
            yield _lies(run, "signals", column, what)
    body, kept = _loaded(row["body"]), said.get("body")
    if not isinstance(kept, dict):
        return
    for name in _REPEATED:
        if isinstance(kept.get(name), str) and body.get(name) != kept[name]:
            what = f"signal {row['id']} says {body.get(name)!r:.80} of {name}, entry {seq} {kept[name]!r:.80}"
            yield _lies(run, "signals", "body", what)


def _loaded(text: str) -> dict[str, Any]:
    try:
        body = canonical.loads(text)
    except CanonicalError:
        return {}
    return body if isinstance(body, dict) else {}


def check_key(marks: Sequence[Any], sealing: Sealing) -> Iterator[Finding]:
    """Hold the mark of the payload key against the key, where one is given, and against the seals."""
    if len(marks) != 1:
        what = f"the ledger says {len(marks)} times which payload key it was made with, not once"
        yield _lies(ALL, "payload_key", "mark", what)
    for mark in marks:
        if sealing.key is not None and mark != key_mark(sealing.key):
            yield _lies(ALL, "payload_key", "mark", "was changed, or the key is another")
        elif mark == NO_KEY and sealing.unchecked:
            yield _lies(ALL, "payload_key", "mark", "says that there is no key, but seals were made with one")
        elif mark != NO_KEY and sealing.key is None and sealing.plain:
            what = "says that there is a key, but seals were made without one"
            yield _lies(ALL, "payload_key", "mark", what)
        elif mark != NO_KEY and not str(mark).startswith(KEYED):
            yield _lies(ALL, "payload_key", "mark", "was changed: it is no mark of a key")


def check_tallies(rows: Rows, seen: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Hold what was counted when it came against what is there now."""
    there = {row["name"]: row for row in rows}
    for name in sorted(there.keys() | seen.keys()):
        if name not in there or name not in seen:
            yield _lies(
                ALL, "tallies", "name", f"the tally of {name} is missing, or nothing of this ledger's"
            )
            continue
        row, members = there[name], seen[name]
        if row["number"] != len(members):
            what = f"{row['number']} {name} came, {len(members)} are there: whole ones were removed or added"
            yield _lies(ALL, "tallies", "number", what)
        elif (row["digest"] or "") != tallied("", *members):
            what = f"the {len(members)} {name} that are there are not those that came"
            yield _lies(ALL, "tallies", "digest", what)


def _lies(run: str, table: str, column: str, what: str) -> Finding:
    return Finding(run=run, seq=None, table=table, column=column, what=what)
