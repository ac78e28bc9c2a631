"""How a command leaves the run that it carries: at the next safe point, and the next worker goes on."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from remit.cli.door import STILL_RUNNING, Door
from remit.cli.following import follow
from tests.flow import kit

SECOND = {"thing": "{inputs.thing}-flag", "number": 1}
FLAGGED = [{"id": "flagged", "expect": "flag.value == 1"}]
TWO = kit.book(
    "two",
    kit.step(verify=[{"id": "added", "expect": "seen.value == inputs.goal"}]),
    kit.step("flag", "set", verify=FLAGGED, probe=None, **{"with": SECOND}),
    preconditions=None,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Path:
    folder = tmp_path_factory.mktemp("leaving")
    kit.write_desk(folder, [TWO])
    kit.approve(folder, target)
    return folder


def told(number: int, house: kit.House, run: str) -> None:
    """Send this process a signal as soon as the first write of the run is under way."""

    def send() -> None:
        kit.until(lambda: house.entries(run, "intent"))
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()


@pytest.mark.parametrize("how", ["timeout", "SIGTERM", "SIGINT", "SIGHUP"])
def test_a_run_is_left_at_its_next_safe_point(desk: Path, target: Target, capsys: Any, how: str) -> None:
    thing = f"left-{how}".lower()
    with kit.at_work(desk, target) as house:
        run = house.submit("two", thing, faults=[{"kind": "slow", "delay_ms": 1200}])
        if how != "timeout":
            told(getattr(signal, how), house, run)
        door = Door(desk_given=desk, no_input=True)
        before = signal.getsignal(signal.SIGTERM)
        assert follow(door, house.app, run, timeout_s=0.3 if how == "timeout" else None) == STILL_RUNNING
        door.close()
        assert signal.getsignal(signal.SIGTERM) is before
        (only,) = house.entries(run, "outcome")  # the first write came to its end, the second was not sent
        assert only.body["outcome"] == "succeeded"
        assert house.sends(f"{thing}-flag") == []
        assert house.app.ledger.info(run).worker is None
        said = capsys.readouterr().err
        why = {"timeout": "the wait timed out", "SIGTERM": "told to end", "SIGINT": "detached"}
        assert f"{why.get(how, 'the terminal is gone')}; run {run} goes on with the next worker" in said
        assert house.follow(run).closed == "completed"
        assert house.effects(thing) == [kit.GOAL]


def test_short_waits_never_make_a_run_count_as_stuck(desk: Path, target: Target) -> None:
    with kit.at_work(desk, target) as house:
        run = house.submit("two", "short-waits")
        for _ in range(8):
            door = Door(desk_given=desk, no_input=True)
            code = follow(door, house.app, run, timeout_s=0)
            door.close()
        assert code in (0, STILL_RUNNING)
        assert house.task(run).escalation is None
        assert house.follow(run).closed == "completed"
