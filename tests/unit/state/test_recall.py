"""What a process remembers of runs: it is built upon where the chain goes on from it, and nowhere else."""

import pytest

from state import bodies
from state.entry import Head
from state.holder import Holder, extend
from state.ledger.memory import MemoryLedger
from state.ledger.port import Append
from state.projection import project, row_of
from state.reading import read_task
from state.recall import Recall
from state.task import Clock, Task

T0 = "2026-11-23T21:00:00.000000Z"


class Counted(MemoryLedger):
    """Counts the entries that were read."""

    entries_read = 0

    def read(self, run: str, *, after: int = 0) -> list:
        found = super().read(run, after=after)
        self.entries_read += len(found)
        return found


@pytest.fixture
def ledger() -> Counted:
    return Counted(clock=lambda: T0, code="test", project=project)


def begin(ledger: Counted, run: str) -> Holder:
    draft = bodies.requested(actor="ann", by="ann", source="test")
    task, entries = extend(Task(run=run), (draft,), at=T0, epoch=0, code="test")
    ledger.create(Append(run=run, epoch=0, head=Head(), entries=entries, row=row_of(task)))
    return claim(ledger, task)


def claim(ledger: Counted, task: Task) -> Holder:
    draft = bodies.claimed(
        worker="w", boot_id="b", pid_ns="n", pid=1, start_time=1, uid=1, lock_file="l",
        clock=Clock(boot_id="b", ms=1), predecessor=None, proven=(),
    )  # fmt: skip
    claimed, entries = extend(task, (draft,), at=T0, epoch=task.epoch + 1, code="test")
    ledger.claim(
        Append(run=task.run, epoch=claimed.epoch, head=task.head, entries=entries, row=row_of(claimed)),
        worker="w",
    )
    return Holder(ledger=ledger, task=claimed, worker="w", code="test")


def look(holder: Holder, verdict: str) -> None:
    holder.append(bodies.checked(actor="w", id="p", verdict=verdict, expected="e", observed="o", facts={}))


def test_only_what_came_since_is_read_and_it_folds_to_the_same(ledger: Counted) -> None:
    holder, recall = begin(ledger, "r1"), Recall(ledger)
    for verdict in ("fail", "fail", "pass"):
        look(holder, verdict)
    assert recall.task("r1") == read_task(ledger, "r1")
    look(holder, "fail")
    ledger.entries_read = 0
    again = recall.task("r1")
    assert ledger.entries_read == 1
    assert again == read_task(ledger, "r1")
    assert again.conditions["p"].verdict == "fail"


def test_nothing_new_reads_nothing(ledger: Counted) -> None:
    begin(ledger, "r1")
    recall = Recall(ledger)
    known = recall.task("r1")
    ledger.entries_read = 0
    assert recall.task("r1") == known
    assert ledger.entries_read == 0


def test_an_unknown_run_is_an_empty_task(ledger: Counted) -> None:
    assert Recall(ledger).task("r9") == Task(run="r9")


@pytest.mark.parametrize("extra", [0, 2])
def test_a_chain_that_is_another_one_now_is_read_anew(ledger: Counted, extra: int) -> None:
    look(begin(ledger, "r1"), "pass")
    recall = Recall(ledger)
    recall.task("r1")
    other = Counted(clock=lambda: T0, code="test", project=project)
    holder = begin(other, "r1")
    for _ in range(1 + extra):
        look(holder, "fail")
    ledger._tables = other._tables  # restored from elsewhere, under a living worker
    assert recall.task("r1") == read_task(other, "r1")
    assert recall.task("r1").conditions["p"].verdict == "fail"


def test_a_chain_that_lost_its_end_is_read_anew(ledger: Counted) -> None:
    holder, recall = begin(ledger, "r1"), Recall(ledger)
    look(holder, "pass")
    recall.task("r1")
    del ledger._tables.chains["r1"][-1]
    assert recall.task("r1").head.seq == 2


def test_what_was_asked_for_long_ago_is_forgotten(ledger: Counted) -> None:
    recall = Recall(ledger, most=2)
    for run in ("r1", "r2", "r3"):
        begin(ledger, run)
        recall.task(run)
    ledger.entries_read = 0
    recall.task("r3")
    recall.task("r2")
    assert ledger.entries_read == 0
    recall.task("r1")
    assert ledger.entries_read == 2
