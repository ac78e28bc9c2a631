"""Whether one chain is whole: what was removed, moved or changed in it, and where it no longer continues."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from state import canonical
from state.entry import FOLD_VERSION, GENESIS, Kind, Role, chain_hash
from state.errors import CanonicalError
from state.ledger.port import Finding

MOST_GUESSES: Final = 1_000
_KINDS: Final = frozenset(kind.value for kind in Kind)
_ROLES: Final = frozenset(role.value for role in Role)
_OPEN: Final = ("run", "at", "actor", "credential", "code", "body")
"""Columns whose sealed value may stand nowhere else: a change of one cannot be told from another's."""

Columns = Mapping[str, Any]


def sealed(row: Columns, **instead: Any) -> str:
    """Hash the columns of an entry as they stand, or with others in their stead."""
    values = {**row, **instead}
    body = values.pop("body")
    values.pop("hash")
    return chain_hash(**values, body_text=body)


def check_chain(run: str, rows: Sequence[Columns], head: Columns | None) -> Iterator[Finding]:
    """Find what is wrong with the entries of ``run``, in order of seq, and the ``head`` beside them."""
    seq, prev, epoch = 0, GENESIS, 0
    for place, row in enumerate(rows):
        if row["seq"] != seq + 1:
            missing = f"{seq + 1}" if row["seq"] == seq + 2 else f"{seq + 1} to {row['seq'] - 1}"
            yield _found(run, seq + 1, "seq", f"entry {missing} is missing: removed, or moved elsewhere")
        yield from _check_row(run, rows, place, head)
        intact = seq + 1 == row["seq"]
        if intact and row["prev"] != prev:
            yield _found(run, row["seq"], "prev", f"does not follow the entry that stands at {seq}")
        if intact and row["epoch"] != epoch + (row["kind"] == Kind.CLAIMED):
            yield _found(run, row["seq"], "epoch", f"epoch {row['epoch']} does not follow epoch {epoch}")
        seq, prev, epoch = row["seq"], row["hash"], row["epoch"]
    yield from _check_head(run, rows, head)


def _check_row(run: str, rows: Sequence[Columns], place: int, head: Columns | None) -> Iterator[Finding]:
    row = rows[place]
    if sealed(row) != row["hash"]:
        column, what = _explain(rows, place, head)
        yield _found(run, row["seq"], column, what)
        return
    for column, known in (("kind", _KINDS), ("role", _ROLES)):
        if row[column] not in known:
            yield _found(run, row["seq"], column, f"{row[column]!r:.40} is unknown to this version")
    try:
        canonical.loads(row["body"])
    except CanonicalError as error:
        yield _found(run, row["seq"], "body", f"sealed as it stands, but cannot be read: {error}")


def _explain(rows: Sequence[Columns], place: int, head: Columns | None) -> tuple[str, str]:
    """Say which column of a row was changed: the one with which, put right, the row fits its hash again."""
    row = rows[place]
    after = rows[place + 1]["prev"] if place + 1 < len(rows) else head["hash"] if head else None
    if after == sealed(row):
        return "hash", "its hash was changed: the next entry names the one that fits"
    for column, value in _guesses(rows, place):
        if sealed(row, **{column: value}) == row["hash"]:
            if column == "seq":
                return "seq", f"stands at {row['seq']}, but was sealed as entry {value}: moved"
            return column, f"{column} was changed: sealed was {value!r:.60}, not {row[column]!r:.60}"
    return ",".join(_OPEN), "was changed after it was sealed (none of its other columns explains the hash)"


def _guesses(rows: Sequence[Columns], place: int) -> Iterator[tuple[str, Any]]:
    row = rows[place]
    yield "prev", rows[place - 1]["hash"] if place else GENESIS
    yield from (("kind", kind) for kind in sorted(_KINDS))
    yield from (("role", role) for role in sorted(_ROLES))
    yield from (("fold_version", version) for version in range(FOLD_VERSION + 2))
    near = rows[max(0, place - MOST_GUESSES // 2) : place + MOST_GUESSES // 2]
    yield from (("epoch", epoch) for epoch in range(max(other["epoch"] for other in near) + 2))
    yield from (("seq", seq) for seq in sorted({o["seq"] for o in near} | {place + 1, row["seq"] - 1}))
    for column in ("actor", "credential", "code", "at"):
        yield from ((column, value) for value in sorted({other[column] for other in near}))


def _check_head(run: str, rows: Sequence[Columns], head: Columns | None) -> Iterator[Finding]:
    if head is None:
        yield Finding(run=run, seq=None, table="heads", column="run", what="the chain has no head beside it")
        yield _found(
            run, rows[0]["seq"], "run", "no chain of this name was ever begun: moved from another run"
        )
        return
    if not rows:
        yield _found(run, head["seq"], "seq", f"all {head['seq']} entries that the head counts are missing")
        return
    last = rows[-1]
    if head["seq"] > last["seq"]:
        what = f"cut: the head stands at {head['seq']}, the last entry is {last['seq']}"
        yield _found(run, head["seq"], "seq", what)
    for column in ("seq", "hash", "epoch"):
        if head[column] != last[column]:
            what = f"is {head[column]}, but the chain ends at {last[column]}"
            yield Finding(run=run, seq=last["seq"], table="heads", column=column, what=what)


def _found(run: str, seq: int, column: str, what: str) -> Finding:
    return Finding(run=run, seq=seq, table="entries", column=column, what=what)
