"""Why an append is refused: the law of every store, first match wins, asked inside the append's transaction.

Whatever is refused here is refused before anything is written, so that one run's refusal leaves the
appends that share its transaction alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from state.entry import DESK, Entry, Head, Kind, rehash
from state.errors import (
    DeliveryConflictError,
    DeskMovedError,
    DuplicateNeedError,
    FencedError,
    HeadMovedError,
    LimitReachedError,
    ResourceHeldError,
    SwitchedOffError,
    UnknownRunError,
    UnknownSignalError,
    UnsoundLedgerError,
)
from state.ledger.derived import folded_by, notice_id
from state.ledger.port import Append, Limit


class How(StrEnum):
    """Which of the three appends this is."""

    CREATE = "create"
    CLAIM = "claim"
    APPEND = "append"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A run as the store has it now.

    ``held``: its claim is in force; ``claimed``: it was ever claimed; ``ended_raw``: nothing is appended.
    """

    head: Head
    epoch: int
    held: bool
    holds: frozenset[str]
    notices: frozenset[str]
    once_key: str | None
    delivery: str | None
    ended_raw: bool = False
    claimed: bool = False


class View(Protocol):
    """What the law asks of a store, inside the transaction of the append."""

    def stopped(self, scopes: Sequence[str]) -> str | None:
        """Return the first of ``scopes`` that is stopped."""

    def desk_seq(self) -> int:
        """Return the seq of the last entry of chain ``desk``."""

    def holder(self, resource: str) -> str | None:
        """Return the run that holds ``resource``."""

    def needed_by(self, once_key: str, now: str) -> str | None:
        """Return the run for which ``once_key`` counts at ``now``."""

    def delivered_as(self, source: str, delivery: str) -> tuple[str, str | None] | None:
        """Return the run and the body's digest under which a delivery came before."""

    def count(self, limit: Limit, but: str) -> int:
        """Count the runs that count against ``limit``, other than ``but``."""

    def notice_of(self, notice: str) -> str | None:
        """Return the run whose outbox holds a notice of that id."""

    def waits(self, run: str, signal: str) -> bool:
        """Tell whether ``signal`` waits for ``run``."""


def check_shape(append: Append, how: How) -> None:
    """UnsoundLedgerError where the entries are not what their append says they are; no store is asked."""
    if not append.entries:
        raise UnsoundLedgerError("an append without entries")
    if append.run == DESK:
        raise UnsoundLedgerError(f"chain {DESK} is no run")
    if how is How.CREATE and (append.epoch or append.head != Head()):
        raise UnsoundLedgerError("a new run begins behind the genesis head, under epoch 0")
    head = append.head
    for place, entry in enumerate(append.entries):
        check_next(entry, run=append.run, epoch=append.epoch, head=head)
        if (entry.kind is Kind.CLAIMED) is not (how is How.CLAIM and place == 0):
            raise UnsoundLedgerError(f"a {how} whose entry {entry.seq} is {entry.kind}")
        head = Head(seq=entry.seq, hash=entry.hash)
    folded_by(append.entries, append.folds)


