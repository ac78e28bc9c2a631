"""What ``remit plan`` says of a request is what the run that follows meets, and it leaves nothing behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from evals.storm.target import Target
from policies.delegation import DAYS
from remit.cli.app import run as remit
from remit.intake.principal import os_user
from state.ledger.port import Stop
from tests.flow import kit


def around_now() -> dict[str, Any]:
    """A window that is closed from yesterday until tomorrow, whatever day it is."""
    today = datetime.now(UTC)
    before, behind = (DAYS[(today + timedelta(days=days)).weekday()] for days in (-1, 2))
    return {"closed": {"from": f"{before} 00:00", "until": f"{behind} 00:00"}, "zone": "UTC"}


ONE_SEND: Final = kit.step(retry={"budget": 0, "after": ["not_applied"], "backoff": kit.QUICK})
TURNS: Final = [{"id": "not-yet", "expect": "seen.value != inputs.goal", "otherwise": "complete"}]
REJECTS: Final = [{"id": "none-yet", "expect": "seen.value == 0", "otherwise": "reject"}]
BOOKS: Final = [
    kit.book("plain"),
    kit.book("turns", preconditions=TURNS),
    kit.book("rejects", preconditions=REJECTS),
    kit.book("windowed"),
    kit.book(
        "worn", ONE_SEND, preconditions=None,
        limits=kit.limits(1, attempts_on_resource={"max": 1, "per": "1h"}),
    ),
    kit.book("asked"),
    kit.book("outside"),
    kit.book("impatient", when_held="refuse"),
    kit.book("joined", once={"key": ["inputs.thing"], "while": "live"}),
]  # fmt: skip
ENTRIES: Final = {
    "windowed": {"windows": [around_now()]},
    "asked": {"mode": "confirm"},
    "outside": {"resources": {"things/*": ["thing/in-*"]}},
}


def write_desk(folder: Path, books: list[dict[str, Any]], **given: Any) -> None:
    """A desk on which whoever runs the tests may speak as ann."""
    kit.write_desk(folder, books, **given)
    file = folder / "delegation.yaml"
    delegation = json.loads(file.read_text())
    delegation["principals"]["ann"]["os"].append(os_user())
    file.write_text(json.dumps(delegation))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    write_desk(folder, BOOKS, entries=ENTRIES)
    kit.approve(folder, target)
    return folder


@pytest.fixture
def house(desk: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[kit.House]:
    for name, value in {**kit.SECRETS, "REMIT_DESK": str(desk), "THINGS_URL": kit.url(target)}.items():
        monkeypatch.setenv(name, value)
    with kit.at_work(desk, target, environ={"THINGS_URL": kit.url(target)}) as house:
        yield house


@dataclass(frozen=True, kw_only=True)
class Said:
    """A plan as the command line says it: the exit code, and what it printed."""

    code: int
    plan: dict[str, Any]

    @property
    def verdict(self) -> tuple[str, str, str]:
        return self.plan["outcome"], self.plan["code"], self.plan["guard"]


Plans = Callable[[str, str], Said]


@pytest.fixture
def planned(house: kit.House, capsys: pytest.CaptureFixture[str]) -> Plans:
    """Plan a request, and hold the plan to what it promises: reads only, and no trace of it in the ledger."""

    def plan(book: str, thing: str) -> Said:
        stored, events = rows(house), len(house.target.journal())
        capsys.readouterr()
        code = remit(
            ["plan", book, "-i", f"thing={thing}", "-i", f"goal={kit.GOAL}", "--as", "ann", "--json"]
        )
        out, err = capsys.readouterr()
        assert out, err
        said = json.loads(out)
        made = house.target.journal()[events:]
        assert {e["method"] for e in made if e["event"] == "request"} <= {"GET"}
        assert [e for e in made if e["event"] == "effect"] == []
        assert rows(house) == stored
        return Said(code=code, plan=said)

    return plan


def rows(house: kit.House) -> list[Any]:
    """Everything that is stored, but for the lease of the worker that stands by."""
    return [record for record in house.app.ledger.records() if record[0] != "workers"]


def met(house: kit.House, run: str) -> tuple[str, str, str]:
    """What a run met first of all that a plan can say: read from its entries, not from its plan."""
    task = house.task(run)
    first = next(iter(house.entries(run, "intent", "denied")), None)
    if first is not None and str(first.kind) == "intent":
        return "would_send", "", ""
    if first is not None:
        return "denied", first.body["code"], first.body["guard"]
    if task.escalations:
        return "escalates", task.escalations[0].reason, ""
    if task.closed == "completed":
        return "completes", "", ""
    if task.closed is not None:
        return "ends", task.reason, ""
    assert task.waiting is not None
    return "waits", task.waiting.reason, ""


def test_allowed_and_the_first_write_is_the_one_that_was_shown(house: kit.House, planned: Plans) -> None:
    said = planned("plain", "free")
    run, task = house.carry("plain", "free")
    assert (said.code, said.verdict) == (0, ("would_send", "", ""))
    assert met(house, run) == said.verdict
    (sent,) = house.entries(run, "intent")
    assert said.plan["first_write"] == {n: sent.body[n] for n in ("op", "tool", "resource", "arguments")}
    assert said.plan["resources"] == list(task.resources)
    behind, at_the_end = said.plan["not_simulated"]
    assert "what the writes do (add)" in behind
    assert "guard" in behind
    assert "at-goal" in at_the_end


@pytest.mark.parametrize("scope", ["desk", "runbook:plain", "resource:thing/still"])
def test_a_stop_makes_both_wait_or_refuses_both(house: kit.House, planned: Plans, scope: str) -> None:
    ledger = house.app.ledger
    ledger.stop(Stop(scope=scope, by="bob", at=ledger.now(), why="a test"))
    try:
        said = planned("plain", "still")
        asked = house.ask("plain", "still")
        if asked.rejected is not None:
            assert (said.code, said.verdict) == (5, ("rejected", asked.rejected.code, ""))
            assert asked.rejected.code == "stopped"
            return
        house.work(asked.run)
        assert (said.code, said.verdict) == (0, ("waits", "stop", ""))
        assert met(house, asked.run) == said.verdict
        assert said.plan["message"] == house.task(asked.run).waiting.detail
    finally:
        ledger.start(scope, by="bob", at=ledger.now())
    assert house.follow(asked.run).closed == "completed"


def test_a_closed_window_is_closed_to_both(house: kit.House, planned: Plans) -> None:
    said = planned("windowed", "shut")
    asked = house.ask("windowed", "shut")
    assert asked.rejected is not None
    assert (said.code, said.verdict) == (5, ("rejected", "window_closed", ""))
    assert (asked.rejected.code, asked.rejected.message) == ("window_closed", said.plan["message"])


@pytest.mark.parametrize(
    ("book", "code", "verdict"),
    [
        ("turns", 0, ("completes", "", "")),
        ("rejects", 5, ("ends", "precondition_failed", "")),
        ("plain", 3, ("escalates", "precondition_failed", "")),
    ],
)
def test_a_false_precondition_ends_both_alike(
    house: kit.House, planned: Plans, book: str, code: int, verdict: tuple[str, str, str]
) -> None:
    thing = f"false-{book}"
    house.target.change(thing, kit.GOAL)
    said = planned(book, thing)
    run, _ = house.carry(book, thing)
    assert (said.code, said.verdict) == (code, verdict)
    assert met(house, run) == said.verdict
    ((name, seen),) = said.plan["preconditions"].items()
    assert {name} == set(house.task(run).conditions)
    assert (seen["verdict"], seen["observed"]) == ("fail", house.task(run).conditions[name].observed)


def test_a_resource_without_attempts_left_stops_both(house: kit.House, planned: Plans) -> None:
    assert planned("worn", "tired").verdict == ("would_send", "", "")
    _, first = house.carry("worn", "tired")
    assert first.closed == "completed"
    said = planned("worn", "tired")
    run, task = house.carry("worn", "tired")
    assert (said.code, said.verdict) == (3, ("escalates", "resource_exhausted", ""))
    assert met(house, run) == said.verdict
    assert said.plan["message"] == task.escalations[0].code


def test_in_mode_confirm_both_ask_a_human_first(house: kit.House, planned: Plans) -> None:
    said = planned("asked", "mind")
    run, task = house.carry("asked", "mind")
    assert (said.code, said.verdict) == (0, ("waits", "confirmation", ""))
    assert met(house, run) == said.verdict
    assert "add/1" in said.plan["message"]
    assert "guard" in said.plan["not_simulated"][0]
    asked = task.confirmations["add/1"]
    house.say(run, "confirm", {"op": asked.op, "digest": asked.digest, "answer": "yes"})
    assert house.follow(run).closed == "completed"


def test_a_resource_that_is_not_delegated_is_denied_to_both_by_the_same_guard(
    house: kit.House, planned: Plans
) -> None:
    assert planned("outside", "in-here").verdict == ("would_send", "", "")
    said = planned("outside", "out-there")
    run, _ = house.carry("outside", "out-there")
    assert (said.code, said.verdict) == (5, ("denied", "resource_not_delegated", "resource"))
    assert met(house, run) == said.verdict
    (denied,) = house.entries(run, "denied")
    assert said.plan["message"] == denied.body["message"]


@pytest.mark.parametrize(
    ("book", "code", "verdict"),
    [("plain", 0, ("waits", "hold", "")), ("impatient", 5, ("ends", "resource_held", ""))],
)
def test_a_resource_that_another_run_holds(
    house: kit.House, planned: Plans, book: str, code: int, verdict: tuple[str, str, str]
) -> None:
    thing = f"taken-{book}"
    holder = house.submit("plain", thing)
    house.say(holder, "pause", by="ann")
    house.work(holder)
    assert house.app.ledger.holder(f"thing/{thing}") == holder
    said = planned(book, thing)
    run = house.submit(book, thing)
    house.work(run)
    assert (said.code, said.verdict) == (code, verdict)
    assert met(house, run) == said.verdict
    house.say(holder, "cancel", by="ann")
    house.say(run, "cancel", by="ann")
    house.drain()


def test_a_request_for_the_same_need_would_join_the_first_run(house: kit.House, planned: Plans) -> None:
    assert planned("joined", "shared").verdict == ("would_send", "", "")
    first = house.submit("joined", "shared")
    said = planned("joined", "shared")
    second = house.ask("joined", "shared")
    assert (second.attached, second.run) == (True, first)
    assert (said.code, said.verdict) == (0, ("joins", "", ""))
    assert first in said.plan["message"]
    house.drain()
    assert planned("joined", "shared").verdict == ("escalates", "precondition_failed", "")


def test_what_is_rejected_is_rejected_by_both_and_nothing_is_read(house: kit.House, planned: Plans) -> None:
    events = len(house.target.journal())
    said = planned("plain", "NOT-A-THING")
    asked = house.ask("plain", "NOT-A-THING")
    assert asked.rejected is not None
    assert (said.code, said.verdict) == (5, ("rejected", asked.rejected.code, ""))
    assert said.plan["not_simulated"]
    assert len(house.target.journal()) == events


def test_what_only_a_model_would_say_is_not_simulated(
    house: kit.House, planned: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("model" in line for line in planned("plain", "dull").plan["not_simulated"])
    monkeypatch.setenv("REMIT_MODEL", "openai:some-model")
    monkeypatch.setenv("OPENAI_API_KEY", "not-used")
    said = planned("plain", "dull")
    assert said.verdict == ("would_send", "", "")
    assert any("model" in line for line in said.plan["not_simulated"])


# --- a tool that is edited after it was approved

TOOLS: Final = '''"""A number in a file."""

import pathlib

from remit import tool

FILE = pathlib.Path(__file__).with_name("cell")


@tool(name="cell.read", effect="read", result={"number": "integer"})
def read(thing: str) -> dict[str, int]:
    """Read it."""
    return {"number": int(FILE.read_text())}


@tool(
    name="cell.set", effect="write", result={"number": "integer"}, resource="thing/{thing}",
    dedupe="read_back", repeatable=True, longest_request_s=1.0,
)
def set_number(thing: str, number: int) -> dict[str, int]:
    """Set it."""
    FILE.write_text(str(number))
    return {"number": number}
'''
CELL: Final = kit.book(
    "cell",
    kit.step(
        "set", "set", tool="cell.set",
        probe={
            "observe": "seen", "applied_when": "seen.number == inputs.goal",
            "absent_when": "seen.number != inputs.goal",
        },
        verify=[{"id": "is-set", "expect": "seen.number == inputs.goal"}],
    ),
    observe={"seen": {"tool": "cell.read", "with": {"thing": "{inputs.thing}"}}},
    authority={"tools": ["cell.read", "cell.set"]},
    preconditions=[{"id": "other", "expect": "seen.number != inputs.goal", "otherwise": "complete"}],
    completion=[{"id": "at-goal", "expect": "seen.number == inputs.goal"}],
)  # fmt: skip


def test_an_edited_tool_stops_both(tmp_path: Path, target: Target) -> None:
    write_desk(tmp_path, [CELL], modules={"plan_cell_tools": TOOLS})
    (tmp_path / "cell").write_text("0")
    kit.approve(tmp_path, target)

    def said(command: str) -> tuple[int, dict[str, Any]]:
        """By a process of its own: this one has the module as it was."""
        arguments = [command, "cell", "-i", "thing=one", "-i", f"goal={kit.GOAL}", "--as", "ann", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "remit", *arguments],
            env={**os.environ, **kit.SECRETS, "REMIT_DESK": str(tmp_path), "THINGS_URL": kit.url(target)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    code, plan = said("plan")
    assert (code, plan["outcome"]) == (0, "would_send")
    module = tmp_path / "plan_cell_tools.py"
    module.write_text(TOOLS + "# edited\n")
    code, plan = said("plan")
    assert (code, plan["outcome"], plan["code"]) == (5, "rejected", "tool_changed")
    code, record = said("run")
    assert (code, record["state"], record["reason"]) == (5, "rejected", "tool_changed")
    with kit.at_work(tmp_path, target) as house:  # admitted before the edit was seen: the guards stop it
        name, _ = house.carry("cell", "one")
        assert met(house, name) == ("denied", "contract_changed", "contract")
    assert (tmp_path / "cell").read_text() == "0"
