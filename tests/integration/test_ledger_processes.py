"""Several writers on one file: threads, processes beside each other, and processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from state.entry import DESK, Draft, Kind
from state.errors import DuplicateNeedError, FencedError, HeadMovedError, LedgerError, ResourceHeldError
from state.ledger.port import Query
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, T0, Chain, project

APPENDER = """
import json, sys
from pathlib import Path
from state.entry import Kind
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import Chain
import threading
ledger = open_ledger(Path(sys.argv[1]))
turns = int(sys.argv[3])
lock = threading.Lock()
def work(n):
    chain = Chain(ledger, f"{sys.argv[2]}-{n}").create(attempts=[])
    chain.claim()
    for turn in range(turns):
        chain.append(Kind.INTENT, Kind.OUTCOME)
        with lock:
            print(json.dumps([chain.run, chain.head.seq, chain.head.hash]), flush=True)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ledger.close()
"""


def appender(path: Path, name: str, turns: int) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path), name, str(turns)],
        stdout=subprocess.PIPE, text=True, cwd=root, env=environment,
    )  # fmt: skip


def heads(text: str) -> dict[str, tuple[int, str]]:
    """The newest acknowledged head of every run; the last line may be torn by the kill."""
    found: dict[str, tuple[int, str]] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            run, seq, hashed = json.loads(line)
            found[run] = (seq, hashed)
    return found


def sound(path: Path) -> None:
    ledger = open_ledger(path, project=project)
    assert [finding for finding in ledger.verify() if finding.certain] == []
    ledger.close()


def holds(path: Path, acknowledged: dict[str, tuple[int, str]]) -> None:
    ledger = open_ledger(path, project=project)
    for run, (seq, hashed) in acknowledged.items():
        entries = ledger.read(run)
        assert len(entries) >= seq, f"{run}: an acknowledged entry is missing"
        assert entries[seq - 1].hash == hashed
    ledger.close()


def test_two_processes_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    processes = [appender(path, name, 25) for name in ("a", "b")]
    texts = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    found = heads(texts[0]) | heads(texts[1])
    assert len(found) == 8
    assert {seq for seq, _ in found.values()} == {52}
    holds(path, found)
    sound(path)


@pytest.mark.crash
def test_no_acknowledged_entry_is_missing_after_a_kill(tmp_path: Path) -> None:
    """Killed at moments spread over its work, with a peer that goes on writing."""
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    acknowledged: dict[str, tuple[int, str]] = {}
    for turn in range(5):
        victim = appender(path, f"v{turn}", 100_000)
        peer = appender(path, f"p{turn}", 20)
        assert victim.stdout is not None
        first = victim.stdout.readline()
        time.sleep(0.05 + 0.06 * turn)
        victim.send_signal(signal.SIGKILL)
        text = first + victim.stdout.read()  # not communicate, which knows nothing of what was read ahead
        victim.wait(30)
        victim.stdout.close()
        acknowledged |= heads(text)
        acknowledged |= heads(peer.communicate(timeout=60)[0])
        assert peer.returncode == 0
    assert len(acknowledged) >= 5 * (4 + 1)  # all of each peer's, and of each victim what it lived to say
    holds(path, acknowledged)
    sound(path)


def test_one_runs_conflict_never_fails_anothers(tmp_path: Path) -> None:
    """Sixty-four threads, half of them wrong in different ways; each gets its own answer."""
    ledger = open_ledger(tmp_path / "ledger.db", code=CODE, project=project)
    Chain(ledger, "holder").create(holds=["taken"], once_key="taken")
    stale = Chain(ledger, "stale").create()
    old = Chain(ledger, "stale", 0, stale.entries)
    stale.claim()
    start = threading.Barrier(64)

    def work(n: int) -> type[LedgerError] | None:
        start.wait()
        try:
            for turn in range(10):
                if n % 8 == 0:
                    Chain(ledger, f"r{n}-{turn}").create(holds=["taken"])
                elif n % 8 == 2:
                    Chain(ledger, f"r{n}-{turn}").create(once_key="taken")
                elif n % 8 == 4:
                    old.append(Kind.HYDRATED)
                elif n % 8 == 6:
                    Chain(ledger, "holder").create()
                else:
                    Chain(ledger, f"r{n}-{turn}").create(holds=[f"{n}-{turn}"]).claim().append(Kind.HYDRATED)
        except LedgerError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(work, range(64)))
    wanted = {0: ResourceHeldError, 2: DuplicateNeedError, 4: FencedError, 6: HeadMovedError}
    assert answers == [wanted.get(n % 8) for n in range(64)]
    assert len(ledger.runs(Query(limit=1000))) == 2 + 32 * 10
    assert [finding for finding in ledger.verify() if finding.certain] == []
    ledger.close()


def test_one_of_many_claims_wins(tmp_path: Path) -> None:
    first, second = (open_ledger(tmp_path / "ledger.db", code=CODE, project=project) for _ in range(2))
    chain = Chain(first, "r1").create()

    def claim(n: int) -> bool:
        ledger = (first, second)[n % 2]
        try:
            Chain(ledger, "r1", 0, chain.entries).claim(f"w{n}")
        except HeadMovedError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(claim, range(16)))
    assert sum(won) == 1
    assert first.info("r1").worker == f"w{won.index(True)}"
    first.close()
    second.close()


def test_the_desk_takes_everybodys_entries(tmp_path: Path) -> None:
    first, second = (open_ledger(tmp_path / "ledger.db", code=CODE, project=project) for _ in range(2))

    def approve(n: int) -> None:
        (first, second)[n % 2].append_desk([Draft(kind=Kind.APPROVED, body={"n": n})], at=T0, code=CODE)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(approve, range(100)))
    entries = first.read(DESK)
    assert [entry.seq for entry in entries] == list(range(1, 101))
    assert {entry.body["n"] for entry in entries} == set(range(100))
    assert [finding for finding in first.verify() if finding.certain] == []
    first.close()
    second.close()
