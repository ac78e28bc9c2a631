"""What the ledger's tests share: small entries, a small projection, and a clock that stands still."""

from collections.abc import Sequence
from typing import Any

from state import instants
from state.entry import Draft, Entry, Head, Kind, head_of, seal
from state.ledger.port import Append, Row, RunInfo, Signal, Worker

T0 = "2026-11-23T21:08:40.000000Z"
CODE = "0.1.0"
KEY = b"a key for payloads, of this test only"


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: str = T0) -> None:
        self.now = now

    def __call__(self) -> str:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now = instants.after(self.now, seconds)


def project(entries: Sequence[Entry]) -> Row:
    """The row is what the newest entry that names one says, with lists for tuples."""
    values: dict[str, Any] = {"lane": "requested"}
    for entry in entries:
        values = entry.body.get("row", values)
    values = dict(values)
    for name in ("holds", "resources", "outbox"):
        values[name] = tuple(values.get(name, ()))
    values["attempts"] = tuple(tuple(attempt) for attempt in values.get("attempts", ()))
    return Row(**values)


def row_body(**values: Any) -> dict[str, Any]:
    return {"lane": "live/acting", "created_at": T0, **values}


class Chain:
    """One run as its holder sees it: builds the appends of a test, and follows what the ledger took."""

    def __init__(self, ledger: Any, run: str, epoch: int = 0, entries: Sequence[Entry] = ()) -> None:
        self.ledger, self.run, self.epoch = ledger, run, epoch
        self.entries: list[Entry] = list(entries)

    @property
    def head(self) -> Head:
        return head_of(self.entries)

    @property
    def row(self) -> Row:
        return project(self.entries)

    def make(
        self, *kinds: Kind, row: dict[str, Any] | None = None, body: dict[str, Any] | None = None,
        epoch: int | None = None, head: Head | None = None, run: str | None = None, **more: Any,
    ) -> Append:  # fmt: skip
        epoch = self.epoch if epoch is None else epoch
        run = run or self.run
        begin = end = self.head if head is None else head
        entries: list[Entry] = []
        folds = list(more.get("folds", ()))
        kinds = kinds or (Kind.CHECKED,)
        for kind in (*kinds, *[Kind.SIGNAL] * (len(folds) - kinds.count(Kind.SIGNAL))):
            said = {"n": end.seq + 1, **(body or {}), **({"row": row} if row is not None else {})}
            if kind is Kind.SIGNAL and folds:
                named = {"id": folds.pop(0), "kind": "poke", "by": "dana", "at": T0}
                said = {"body": {}, **said, **named}
            entry = seal(
                Draft(kind=kind, body=said, actor="w1", credential="none"),
                run=run, head=end, at=T0, epoch=epoch, code=CODE,
            )  # fmt: skip
            end = Head(seq=entry.seq, hash=entry.hash)
            entries.append(entry)
        projected = project([*self.entries, *entries]) if head is None else project(entries)
        return Append(run=run, epoch=epoch, head=begin, entries=entries, row=projected, **more)

    def _took(self, append: Append) -> "Chain":
        self.entries.extend(append.entries)
        self.epoch = append.epoch
        return self

    def create(self, **values: Any) -> "Chain":
        more = {name: values.pop(name) for name in MORE if name in values}
        append = self.make(Kind.REQUESTED, row=row_body(**values), **more)
        self.ledger.create(append)
        return self._took(append)

    def claim(self, worker: str = "w1") -> "Chain":
        append = self.make(Kind.CLAIMED, epoch=self.epoch + 1, body={"worker": worker})
        self.ledger.claim(append, worker=worker)
        return self._took(append)

    def append(self, *kinds: Kind, **values: Any) -> "Chain":
        more = {name: values.pop(name) for name in MORE if name in values}
        body = values.pop("body", None)
        append = self.make(*kinds, row=row_body(**values) if values else None, body=body, **more)
        self.ledger.append(append)
        return self._took(append)

    def info(self) -> RunInfo:
        found: RunInfo = self.ledger.info(self.run)
        return found


MORE = ("payloads", "stop_scopes", "folds", "limits", "desk_seq")


def signal(id: str, run: str, kind: str = "poke", **body: Any) -> Signal:  # noqa: A002 - the field's name
    return Signal(id=id, run=run, kind=kind, by="dana", at=T0, body=body)


def worker(id: str, lease_s: float = 15.0) -> Worker:  # noqa: A002 - the field's name
    return Worker(
        id=id, boot_id="boot", pid_ns="pid:[4026531836]", pid=7, start_time=11, uid=1000,
        lock_file=f"/run/{id}.lock", lease_until="", lease_s=lease_s,
    )  # fmt: skip
