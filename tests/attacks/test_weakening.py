"""Changes that make a promise weaker: refused when they are proposed, without effect where they are not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from remit.cli.app import run as remit
from remit.desk import Desk
from remit.review import refusals
from remit.settings import load
from tests.attacks import kit as attacks
from tests.attacks.kit import lines
from tests.flow import kit


@pytest.fixture
def folder(tmp_path: Path, target: Target) -> Path:
    desk = tmp_path / "desk"
    kit.write_desk(desk, [kit.book("adds")], entries={"adds": {"targets": ["things/ok-*"],
                   "resources": {"things/ok-*": ["thing/ok-*"]}}})  # fmt: skip
    kit.approve(desk, target)
    return desk


@pytest.fixture
def opened(folder: Path, target: Target) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def opens(**environ: str) -> Desk:
        around = {"THINGS_URL": kit.url(target), **environ}
        desks.append(Desk.open(load(folder), environ=around))
        return desks[-1]

    yield opens
    for desk in desks:
        desk.close()


def edit(file: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def to_version_two(folder: Path, change: Callable[[Any], None]) -> None:
    """Propose the runbook anew, changed."""
    edit(folder / "runbooks" / "adds.yaml", lambda book: (book.update(version=2), change(book)))
    edit(folder / "delegation.yaml", lambda file: file["delegate"][0].update(runbook="adds@2"))


def completes_always(book: Any) -> None:
    book["completion"][0]["expect"] = "true"


def verifies_always(book: Any) -> None:
    book["steps"][0]["verify"][0]["expect"] = "true"


def verifies_its_own_input(book: Any) -> None:
    book["steps"][0]["verify"][0]["expect"] = "inputs.goal == inputs.goal"


def absent_always(book: Any) -> None:
    book["steps"][0]["probe"]["absent_when"] = "true"


def probe_looks_elsewhere(book: Any) -> None:
    book["steps"][0]["probe"]["absent_when"] = "flag.value == 0"


# line -> changes of the runbook, and the code with which lint and approval refuse each
CHANGES: dict[str, dict[Callable[[Any], None], str]] = {
    "check-set-to-true": {
        completes_always: "check_observes_nothing",
        verifies_always: "check_observes_nothing",
        verifies_its_own_input: "check_observes_nothing",
    },
    "probe-says-absent": {
        absent_always: "probe_looks_elsewhere",
        probe_looks_elsewhere: "probe_looks_elsewhere",
    },
}


@lines(CHANGES)
def test_a_weaker_check_is_not_approved(folder: Path, opened: Callable[[], Desk], line: str) -> None:
    before = (folder / "runbooks" / "adds.yaml").read_text(), (folder / "delegation.yaml").read_text()
    for change, code in CHANGES[line].items():
        (folder / "runbooks" / "adds.yaml").write_text(before[0])
        (folder / "delegation.yaml").write_text(before[1])
        to_version_two(folder, change)
        desk = opened()
        (proposed,) = [c for c in desk.changes() if c.kind == "new"]
        assert f"[{code}]" in " ".join(refusals(desk, proposed)), change.__name__
        assert remit(["runbook", "approve", "--all", "--yes", "--desk", str(folder)]) != 0
        assert set(opened().in_force.runbooks) == {"adds@1"}


@lines(["check-set-to-true"])
def test_a_weaker_check_in_the_file_is_not_the_one_in_force(folder: Path, target: Target, line: str) -> None:
    assert line
    edit(folder / "runbooks" / "adds.yaml", verifies_always)
    edit(folder / "runbooks" / "adds.yaml", completes_always)
    with kit.at_work(folder, target) as house:
        _, task = house.carry("adds", "ok-claimed", faults=[{"kind": "claimed"}])
        assert task.closed is None
        assert task.open_escalation is not None
        assert task.open_escalation.reason == "verify_failed"
        assert house.effects("ok-claimed") == []


@lines(["address-by-environment"])
@pytest.mark.parametrize("name", ["THINGS_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_an_environment_sends_no_call_elsewhere(
    folder: Path, target: Target, monkeypatch: pytest.MonkeyPatch, line: str, name: str
) -> None:
    assert line
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    thing = f"ok-env-{name.lower().replace('_', '-')}-{name.isupper()}".lower()
    with kit.at_work(folder, target, environ={name: "http://127.0.0.1:9"}) as house:
        assert house.carry("adds", thing)[1].closed == "completed"
    assert [e for e in target.journal() if e["event"] == "effect" and e["thing"] == thing]


@lines(["address-by-environment"])
def test_another_address_is_a_change_that_nobody_approved(opened: Callable[..., Desk], line: str) -> None:
    assert line
    (change,) = opened(THINGS_URL="http://127.0.0.1:9").pending()
    assert (change.kind, "connectors" in change.parts) == ("changed", True)


@lines(["connector-edited"])
def test_an_edited_connector_is_not_the_one_in_force(
    folder: Path, opened: Callable[[], Desk], target: Target, line: str
) -> None:
    assert line

    def elsewhere(connector: Any) -> None:
        for tool in connector["tools"]:
            tool["request"]["path"] = tool["request"]["path"].replace("{thing}", "hijacked-{thing}")
            tool["answers"] = {"succeeded": [200, 500, 503]}

    edit(folder / "connectors" / "things.yaml", elsewhere)
    (change,) = opened().pending()
    assert {"connectors", "contracts"} <= set(change.parts)
    assert "the last approved version stays in force" in opened().warnings()[0]
    with kit.at_work(folder, target) as house:
        run, task = house.carry("adds", "ok-edited")
        assert task.closed == "completed"
        assert len(house.sends("ok-edited")) == 1
        assert house.sends("hijacked-ok-edited") == []
        assert house.entries(run, "admitted")[0].body["pins"]["bundle"] == opened().in_force.digest("adds@1")


@lines(["delegation-edited"])
def test_an_edited_delegation_hands_over_nothing(
    folder: Path, opened: Callable[[], Desk], target: Target, line: str
) -> None:
    assert line

    def wider(file: Any) -> None:
        file["principals"]["tom"]["roles"] = ["operator", "owner"]
        file["delegate"][0].update(targets=["things/*"], resources={"things/*": ["thing/*"]})

    edit(folder / "delegation.yaml", wider)
    assert {c.scope for c in opened().pending()} == {"principals", "adds@1"}
    with kit.at_work(folder, target) as house:
        attacks.rejected(house, house.ask("adds", "wider"), "target_not_delegated")
        attacks.rejected(house, house.ask("adds", "ok-tom", by="tom"), "requester_not_allowed")
        assert house.sends("wider") == house.sends("ok-tom") == []


@lines(["tool-body-changed"])
def test_a_tool_whose_body_was_changed_is_refused_at_the_door(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert line
    desk = tmp_path / "desk"
    assert remit(["init", str(desk), "--json"]) == 0
    module = desk / "page_tools.py"
    module.write_text(module.read_text().replace('PAGES / f"{service}.new"', 'PAGES / "index.html"'))
    capsys.readouterr()
    assert remit(["run", "show the maintenance page of shop", "--desk", str(desk)]) == 5
    assert "[tool_changed]" in capsys.readouterr().err
    assert not (desk / "pages").exists()
    assert remit(["runs", "list", "--all", "--json", "--desk", str(desk)]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["state"], record["reason"], record["writes"]) == ("rejected", "tool_changed", [])
