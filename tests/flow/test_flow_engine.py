"""What a worker does when it is told to leave, loses a run, does not know what was committed, or fails."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from evals.storm.target import Target
from remit.worker.failures import MAX_FAILURES, Failures
from remit.worker.identity import Identity
from state.errors import StorageError, UnknownCommitError
from state.instants import after, seconds_between
from tests.flow import kit

POLLED = [
    {
        "id": "flagged",
        "expect": "seen.value == inputs.goal && flag.value == 1",
        "within": "3s",
        "every": "300ms",
    }
]
LATE = {"initial": "4s", "factor": 1, "max": "4s", "jitter": "none"}
RETRIED = {"budget": 1, "after": ["not_applied"], "backoff": LATE}
BOOKS = [
    kit.book("plain"),
    kit.book("later", kit.step(retry=RETRIED)),
    kit.book("polled", kit.step(verify=POLLED)),
    kit.book("many", preconditions=None),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Any:
    folder = tmp_path_factory.mktemp("engine")
    kit.write_desk(folder, BOOKS)
    kit.approve(folder, target)
    return folder


@pytest.fixture
def house(desk: Any, target: Target) -> Iterator[kit.House]:
    with kit.at_work(desk, target) as house:
        yield house


def test_what_was_noted_is_stored_when_a_worker_is_told_to_leave(house: kit.House) -> None:
    run = house.submit("polled", "leaving")
    looks = []

    def look(task: Any) -> None:
        house.watch(task)
        looks.append(task.head.seq)
        if task.checks.get("add/1") and task.checks["add/1"]["flagged"].rounds == 2:
            house.engine.stopping.set()

    task = house.engine.work(run, look)
    assert task is not None
    assert task.checks["add/1"]["flagged"].rounds >= 2
    assert house.task(run).head == task.head
    assert len(house.entries(run, "verified")) == task.checks["add/1"]["flagged"].rounds
    assert house.app.ledger.info(run).worker is None  # given back


def test_what_was_noted_is_stored_before_a_wait_that_leaves(house: kit.House) -> None:
    run = house.submit("plain", "paused")
    house.say(run, "pause", by="ann")
    task = house.work(run)
    assert task.waiting is not None
    assert house.app.ledger.info(run).row.waiting_for == "pause"
    (holds,) = [e for e in house.entries(run, "hydrated") if e.body.get("holds")]
    assert holds.seq < task.head.seq
    house.say(run, "unpause", by="ann")
    assert house.follow(run).closed == "completed"


def test_a_worker_that_was_overtaken_is_out_and_sends_nothing(house: kit.House) -> None:
    run, own = house.submit("plain", "overtaken"), house.engine.claimant
    rival = replace(own.identity.worker, id="w-rival")
    house.app.ledger.register(rival)
    claimant = replace(own, identity=Identity(worker=rival, lock=-1))
    house.at[run, "before_intent"] = lambda: claimant._claim(house.task(run), None, [])
    assert house.engine.work(run, house.watch) is None
    info = house.app.ledger.info(run)
    assert (info.worker, info.epoch) == ("w-rival", 2)
    assert house.sends("overtaken") == []
    assert house.entries(run, "intent") == []
    house.app.ledger.release(run, 2)
    house.app.ledger.forget("w-rival")
    assert house.follow(run).closed == "completed"
    assert house.effects("overtaken") == [kit.GOAL]


def test_a_worker_that_cannot_renew_its_lease_leaves_the_run_and_writes_no_more(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, held = house.submit("plain", "unrenewed"), [True]
    monkeypatch.setattr(house.engine.claimant.lease, "still_mine", lambda: held[0])
    house.at[run, "intent_durable"] = lambda: held.__setitem__(0, False)
    task = house.work(run)
    assert [a.code for a in task.operations[0].attempts] == ["lost_claim"]
    assert house.app.ledger.info(run).worker is None  # whoever is well may go on at once
    for _ in range(5):
        assert house.engine.work(run, house.watch) is None
    assert house.task(run).head == task.head
    assert house.sends("unrenewed") == []
    held[0] = True
    assert house.follow(run).closed == "completed"
    assert house.effects("unrenewed") == [kit.GOAL]


@pytest.mark.parametrize("taken", [True, False])
def test_a_claim_whose_reply_was_lost_is_given_back_and_taken_anew(
    house: kit.House, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    thing, ledger = f"unsure-{taken}".lower(), house.app.ledger
    run, real = house.submit("plain", thing), ledger.claim

    def once(append: Any, *, worker: str) -> Any:
        monkeypatch.setattr(ledger, "claim", real)
        if taken:
            real(append, worker=worker)
        raise UnknownCommitError("nobody knows")

    monkeypatch.setattr(ledger, "claim", once)
    with pytest.raises(UnknownCommitError):
        house.engine.work(run, house.watch)
    assert (ledger.info(run).worker is not None) is taken
    house.engine.look_around()
    assert ledger.info(run).worker is None
    assert run in {info.run for info in ledger.claimable()}
    assert house.follow(run).closed == "completed"


def test_a_release_that_failed_is_made_up_for(house: kit.House, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, run = house.app.ledger, house.submit("plain", "unreleased")
    house.say(run, "pause", by="ann")
    real = ledger.release

    def fail(*_: Any) -> None:
        monkeypatch.setattr(ledger, "release", real)
        raise StorageError("the disk is full")

    monkeypatch.setattr(ledger, "release", fail)
    house.work(run)
    assert ledger.info(run).worker == house.engine.worker  # held by a living worker that does not carry it
    house.engine.look_around()
    assert ledger.info(run).worker is None
    house.say(run, "unpause", by="ann")
    assert house.follow(run).closed == "completed"


def test_runs_in_line_are_woken_whatever_they_were_just_doing(house: kit.House) -> None:
    first, second = house.submit("plain", "in-line"), house.submit("plain", "in-line", goal=kit.GOAL + 1)
    looked: list[str] = []

    def stands_in_line() -> None:
        looked.append(house.app.ledger.info(second).row.lane)

    house.at[first, "before_intent"] = lambda: (house.work(second), stands_in_line())[1]
    assert house.follow(first).closed == "completed"
    assert looked == ["live/waiting_hold"]
    pokes = [s.id for s in house.app.ledger.signals(second) if s.kind == "poke"]
    assert pokes == [f"poke/{first}/{second}"]
    assert second in {info.run for info in house.app.ledger.claimable()}
    until = house.task(second).waiting.until
    assert 0 < seconds_between(house.app.ledger.now(), until) <= 5


@pytest.mark.parametrize("stored", [True, False])
def test_an_unknown_commit_drops_the_run_and_what_is_found_afterwards_counts(
    house: kit.House, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    thing, ledger = f"unknown-commit-{stored}".lower(), house.app.ledger
    run, real = house.submit("plain", thing), ledger.append

    def once(append: Any) -> Any:
        if any(str(e.kind) == "intent" for e in append.entries):
            monkeypatch.setattr(ledger, "append", real)
            if stored:
                real(append)
            raise UnknownCommitError("nobody knows")
        return real(append)

    monkeypatch.setattr(ledger, "append", once)
    assert house.engine.work(run, house.watch) is None
    assert house.sends(thing) == []
    assert len(house.entries(run, "intent")) == stored
    task = house.follow(run)
    assert task.closed == "completed"
    assert house.effects(thing) == [kit.GOAL]
    assert len(task.operations[0].attempts) == 1 + stored  # a stored intent is an attempt, sent or not
    assert bool(house.entries(run, "reconciled")) is stored


def test_a_failure_of_the_worker_is_tried_again_and_then_left_alone(house: kit.House) -> None:
    run = house.submit("plain", "failing")

    def fail() -> None:
        raise RuntimeError("a bug")

    house.at[run, "in_verify"] = fail
    house.drain()
    assert house.task(run).closed == "completed"
    run = house.submit("plain", "failing-always")
    house.engine._failures = Failures(clock=itertools.count(0.0, 3600.0).__next__)  # nobody rests
    for _ in range(MAX_FAILURES + 1):
        house.at[run, "before_intent"] = fail
        house.engine.work(run, house.watch)
    house.drain()  # comes to an end
    assert house.sends("failing-always") == []
    assert house.task(run).closed is None


def test_a_run_of_another_is_not_taken(house: kit.House, desk: Any, target: Target) -> None:
    run = house.submit("plain", "theirs")
    holder = house.engine.claimant.take(run)
    assert holder is not None
    with kit.at_work(desk, target) as other:
        assert other.engine.work(run, other.watch) is None  # alive: it is this very process
    house.app.ledger.release(run, holder.epoch)
    assert house.follow(run).closed == "completed"


def test_a_run_that_another_ended_just_now_is_not_waited_for(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, engine, carry = house.submit("plain", "ended-elsewhere"), house.engine, house.engine.work
    monkeypatch.setattr(engine, "work", lambda *_: None)  # it was lost to the other

    def ended(_: str) -> None:
        monkeypatch.setattr(engine, "work", carry)
        carry(run, house.watch)

    monkeypatch.setattr(engine, "given_up", ended)  # asked for behind the reading, before the wait
    task = engine.follow(run, house.watch, until=time.monotonic() + 20)
    assert task.closed == "completed"


def test_a_ledger_that_takes_no_claim_is_left_alone_and_then_ends_the_worker(
    house: kit.House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, ledger, tries = house.submit("plain", "no-claim"), house.app.ledger, []

    def full(*_: Any, **__: Any) -> None:
        tries.append(time.monotonic())
        raise StorageError("the database failed, nothing was stored: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "claim", full)
        with pytest.raises(StorageError, match="disk is full"):
            house.engine.drain(house.watch)
    assert MAX_FAILURES <= len(tries) <= 3 * MAX_FAILURES  # other runs of the desk are tried beside it
    assert tries[-1] - tries[0] > 1.0  # and not as fast as it can
    assert caplog.text.count("was not taken: the database failed") == len(tries)
    assert house.sends("no-claim") == []
    assert house.follow(run).closed == "completed"


@pytest.mark.parametrize("how", ["follow", "drain"])
def test_a_clock_that_jumped_ahead_and_came_back_holds_no_run(
    house: kit.House, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    ledger, real = house.app.ledger, house.app.ledger.now
    run = house.submit("later", f"jumped-{how}", faults=[{"kind": "unavailable"}])
    monkeypatch.setattr(ledger, "now", lambda: after(real(), 3600))
    assert house.work(run).waiting is not None
    monkeypatch.setattr(ledger, "now", real)
    if how == "drain":
        house.drain()
    else:
        house.engine.follow(run, house.watch, until=time.monotonic() + 20)
    assert house.task(run).closed == "completed"
    assert house.effects(f"jumped-{how}") == [kit.GOAL]
