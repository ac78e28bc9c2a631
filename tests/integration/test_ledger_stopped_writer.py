"""A process that is stopped in the midst of a commit: who reads goes on, who writes learns which it is."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.entry import Kind
from state.errors import StorageError
from state.ledger.port import Query
from state.ledger.sql import lock
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, Chain, project

STOPS = """
import os, signal, sys
from pathlib import Path
from state.entry import Kind
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.sqlite import SqliteWriter
from tests.ledger_kit import Chain
chain = Chain(open_ledger(Path(sys.argv[1])), "theirs").create()
commit = SqliteWriter.commit
def stopped(self):
    print("stops", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    commit(self)
SqliteWriter.commit = stopped
chain.claim()
print("went on", flush=True)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="no /proc here")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    open_ledger(path, code=CODE, project=project).close()
    return path


@pytest.fixture
def stopped(path: Path) -> Iterator["subprocess.Popen[str]"]:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", STOPS, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stops\n"
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        yield process
        process.kill()


def test_reading_waits_for_no_process_that_is_stopped(
    path: Path, stopped: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock.Lock, "take_within", lambda *_: pytest.fail("it waits for the lock"))
    ledger = open_ledger(path, code=CODE, project=project)
    assert [info.run for info in ledger.runs(Query())] == ["theirs"]
    assert len(ledger.read("theirs")) == 1, "what is not committed is not read"
    monkeypatch.undo()
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)
    ledger.close()
    assert stopped.poll() is None


def test_writing_names_the_process_that_is_stopped_and_what_to_do(
    path: Path, stopped: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "STOPPED_S", 0.5)
    ledger = open_ledger(path, code=CODE, project=project)
    with pytest.raises(StorageError) as refused:
        Chain(ledger, "ours").create()
    said = str(refused.value)
    assert f"process {stopped.pid}, which is stopped" in said
    assert f"kill -CONT {stopped.pid}" in said
    assert f"kill -9 {stopped.pid}" in said
    assert "nothing was stored" in said
    stopped.send_signal(signal.SIGCONT)
    assert stopped.stdout is not None
    assert stopped.stdout.readline() == "went on\n"
    assert ledger.runs(Query())[0].run == "theirs"
    Chain(ledger, "after").create().claim().append(Kind.CHECKED)
    assert {info.run for info in ledger.runs(Query())} == {"theirs", "after"}, "what was given up is not done"
    ledger.close()


def test_a_process_ended_while_it_was_stopped_lets_the_others_write(
    path: Path, stopped: "subprocess.Popen[str]"
) -> None:
    ledger = open_ledger(path, code=CODE, project=project)
    ending = threading.Timer(0.5, stopped.kill)
    ending.start()
    Chain(ledger, "ours").create()
    assert len(ledger.read("theirs")) == 1
    assert [finding for finding in ledger.verify() if finding.certain] == []
    ledger.close()
    ending.join()


def test_a_writer_is_not_starved_by_another_that_never_pauses(path: Path) -> None:
    """The lock is given in order: somebody who writes now and then waits for a few commits of the others."""
    busy, now_and_then = (open_ledger(path, code=CODE, project=project) for _ in range(2))
    over, count = threading.Event(), [0]

    def write(name: str) -> None:
        chain = Chain(busy, name).create().claim()
        while not over.is_set():
            chain.append(Kind.CHECKED)
            count[0] += 1

    threads = [threading.Thread(target=write, args=(f"busy-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    chain, waited = Chain(now_and_then, "mine").create().claim(), []
    for _ in range(10):
        before = count[0]
        chain.append(Kind.CHECKED)
        waited.append(count[0] - before)
        time.sleep(0.005)
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(waited)[5] <= 24, waited
    busy.close()
    now_and_then.close()
