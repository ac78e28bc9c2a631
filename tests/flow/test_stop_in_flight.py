"""What ``remit stop`` says of the writes before it, while one of them is still to land at the target."""

import json
import time

import pytest

from remit.cli.app import run
from remit.intake.principal import os_user
from remit.switch import aftermath, settle
from state import instants
from tests.flow import kit


@pytest.fixture(scope="module")
def folder(tmp_path_factory, target):
    desk = tmp_path_factory.mktemp("stop") / "desk"
    kit.write_desk(desk, [kit.book("adds")])
    file = desk / "delegation.yaml"
    delegation = json.loads(file.read_text())
    delegation["principals"]["sue"]["os"].append(os_user())
    file.write_text(json.dumps(delegation))
    kit.approve(desk, target)
    return desk


@pytest.fixture
def stop(folder, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))

    def said(*arguments):
        capsys.readouterr()
        assert run(["stop", *arguments]) == 0
        taken = capsys.readouterr()
        assert run(["start", *arguments[2:4]]) == 0
        return taken

    return said


def landed(target, thing):
    return [e for e in target.journal() if e["event"] == "effect" and e["thing"] == thing]


def test_an_attempt_without_an_answer_is_told_until_it_can_land_no_more(folder, target, stop):
    with kit.at_work(folder, target) as house:
        name = house.submit("adds", "tardy", faults=[{"kind": "late_dropped", "delay_ms": 1500}])
        ledger, seen = house.app.ledger, []
        tardy = ("--resource", "thing/tardy")

        def looked():
            seen.append(json.loads(stop("--wait", "0", *tardy, "--json").out))
            seen.append(stop("--wait", "0", *tardy).err)
            seen.append(ledger.now())
            assert landed(target, "tardy") == []
            assert not aftermath(ledger, "resource:thing/other").may_still_land

        house.at[name, "outcome_durable"] = looked
        house.work(name)
        data, text, at = seen
        (write,) = data["may_still_land"]
        until = write.pop("until")
        assert write == {
            "run": name, "op": "add/1", "attempt": 1, "tool": "things.add_read_back",
            "resource": "thing/tardy", "outcome": "unknown", "ended": False,
        }  # fmt: skip
        assert (data["over"], data["effect_unknown"], data["unreadable"]) == (0, [], [])
        assert f"things.add_read_back on thing/tardy, run {name} add/1 attempt 1" in text
        assert "may still land until " in text
        assert "every earlier write has its outcome" not in text
        time.sleep(max(0.0, instants.seconds_between(ledger.now(), until)))
        (effect,) = landed(target, "tardy")
        assert at < effect["at"] < until  # it landed behind the stop, and within what was said
        house.follow(name)
        assert house.task(name).closed == "completed"
        assert (
            aftermath(ledger, "resource:thing/tardy").over == 0
        )  # a run that has ended is none that is looked at


def test_what_can_land_no_more_is_told_apart_and_the_stop_waits_for_what_may(folder, target):
    with kit.at_work(folder, target) as house:
        name = house.submit("adds", "waited-for", faults=[{"kind": "late_dropped", "delay_ms": 200}])
        ledger, seen = house.app.ledger, []

        def looked():
            seen.append(aftermath(ledger, "resource:thing/waited-for"))
            seen.append(settle(ledger, "resource:thing/waited-for", timeout_s=30))

        house.at[name, "outcome_durable"] = looked
        house.work(name)
        before, after = seen
        assert [w.op for w in before.may_still_land] == ["add/1"]
        assert (before.effect_unknown, after.may_still_land) == ((), ())
        assert [(w.run, w.op, w.until) for w in after.effect_unknown] == [(name, "add/1", None)]
        house.follow(name)


def test_a_write_that_nobody_waits_for_any_more_has_no_known_end_while_its_sender_may_live(folder, target):
    with kit.at_work(folder, target) as house:
        name = house.submit("adds", "left-alone")
        house.carried_elsewhere(name, until="intent_durable")
        (write,) = aftermath(house.app.ledger, "resource:thing/left-alone").may_still_land
        assert (write.run, write.outcome) == (name, "open")
        assert write.until is not None
