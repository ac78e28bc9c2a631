"""Runs that cannot be carried: their tools cannot be made, or somebody says what nobody understands."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from remit.worker.engine import GivenUpError
from remit.worker.failures import MAX_FAILURES, Failures
from tests.flow import kit
from tools.errors import SetupError

MODULE = "wedge_tools"
SOURCE = """
from remit import tool


@tool(name="flags.get", effect="read", result={"set": "boolean"})
def get_flag() -> dict[str, bool]:
    return {"set": True}
"""
FLAG = {"flagged": {"tool": "flags.get", "with": {}}, **kit.book("x")["observe"]}
BOOK = kit.book(
    "tooled",
    observe=FLAG,
    authority={"tools": ["flags.get", "things.get", "things.add_read_back"]},
    preconditions=[{"id": "flag-set", "expect": "flagged.set", "otherwise": "escalate"}],
)
# What making the tools of a desk may raise; a module that was only edited is another matter (test_desk.py).
BROKEN: dict[str, BaseException] = {
    "setup": SetupError("no such module"),
    "syntax": SyntaxError("invalid syntax"),
    "exit": SystemExit(0),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Path:
    folder = tmp_path_factory.mktemp("wedges")
    kit.write_desk(folder, [BOOK, kit.book("plain")], modules={MODULE: SOURCE})
    kit.approve(folder, target)
    return folder


@pytest.fixture
def house(desk: Path, target: Target) -> Iterator[kit.House]:
    with kit.at_work(desk, target) as house:
        yield house


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[kit.House, str], None]:
    """From the next look on the tools cannot be made, as in a process that has not made them yet."""

    def broken(house: kit.House, how: str) -> None:
        def registry_of(around: Any) -> Any:
            raise BROKEN[how]

        house.app._kits.clear()
        monkeypatch.setattr("remit.toolbox.registry_of", registry_of)

    return broken


Breaks = Callable[[kit.House, str], None]


def reasons(house: kit.House, run: str) -> list[str]:
    return [e.body["reason"] for e in house.entries(run, "escalated")]


@pytest.mark.parametrize("how", BROKEN)
def test_a_run_whose_tools_cannot_be_made_is_for_a_human_who_can_end_it(
    house: kit.House, breaks: Breaks, how: str
) -> None:
    run = house.submit("tooled", f"wedge-{how}")
    breaks(house, how)
    house.drain()
    assert reasons(house, run) == ["tools_unavailable"]
    assert len(house.entries(run, "claimed")) == 1
    packet = house.packet(run)
    assert "its tools cannot be made" in packet["top"]["headline"]
    assert {o["id"]: o["allowed"] for o in packet["options"]}["abort"]
    said = house.decide(run, "abort")
    house.drain()
    assert house.answer(run, said) == "taken"
    assert (house.task(run).closed, house.task(run).reason) == ("closed_by_human", "aborted")
    assert house.sends(f"wedge-{how}") == []


def test_it_goes_on_once_the_tools_are_mended(
    house: kit.House, breaks: Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit("tooled", "wedge-mended")
    breaks(house, "syntax")
    assert house.follow(run).open_escalation is not None
    house.decide(run, "resume")
    assert house.follow(run).open_escalation is not None  # nobody has mended anything
    monkeypatch.undo()
    house.decide(run, "resume")
    assert house.follow(run).closed == "completed"
    assert reasons(house, run) == ["tools_unavailable"] * 2
    assert house.effects("wedge-mended") == [kit.GOAL]


def test_a_run_that_has_sent_nothing_is_cancelled_without_its_tools(house: kit.House, breaks: Breaks) -> None:
    run = house.submit("tooled", "wedge-cancelled")
    breaks(house, "setup")
    house.say(run, "cancel", {"reason": "no need"}, by="ann")
    assert house.follow(run).closed == "cancelled"


def test_an_escalation_from_before_is_decided_without_the_tools(
    house: kit.House, desk: Path, breaks: Breaks
) -> None:
    from remit.desk import Desk
    from remit.fresh import fresh_packet
    from remit.settings import load

    house.target.change("wedge-stopped", 3)
    run, stopped = house.carry("tooled", "wedge-stopped")
    shown = Desk.open(load(desk), environ={"THINGS_URL": kit.url(house.target)})
    breaks(house, "syntax")
    try:
        basis = fresh_packet(shown, house.packet(run), stopped)["basis"]
    finally:
        shown.close()
    said = house.decide(run, "abort", basis=basis)
    house.drain()
    assert house.answer(run, said) == "taken"
    assert house.task(run).closed == "closed_by_human"


def test_what_cannot_be_made_before_a_claim_claims_nothing_and_is_given_up(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit("plain", "wedge-unpinned")
    fails(house, monkeypatch, KeyError("never approved here"))
    with pytest.raises(GivenUpError, match="never approved here"):
        house.follow(run)
    house.drain()
    assert house.entries(run, "claimed") == []


def fails(house: kit.House, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def ready(task: Any) -> None:
        raise error

    monkeypatch.setattr(house.engine, "ready", ready)
    monkeypatch.setattr(house.engine, "_failures", Failures(clock=itertools.count(0.0, 3600.0).__next__))


def test_a_session_that_cannot_be_made_is_tried_only_so_often(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, tried = house.submit("plain", "wedge-sessionless"), []

    def session(holder: Any, sleep: Any) -> Any:
        tried.append(holder.run)
        raise SystemExit(0)

    monkeypatch.setattr(house.engine, "session", session)
    with pytest.raises(GivenUpError, match="SystemExit"):
        house.follow(run)
    house.drain()
    assert tried.count(run) == MAX_FAILURES
    assert len(house.entries(run, "claimed")) == MAX_FAILURES


Malformed = Callable[[dict[str, Any]], dict[str, Any]]
MALFORMED: dict[str, Malformed] = {
    "basis": lambda body: {**body, "basis": 5},
    "choice": lambda body: {**body, "choice": ["abort"]},
    "escalation": lambda body: {**body, "escalation": None},
    "words": lambda body: {**body, "words": {"add/1": 7}},
    "no-words": lambda body: {**body, "words": "none"},
    "nothing": lambda body: {},
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_decision_is_refused_and_the_next_is_taken(house: kit.House, what: str) -> None:
    thing = f"wedge-bad-{what}"
    house.target.change(thing, 3)
    run, stopped = house.carry("plain", thing)
    escalation = stopped.open_escalation
    assert escalation is not None
    body = {"escalation": escalation.id, "choice": "abort", "basis": escalation.basis, "words": {}}
    bad = house.say(run, "decide", MALFORMED[what](body))
    house.drain()
    assert house.answer(run, bad) == "bad_signal"
    good = house.decide(run, "abort")
    house.drain()
    assert house.answer(run, good) == "taken"


def test_whatever_a_handler_raises_refuses_the_signal(
    house: kit.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graph import signals

    def handler(*_: Any) -> Any:
        raise AttributeError("no such thing")

    monkeypatch.setattr(signals, "_HANDLERS", {**signals._HANDLERS, "poke": handler})
    run = house.submit("plain", "poked")
    poke = house.say(run, "poke")
    assert house.follow(run).closed == "completed"
    assert house.answer(run, poke) == "bad_signal"
