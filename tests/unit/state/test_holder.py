"""The holder: what is noted counts at once and is stored with the next append; whoever watches sees both."""

import pytest

from state import bodies
from state.entry import Draft
from state.errors import FencedError
from state.holder import Holder, extend
from state.ledger.memory import MemoryLedger
from state.ledger.port import Append
from state.projection import project, row_of
from state.task import Clock, Task

T0 = "2026-11-23T21:00:00.000000Z"


def terms() -> dict[str, object]:
    return {
        "runbook": "r", "version": 1, "title": "t", "inputs": {}, "target": "x", "mode": "delegated",
        "solo": True, "pins": {"bundle": "sha256:0"}, "once_key": None, "once_span_ms": None,
        "delivery": None, "deadline_ms": 1000, "severity": "low", "requester": "ann",
    }  # fmt: skip


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(clock=lambda: T0, code="test", project=project)


@pytest.fixture
def holder(ledger: MemoryLedger) -> Holder:
    empty = Task(run="r1")
    begun, entries = extend(
        empty,
        (bodies.requested(actor="ann", by="ann", source="test"), bodies.admitted(actor="x", **terms())),
        at=T0, epoch=0, code="test",
    )  # fmt: skip
    ledger.create(Append(run="r1", epoch=0, head=empty.head, entries=entries, row=row_of(begun)))
    claim = bodies.claimed(
        worker="w", boot_id="b", pid_ns="n", pid=1, start_time=1, uid=1, lock_file="l",
        clock=Clock(boot_id="b", ms=1), predecessor=None, proven=(),
    )  # fmt: skip
    claimed, entries = extend(begun, (claim,), at=T0, epoch=1, code="test")
    ledger.claim(Append(run="r1", epoch=1, head=begun.head, entries=entries, row=row_of(claimed)), worker="w")
    return Holder(ledger=ledger, task=claimed, worker="w", code="test")


def look(verdict: str) -> Draft:
    return bodies.checked(actor="w", id="p", verdict=verdict, expected="e", observed="o", facts={})


def test_a_note_counts_at_once_and_is_stored_with_the_next_append(
    holder: Holder, ledger: MemoryLedger
) -> None:
    seen: list[int] = []
    holder.watch = lambda task: seen.append(task.head.seq)
    holder.note(look("fail"))
    assert holder.task.conditions["p"].verdict == "fail"
    assert len(ledger.read("r1")) == 3
    holder.append(look("pass"))
    assert [e.kind for e in ledger.read("r1")][3:] == ["checked", "checked"]
    assert seen == [4, 5]
    assert ledger.info("r1").row == row_of(holder.task)


def test_flush_stores_notes_and_nothing_else(holder: Holder, ledger: MemoryLedger) -> None:
    holder.flush()
    assert len(ledger.read("r1")) == 3
    holder.note(look("pass"))
    holder.flush()
    holder.flush()
    assert len(ledger.read("r1")) == 4


def test_a_refused_append_stores_no_note_either(holder: Holder, ledger: MemoryLedger) -> None:
    holder.note(look("pass"))
    ledger.release("r1", 1)
    with pytest.raises(FencedError):
        holder.append(look("pass"))
    assert len(ledger.read("r1")) == 3
    assert holder.task.head.seq == 4, "what it knew it still knows; it is out all the same"
