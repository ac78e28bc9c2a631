"""When a run may be ended raw: only where it is there, stuck, as it was looked at, and nobody's."""

from dataclasses import replace
from typing import Any

import pytest

from state.entry import Head
from state.errors import HeadMovedError, NotStuckError, StillHeldError, UnknownRunError, UnsoundLedgerError
from state.ledger.port import Row
from state.ledger.refusals import Present
from state.ledger.stuck import STUCK, check_end, is_ended_raw, row_to_end
from tests.ledger_kit import T0

HEAD = Head(seq=7, hash="sha256:7")
HELD = Row(
    lane=STUCK, holds=("thing/a",), resources=("thing/b",), attempts=(("thing/c", "set/1", 1, T0),),
    once_key="k", escalation="e", due_at=T0,
)  # fmt: skip


def present(*, ended_raw: bool = False) -> Present:
    """A stuck run as the ledger has it."""
    return Present(
        head=HEAD, epoch=1, held=False, holds=frozenset(), notices=frozenset(), once_key=None, delivery=None,
        ended_raw=ended_raw,
    )  # fmt: skip


def end(**changes: Any) -> None:
    check_end("r1", **{"present": present(), "head": HEAD, "holder": None, "now": T0, **changes})


def test_a_stuck_run_that_nobody_holds_may_be_ended() -> None:
    end()
    end(holder=("w1", T0))  # its lease ended just now


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (UnknownRunError, {"present": None}),
        (NotStuckError, {"present": present(ended_raw=True)}),
        (HeadMovedError, {"head": Head(seq=6, hash="sha256:6")}),
        (StillHeldError, {"holder": ("w1", T0.replace("2026", "2027"))}),
    ],
)
def test_any_other_is_refused(error: type[Exception], changes: dict[str, Any]) -> None:
    with pytest.raises(error, match="r1"):
        end(**changes)


def never() -> Any:
    raise AssertionError("it is not read")


def unreadable() -> Any:
    raise UnsoundLedgerError("entry 3")


def test_its_row_holds_nothing_and_names_all_that_it_was_about() -> None:
    row = row_to_end("r1", HELD, list, lambda entries: HELD, at=T0)
    assert is_ended_raw(row.state, row.reason)
    assert (row.holds, row.once_key, row.escalation, row.due_at, row.ended_at) == ((), None, None, None, T0)
    assert set(row.resources) == {"thing/a", "thing/b", "thing/c"}


def test_where_its_entries_cannot_be_read_the_stored_row_is_ended() -> None:
    assert (
        row_to_end("r1", HELD, unreadable, lambda entries: HELD, at=T0).resources
        == row_to_end("r1", HELD, list, lambda entries: HELD, at=T0).resources
    )


@pytest.mark.parametrize(
    ("stored", "read", "project", "why"),
    [
        (replace(HELD, state="completed"), never, lambda entries: HELD, "has ended as completed"),
        (HELD, never, None, "nobody can say"),
        (HELD, list, lambda entries: replace(HELD, lane="live/acting"), "is sound"),
    ],
)
def test_what_is_not_stuck_is_never_ended_raw(stored: Row, read: Any, project: Any, why: str) -> None:
    with pytest.raises(NotStuckError, match=why):
        row_to_end("r1", stored, read, project, at=T0)
