"""Taking runs: what is said of a former holder, and what a worker does that was itself taken off the list."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from remit.worker.claim import Claimant
from remit.worker.engine import Engine
from remit.worker.fence import Ended
from remit.worker.identity import Identity, boot_id, clock, stat_of
from remit.worker.lease import Lease
from state.entry import Head
from state.errors import FencedError
from state.ledger.port import Row, RunInfo
from state.ledger.sql.opening import open_ledger
from state.task import Claim, Task


@pytest.fixture
def claimant(tmp_path: Path) -> Iterator[Claimant]:
    ledger = open_ledger(tmp_path / "ledger.db")
    with Identity.take(tmp_path / "workers", id="me", lease_s=15, now=ledger.now()) as identity:
        lease = Lease(ledger=ledger, worker=identity.worker)
        lease.start()
        yield Claimant(ledger=ledger, identity=identity, lease=lease, code="test")
        lease.stop()
    ledger.close()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def claim_of(process: subprocess.Popen[bytes], claimant: Claimant, worker: str) -> Claim:
    stat = stat_of(process.pid)
    assert stat is not None
    me = claimant.identity.worker
    return Claim(
        epoch=1, seq=1, at=claimant.ledger.now(), worker=worker, boot_id=boot_id(), pid_ns=me.pid_ns,
        pid=process.pid, start_time=stat.start_time, uid=me.uid, lock_file="/nowhere", clock=clock(),
    )  # fmt: skip


def test_a_living_holder_off_the_list_is_neither_killed_nor_called_dead(
    claimant: Claimant, other: subprocess.Popen[bytes]
) -> None:
    assert claimant._prove(claim_of(other, claimant, "gone")) is Ended.LEASE_EXPIRED
    assert other.poll() is None


def test_a_dead_holder_off_the_list_is_proven_dead(
    claimant: Claimant, other: subprocess.Popen[bytes]
) -> None:
    claim = claim_of(other, claimant, "gone")
    other.kill()
    other.wait()
    assert claimant._prove(claim) is Ended.EXITED


@pytest.mark.parametrize(
    ("made", "ended"),
    [
        ({"worker": None, "released": True}, "released"),
        ({"worker": None, "released": False}, "lease_expired"),  # its row is gone: that is no release
        ({"worker": "gone", "released": False}, "lease_expired"),
    ],
)
def test_only_a_release_that_can_be_shown_is_one(
    claimant: Claimant, other: subprocess.Popen[bytes], made: dict[str, Any], ended: str
) -> None:
    task = SimpleNamespace(claims=(claim_of(other, claimant, "gone"),))
    info = RunInfo(run="r1", head=Head(), epoch=1, row=Row(lane="live/acting"), **made)
    predecessor = claimant._predecessor(info, cast("Task", task))
    assert predecessor is not None
    assert predecessor["ended"] == ended


def test_a_worker_that_was_taken_off_the_list_stops(claimant: Claimant) -> None:
    engine = Engine(claimant=claimant, session=lambda *_: pytest.fail("nothing is to be driven"))
    claimant.ledger.forget("me")
    claimant.lease.may_fence()  # renews, and learns of it
    with pytest.raises(FencedError, match="off the list"):
        engine.drain()
    assert engine.stopping.is_set()
