"""A tool of the desk that does not come back: the run leaves it behind, and a human is told who may send."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from remit.worker.identity import Identity, stat_of
from state.entry import Head, Kind
from state.errors import StorageError
from state.ledger.port import Append
from state.outcome import Outcome
from tests.flow import kit
from tools import gateway, patience

MODULE = "hanging_tools"
SOURCE = """
import threading

from remit import tool

ends, sent = threading.Event(), []


@tool(name="hangs.write", effect="write", result={}, resource="thing/{thing}", timeout_s=1.0)
def write(thing: str) -> dict[str, str]:
    ends.wait(60)
    sent.append(thing)
    return {}


@tool(name="hangs.read", effect="read", result={"up": "boolean"}, timeout_s=1.0)
def read() -> dict[str, bool]:
    ends.wait(60)
    return {"up": True}
"""
STEP = kit.step("hang", "none", tool="hangs.write", timeout="1s", **{"with": {"thing": "{inputs.thing}"}})
WRITING = kit.book(
    "writing",
    STEP,
    authority={"tools": ["hangs.write", "things.get"]},
)
READING = kit.book(
    "reading",
    observe={"slow": {"tool": "hangs.read", "with": {}}, **kit.book("x")["observe"]},
    authority={"tools": ["hangs.read", "things.get", "things.add_read_back"]},
    preconditions=[{"id": "seen", "expect": "slow.up", "otherwise": "escalate"}],
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Path:
    folder = tmp_path_factory.mktemp("hanging")
    kit.write_desk(folder, [WRITING, READING], modules={MODULE: SOURCE})
    kit.approve(folder, target)
    return folder


@pytest.fixture
def house(desk: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[kit.House]:
    monkeypatch.setattr(gateway, "GRACE_S", 0.2)
    for module in tools(desk):
        module.ends.clear()
    with kit.at_work(desk, target) as house:
        yield house
        for module in tools(desk):
            module.ends.set()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def tools(desk: Path) -> list[Any]:
    """The module that the desk's tools come from, once it is loaded."""
    return [m for m in sys.modules.values() if getattr(m, "__file__", "") == str(desk / f"{MODULE}.py")]


def test_a_write_that_does_not_come_back_is_for_a_human_and_nothing_licenses_it(
    house: kit.House, desk: Path
) -> None:
    run = house.submit("writing", "left-behind")
    task = house.follow(run)
    (attempt,) = task.operations[0].attempts
    assert (attempt.outcome, attempt.code, attempt.returned) == (Outcome.UNKNOWN, "no_return", None)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "unproven_sender"
    assert house.app.ledger.info(run).worker is None
    house.say(run, "poke")  # the same process takes it again
    house.drain()
    assert dict(house.task(run).proven_dead) == {}, "to give the run back proves nothing"
    (module,) = tools(desk)
    module.ends.set()
    kit.until(lambda: module.sent == ["left-behind"])  # so it was: it could still send


def test_the_end_of_the_process_licenses_what_it_left_behind(
    house: kit.House, other: subprocess.Popen[bytes]
) -> None:
    own = house.engine.claimant
    stat = stat_of(other.pid)
    assert stat is not None
    worker = replace(
        own.identity.worker, id="w-gone", pid=other.pid, start_time=stat.start_time, lock_file="/nowhere"
    )
    house.app.ledger.register(worker)
    elsewhere = replace(own, identity=Identity(worker=worker, lock=-1))
    run = house.submit("writing", "gone")
    stopped = replace(house.engine, claimant=elsewhere).follow(run)
    assert stopped.open_escalation is not None
    epoch = stopped.epoch
    house.say(run, "poke")
    house.drain()
    assert epoch not in house.task(run).proven_dead, "released, and alive"
    other.kill()
    other.wait()
    house.say(run, "poke")
    house.drain()
    assert epoch in house.task(run).proven_dead


def test_a_read_that_does_not_come_back_is_unreadable(house: kit.House) -> None:
    task = house.follow(house.submit("reading", "unread"))
    assert task.open_escalation is not None
    assert task.operations == ()
    assert any("not come back" in c.observed for c in task.conditions.values()) or task.read_problem


def test_what_is_called_within_its_time_answers_as_it_is() -> None:
    assert patience.call_within(lambda: 7, 1.0) == 7
    with pytest.raises(SystemExit):
        patience.call_within(lambda: sys.exit(3), 1.0)
    ends = threading.Event()
    began = time.monotonic()
    with pytest.raises(patience.NotReturnedError):
        patience.call_within(lambda: ends.wait(30), 0.05)
    ends.set()
    assert time.monotonic() - began < 5


def test_a_call_left_behind_is_not_forgotten_where_its_outcome_was_not_stored(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = house.app.ledger
    store = ledger.append
    lost = []

    def loses_the_outcome(append: Append) -> Head:
        if not lost and any(entry.kind == Kind.OUTCOME for entry in append.entries):
            lost.append(append)
            raise StorageError("the database failed, nothing was stored")
        return store(append)

    monkeypatch.setattr(ledger, "append", loses_the_outcome)
    run = house.submit("writing", "lost-outcome")
    house.work(run)
    assert lost
    assert ledger.info(run).worker == house.engine.worker  # given back, its sender would count as done
    house.engine.look_around()
    assert ledger.info(run).worker == house.engine.worker
    assert [info.run for info, _ in house.engine.to_take()] == [run]
    task = house.follow(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "unproven_sender"
    assert 1 not in task.proven_dead
    assert ledger.info(run).worker is None  # from here on the ledger tells everybody
