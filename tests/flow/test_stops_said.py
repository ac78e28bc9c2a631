"""What a stop says to whoever has to decide it: which command first, and that it was decided already."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evals.storm.target import Target
from remit.cli.app import run as remit
from remit.cli.door import ESCALATED, Door
from remit.cli.following import follow
from remit.intake.principal import os_user
from remit.worker.identity import Identity
from tests.flow import kit

BOOKS = [kit.book("stopping")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Path:
    folder = tmp_path_factory.mktemp("stops")
    kit.write_desk(folder, BOOKS)
    file = folder / "delegation.yaml"
    held = json.loads(file.read_text())
    held["principals"]["bob"]["os"].append(os_user())
    file.write_text(json.dumps(held))
    kit.approve(folder, target)
    return folder


def stopped(house: kit.House, desk: Path, thing: str, faults: list[dict[str, object]]) -> str:
    run = house.submit("stopping", thing, faults=faults)
    door = Door(desk_given=desk, no_input=True)
    assert follow(door, house.app, run) == ESCALATED
    door.close()
    return run


def test_where_every_send_is_used_up_the_next_command_allows_one(
    desk: Path, target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"REMIT_DESK": str(desk), **kit.SECRETS}.items():
        monkeypatch.setenv(name, value)
    with kit.at_work(desk, target) as house:
        run = stopped(house, desk, "stops-used-up", [{"kind": "unavailable", "times": 2}])
        assert house.packet(run)["where"]["reason"] == "retries_exhausted"
        (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("next: ")]
        assert told.startswith(f"next: remit esc retry {run}/esc-1 --basis ")
        assert remit(told.removeprefix("next: remit ").split()) == 0  # the target is well again
        assert house.task(run).closed == "completed"
        assert house.effects("stops-used-up") == [kit.GOAL]


def test_an_escalation_that_was_decided_says_so_first_and_offers_nothing(
    desk: Path, target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_DESK", str(desk))
    with kit.at_work(desk, target) as house:
        run = stopped(house, desk, "stops-decided", [{"kind": "unavailable", "times": 2}])
        capsys.readouterr()
        assert remit(["esc", "show", run]) == 0
        assert f"remit esc abort {run}/esc-1" in capsys.readouterr().out
        house.decide(run, "abort")
        house.work(run)
        assert remit(["esc", "show", run]) == 0
        out, err = capsys.readouterr()
        assert out.startswith("DECIDED already, by bob at ")
        assert "abort, because: as it must be" in out.splitlines()[0]
        assert "remit esc" not in out
        assert f"next: remit runs show {run}" in err


def test_two_stops_never_share_a_basis(desk: Path, target: Target) -> None:
    with kit.at_work(desk, target) as house:
        faults = [{"kind": "unavailable", "times": 9}]
        first, task = house.carry("stopping", "stops-twin-a", faults=faults)
        second, _ = house.carry("stopping", "stops-twin-b", faults=faults)
        seen = {house.packet(run)["basis"] for run in (first, second)}
        house.decide(first, "resume")
        again = house.follow(first)
        assert again.escalation is not None
        assert task.escalation is not None
        assert again.escalation.id != task.escalation.id
        assert len(seen | {again.escalation.basis}) == 3
        said = house.decide(second, "abort", basis=house.packet(first)["basis"])
        house.work(second)
        assert house.answer(second, said) == "basis_moved"
        for run in (first, second):
            house.decide(run, "abort")
            assert house.work(run).closed == "closed_by_human"


def test_a_run_whose_worker_is_gone_is_told_wherever_runs_are_shown(
    desk: Path, target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_DESK", str(desk))
    with kit.at_work(desk, target) as house:
        run, own = house.submit("stopping", "stops-left-behind"), house.engine.claimant
        gone = replace(own.identity.worker, id="w-gone")
        house.app.ledger.register(gone)
        holder = replace(own, identity=Identity(worker=gone, lock=-1)).take(run)
        assert holder is not None
        house.app.ledger.forget("w-gone")
        for words in (["runs", "show", run], ["runs", "list"], ["esc", "list"]):
            capsys.readouterr()
            assert remit(words) == 0
            said = " ".join(capsys.readouterr().err.split())
            assert f"run {run} (stopping@1 on things/stops-left-behind) is held by worker w-gone" in said
            assert said.endswith("which is gone next: remit worker --drain")
        house.app.ledger.release(run, holder.epoch)
        assert house.follow(run).closed == "completed"
        remit(["runs", "show", run])
        assert "w-gone" not in capsys.readouterr().err
