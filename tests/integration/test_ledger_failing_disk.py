"""What the ledger does when its disk is full, fails to sync, or fails at a checkpoint: a real file, a VFS."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGSTOP

import pytest

from evals.storm.disk import Disk
from state.entry import Kind
from state.errors import StorageError, UnknownCommitError
from state.ledger.sql.lock import keeper_of
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, Chain, project


@pytest.fixture
def disk() -> Iterator[Disk]:
    found = Disk()
    yield found
    found.heal()
    found.take_away()


def opened(path: Path) -> SqlLedger:
    return open_ledger(path, code=CODE, project=project)


def sound(ledger: SqlLedger) -> bool:
    return [finding for finding in ledger.verify() if finding.certain] == []


def left_behind(ledger: Path, to: Path) -> Path:
    """Copy what a process leaves that ends without closing anything."""
    to.mkdir()
    for name in (ledger.name, ledger.name + "-wal"):
        shutil.copy(ledger.with_name(name), to / name)
    return to / ledger.name


@pytest.mark.parametrize("how", ["full", "torn", "sync", "lost"])
def test_a_commit_that_fails_is_not_believed_and_the_next_one_stands(
    disk: Disk, tmp_path: Path, how: str
) -> None:
    ledger = opened(tmp_path / "ledger.db")
    chain = Chain(ledger, "r1").create()
    known = ledger.read("r1")
    disk.fail(how, times=1)
    with pytest.raises(UnknownCommitError, match=r"full|I/O"):
        chain.append(Kind.CHECKED)
    assert disk.failures == 1
    assert ledger.read("r1") == known
    chain.append(Kind.CHECKED)
    assert sound(ledger)
    ledger.close()
    again = opened(tmp_path / "ledger.db")
    assert again.read("r1") == chain.entries
    again.close()


def test_a_disk_that_stays_full_stores_nothing_and_lets_everything_be_read(
    disk: Disk, tmp_path: Path
) -> None:
    ledger = opened(tmp_path / "ledger.db")
    chain = Chain(ledger, "r1").create()
    disk.fail("full")
    with pytest.raises(UnknownCommitError):
        chain.append(Kind.CHECKED)
    for _ in range(2):
        with pytest.raises((StorageError, UnknownCommitError), match="full"):
            Chain(ledger, "r2").create()
    reader = opened(tmp_path / "ledger.db")  # an operator looks
    assert reader.read("r1") == chain.entries
    reader.close()
    disk.heal()
    chain.append(Kind.CHECKED)
    Chain(ledger, "r2").create()
    assert sound(ledger)
    ledger.close()


def test_a_checkpoint_that_fails_costs_nothing_that_was_acknowledged(disk: Disk, tmp_path: Path) -> None:
    ledger = opened(tmp_path / "ledger.db")
    ledger._writer._connection.raw.execute("PRAGMA wal_autocheckpoint = 1")
    disk.fail("checkpoint")
    chain = Chain(ledger, "r1").create().claim()
    chain.append(Kind.CHECKED)
    assert disk.failures
    copy = opened(left_behind(tmp_path / "ledger.db", tmp_path / "copy"))
    assert copy.read("r1") == ledger.read("r1") == chain.entries
    with pytest.raises(StorageError, match="I/O"):  # what it found in the log cannot be made to last
        Chain(copy, "r2").create()
    disk.heal()
    Chain(copy, "r2").create()
    assert sound(copy)
    copy.close()
    ledger.close()


def test_what_a_failed_sync_left_is_on_the_disk_before_anything_rests_on_it(
    disk: Disk, tmp_path: Path
) -> None:
    """The kernel reports a failed sync once; the pages are then clean, readable, and on no disk."""
    first = opened(tmp_path / "ledger.db")
    chain = Chain(first, "r1").create()
    assert len(first.read("r1")) == 1
    saved = os.stat(tmp_path / "ledger.db-wal").st_size  # noqa: PTH116
    disk.fail("sync")
    with pytest.raises(UnknownCommitError):
        chain.append(Kind.CHECKED)
    path = left_behind(tmp_path / "ledger.db", tmp_path / "killed")
    disk.heal()
    first.close()
    second = opened(path)
    found = second.read("r1")
    assert len(found) == 2, "the commit that nobody confirmed is there after all"
    disk.doubt(path.with_name("ledger.db-wal"), saved)
    acknowledged = Chain(second, "r1", entries=found).append(Kind.CHECKED)
    disk.lose()  # the power fails
    third = opened(left_behind(path, tmp_path / "cut"))
    assert third.read("r1") == acknowledged.entries
    assert sound(third)
    third.close()
    second.close()


HOLDS = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_who_keeps_the_others_from_writing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened(tmp_path / "ledger.db")
    Chain(ledger, "r1").create()
    monkeypatch.setattr(ledger._writer, "_patience_s", 0.3)
    lock = str(tmp_path / "ledger.db-lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(SIGSTOP)
        try:
            with pytest.raises(StorageError, match="not free") as refused:
                Chain(ledger, "r2").create()
        finally:
            process.kill()
    if Path("/proc/locks").exists():
        assert f"held by process {process.pid}, which is stopped" in str(refused.value)
    assert keeper_of(0, proc=tmp_path) is None
    ledger.close()
