"""How a run whose entries cannot be folded ends: by a human's word in chain ``desk``, not its own.

Its row then says so, holds nothing and keeps no need to itself; its chain stays as it is for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from state.entry import Entry, Head
from state.errors import HeadMovedError, NotStuckError, StillHeldError, UnknownRunError, UnsoundLedgerError
from state.ledger.derived import touched
from state.ledger.port import Project, Row
from state.ledger.refusals import Present

STUCK: Final = "live/stuck"
ENDED_RAW: Final = ("closed_by_human", "aborted_raw")
"""State and reason of a run that was ended so, and of no other."""


def ended_raw(row: Row, *, at: str) -> Row:
    """The row of a stuck run once a human has ended it at ``at``."""
    state, reason = ENDED_RAW
    return replace(
        row,
        lane=f"ended/{state}", state=state, reason=reason, ended_at=at, due_at=None, waiting_for=None,
        once_key=None, once_until=None, escalation=None, holds=(), resources=tuple(touched(row)),
    )  # fmt: skip


def is_ended_raw(state: str | None, reason: str | None) -> bool:
    """Whether state and reason are those of a run that was ended raw."""
    return (state, reason) == ENDED_RAW


def row_to_end(
    run: str, stored: Row, read: Callable[[], Sequence[Entry]], project: Project | None, *, at: str,
    without_policy: bool = False,
) -> Row:  # fmt: skip
    """The row that a stuck run ends with; NotStuckError where it is sound, has ended, or nobody can say.

    It follows from the chain where its entries can be read, else from the row as it is ``stored``.
    ``without_policy``: nobody can read what it was admitted under, so that nobody can carry it, though sound.
    """
    if stored.state is not None:
        raise NotStuckError(f"run {run} has ended as {stored.state}")
    if project is None:
        raise NotStuckError(f"no projection was given, so nobody can say that run {run} is stuck")
    try:
        row = project(read())
    except UnsoundLedgerError:
        return ended_raw(stored, at=at)
    if row.lane != STUCK and not without_policy:
        raise NotStuckError(f"run {run} is sound")
    return ended_raw(row, at=at)


def check_end(
    run: str, *, present: Present | None, head: Head, holder: tuple[str, str] | None, now: str
) -> None:
    """Raise why a run is not ended raw now; ``holder``: its worker, and until when its lease is."""
    if present is None:
        raise UnknownRunError(f"no run {run}")
    if present.ended_raw:
        raise NotStuckError(f"run {run} was ended raw already")
    if present.head != head:
        raise HeadMovedError(f"run {run} ends at {present.head.seq}, not at {head.seq}")
    if holder is not None and holder[1] > now:
        raise StillHeldError(run, holder[0])