def check_next(entry: Entry, *, run: str, epoch: int, head: Head) -> None:
    """UnsoundLedgerError where ``entry`` does not continue ``head`` under ``epoch``."""
    if (entry.run, entry.epoch, entry.seq, entry.prev) != (run, epoch, head.seq + 1, head.hash):
        raise UnsoundLedgerError(
            f"entry {entry.run}/{entry.seq} does not continue {run}/{head.seq}, epoch {epoch}"
        )
    if rehash(entry) != entry.hash:
        raise UnsoundLedgerError(f"entry {entry.run}/{entry.seq} is not sealed by its own hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is asked of the law."""

    append: Append
    how: How
    present: Present | None
    view: View
    now: str


def _place(case: _Case) -> None:
    append, present = case.append, case.present
    if case.how is How.CREATE:
        if present is not None:
            raise HeadMovedError(f"run {append.run} exists")
        return
    if present is None:
        raise UnknownRunError(f"no run {append.run}")
    if present.ended_raw:
        raise FencedError(f"run {append.run} was ended by a human: nothing is appended to it any more")
    if case.how is How.CLAIM:
        if append.epoch != present.epoch + 1:
            raise HeadMovedError(
                f"run {append.run} is at epoch {present.epoch}: epoch {append.epoch} came late"
            )
    elif append.epoch != present.epoch:
        raise FencedError(f"run {append.run} is at epoch {present.epoch}, not {append.epoch}")
    elif append.epoch and not present.held:
        raise FencedError(f"the claim of epoch {append.epoch} on run {append.run} was released")
    if append.head != present.head:
        raise HeadMovedError(f"run {append.run} ends at {present.head.seq}, not as {append.head.seq} says")


def _switch(case: _Case) -> None:
    scopes = case.append.stop_scopes
    scope = case.view.stopped(scopes) if scopes else None
    if scope is not None:
        raise SwitchedOffError(scope)


def _desk(case: _Case) -> None:
    wanted = case.append.desk_seq
    if wanted is not None and (found := case.view.desk_seq()) != wanted:
        raise DeskMovedError(f"chain {DESK} ends at {found}, and what is in force was read at {wanted}")


def _delivery(case: _Case) -> None:
    row, present = case.append.row, case.present
    if row.delivery is None or (present is not None and present.delivery == row.delivery):
        return
    before = case.view.delivered_as(row.source, row.delivery)
    if before is None or before[0] == case.append.run:
        return
    run, digest = before
    if digest != row.delivery_digest:
        raise DeliveryConflictError(row.delivery, run)
    raise DuplicateNeedError(run)


def is_known(view: View, row: Mapping[str, Any]) -> bool:
    """Whether a delivery that joins a run (a row of ``deliveries``) came before, and stands for that run.

    DeliveryConflictError where it came with another body, DuplicateNeedError where it stands for another run.
    """
    before = view.delivered_as(row["source"], row["delivery"])
    if before is None:
        return False
    run, digest = before
    if digest != row["digest"]:
        raise DeliveryConflictError(row["delivery"], run)
    if run != row["run"]:
        raise DuplicateNeedError(run)
    return True


def _need(case: _Case) -> None:
    key, present = case.append.row.once_key, case.present
    if key is None or (present is not None and present.once_key == key):
        return
    run = case.view.needed_by(key, case.now)
    if run is not None and run != case.append.run:
        raise DuplicateNeedError(run)


def _holds(case: _Case) -> None:
    held = case.present.holds if case.present is not None else frozenset()
    for resource in case.append.row.holds:
        if resource in held:
            continue
        run = case.view.holder(resource)
        if run is not None and run != case.append.run:
            raise ResourceHeldError(resource, run)


def _limits(case: _Case) -> None:
    for limit in case.append.limits:
        found = case.view.count(limit, case.append.run)
        if found >= limit.most:
            raise LimitReachedError(limit.kind, limit.most, found)


def _signals(case: _Case) -> None:
    folds = case.append.folds
    if len(set(folds)) != len(folds):
        raise UnknownSignalError("a signal is folded twice by one append")
    for signal in folds:
        if not case.view.waits(case.append.run, signal):
            raise UnknownSignalError(f"no signal {signal} waits for run {case.append.run}")


def _notices(case: _Case) -> None:
    known = case.present.notices if case.present is not None else frozenset()
    for notice in map(notice_id, case.append.row.outbox):
        run = None if notice in known else case.view.notice_of(notice)
        if run is not None and run != case.append.run:
            raise UnsoundLedgerError(f"notice {notice} is run {run}'s")


LAW: Final = (_place, _switch, _desk, _delivery, _need, _holds, _limits, _signals, _notices)
"""The reasons for which an append is refused, in the order in which they are asked."""


def check_append(append: Append, how: How, *, present: Present | None, view: View, now: str) -> None:
    """Raise the first reason for which this append is refused; return where there is none."""
    case = _Case(append=append, how=how, present=present, view=view, now=now)
    for rule in LAW:
        rule(case)


def matches(target: str, patterns: Sequence[str]) -> bool:
    """Tell whether ``target`` is among a limit's ``targets``: exact, or a prefix and ``*``; none are all."""
    if not patterns:
        return True
    return any(target.startswith(p[:-1]) if p.endswith("*") else target == p for p in patterns)
