"""A run that stopped, on a desk where nobody holds a role that decides on it any more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from remit.desk import Desk
from remit.settings import load
from remit.standing import standing
from tests.flow import kit

FAULT = [{"kind": "unavailable", "times": 2}]


@pytest.fixture
def desk(tmp_path: Path, target: Target) -> Path:
    kit.write_desk(tmp_path, [kit.book("orphaned")])
    kit.approve(tmp_path, target)
    return tmp_path


@pytest.fixture
def house(desk: Path, target: Target) -> Iterator[kit.House]:
    with kit.at_work(desk, target) as house:
        yield house


def reorganised(desk: Path, target: Target, **entry: Any) -> None:
    """Nobody is on call any more: bob and eve are of another team; ``entry`` is what the delegation says."""
    file = desk / "delegation.yaml"
    held = json.loads(file.read_text())
    for name in ("bob", "eve"):
        held["principals"][name]["roles"] = ["team"]
    held["delegate"][0] |= entry
    file.write_text(json.dumps(held))
    kit.approve(desk, target)


def test_a_run_on_which_nobody_decides_is_told_and_aborted_by_who_approves(
    house: kit.House, desk: Path, target: Target
) -> None:
    run, task = house.carry("orphaned", "orphaned", faults=FAULT)
    assert task.open_escalation is not None
    ledger = house.app.ledger
    (before,) = standing(ledger, house.app.policies.now())
    assert not before.stuck
    reorganised(desk, target, decide=["team"])
    (told,) = standing(ledger, house.app.policies.now())
    assert told.stuck
    assert "nobody has a role that decides on it" in told.what
    assert told.next == f"remit esc abort {run}, as sue"

    said = house.decide(run, "abort", by="bob")  # decides on runs of today, not on this one
    house.work(run)
    assert house.answer(run, said) == "not_a_decider"
    (refused,) = (e.body["refused"] for e in house.entries(run, "signal") if e.body["id"] == said)
    assert "nobody has a role that decides on this run any more" in refused["message"]
    assert refused["message"].endswith("it can only be aborted, by role owner")
    for choice in ("resume", "retry_once", "mark_done"):
        said = house.decide(run, choice, by="sue", evidence="seen")
        house.work(run)
        assert house.answer(run, said) == "not_a_decider", choice
    house.decide(run, "abort", by="sue")
    assert house.work(run).closed == "closed_by_human"
    assert list(standing(ledger, house.app.policies.now())) == []


def test_who_approves_aborts_nothing_while_somebody_decides(house: kit.House) -> None:
    run, _ = house.carry("orphaned", "orphan-decided", faults=FAULT)
    said = house.decide(run, "abort", by="sue")
    house.work(run)
    assert house.answer(run, said) == "not_a_decider"
    house.decide(run, "abort")
    assert house.work(run).closed == "closed_by_human"


def test_no_approval_leaves_a_runbook_on_which_nobody_decides(desk: Path, target: Target) -> None:
    with pytest.raises(AssertionError):
        reorganised(desk, target)
    opened = Desk.open(load(desk), environ={"THINGS_URL": kit.url(target)})
    (change,) = opened.pending()
    opened.close()
    assert (change.scope, change.code) == ("principals", "not_approvable")
    assert change.problem == "no human has a role that decides on orphaned@1 (oncall)"
