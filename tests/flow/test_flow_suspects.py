"""Runs that may have ended the process which carried them: each alone, so that none is blamed for another."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from evals.storm.target import Target
from remit.worker.identity import Identity
from remit.worker.suspects import IDLE_CLAIMS
from tests.flow import kit


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Any:
    folder = tmp_path_factory.mktemp("suspects")
    kit.write_desk(folder, [kit.book("plain")])
    kit.approve(folder, target)
    return folder


@pytest.fixture
def house(desk: Any, target: Target) -> Iterator[kit.House]:
    with kit.at_work(desk, target) as house:
        yield house


def ended_with_its_worker(house: kit.House, *runs: str) -> None:
    """All of them were claimed by one process, which ended before it got anywhere with any."""
    own, name = house.engine.claimant, f"w-{len(house.entries(runs[0], 'claimed'))}-{runs[0]}"
    worker = replace(own.identity.worker, id=name, pid_ns="pid:[1]")
    house.app.ledger.register(replace(worker, lease_s=0.5))
    elsewhere = replace(own, identity=Identity(worker=worker, lock=-1))
    assert all(elsewhere.take(run) for run in runs)
    house.app.ledger.forget(name)


def test_suspected_runs_are_carried_one_at_a_time_before_the_others(house: kit.House) -> None:
    suspected = [house.submit("plain", f"suspected-{n}") for n in range(3)]
    for _ in range(IDLE_CLAIMS):
        ended_with_its_worker(house, *suspected)
    fine = house.submit("plain", "beside-suspected")
    beside: dict[str, set[str]] = {}

    def look(task: Any) -> None:
        house.watch(task)
        if task.idle_claims:
            beside.setdefault(task.run, set()).update(house.engine._active)

    house.engine.drain(look)
    assert [house.task(run).closed for run in (*suspected, fine)] == ["completed"] * 4
    assert [beside[run] for run in suspected] == [{run} for run in suspected]
    first_of_fine = house.entries(fine, "claimed")[0].at
    assert all(house.entries(run, "claimed")[-1].at < first_of_fine for run in suspected)
