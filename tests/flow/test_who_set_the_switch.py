"""What chain ``desk`` keeps of who set the switch, lifted it or ended a run raw; and what may land after."""

import pytest

from remit.cli.app import run
from remit.intake.principal import os_user
from remit.switch import aftermath, settle
from state.entry import DESK, Kind
from tests.flow import kit
from tests.flow.test_stuck_runs import from_the_future

WHO = {"by": "bob", "how": "as", "os_user": "bob"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, target):
    desk = tmp_path_factory.mktemp("who") / "desk"
    kit.write_desk(desk, [kit.book("adds")])
    kit.approve(desk, target)
    return desk


def test_stop_and_start_keep_the_principal_and_the_user_behind_it(tmp_path, monkeypatch):
    desk = tmp_path / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    monkeypatch.setenv("REMIT_DESK", str(desk))
    assert run(["stop", "--why", "storm"]) == 0
    assert run(["start"]) == 0
    from remit.desk import open_ledger
    from remit.settings import load

    ledger = open_ledger(load(desk))
    said = [e for e in ledger.read(DESK) if e.kind in (Kind.STOPPED, Kind.STARTED)]
    ledger.close()
    assert [e.kind for e in said] == [Kind.STOPPED, Kind.STARTED]
    for entry in said:
        assert entry.body["who"] == {"by": entry.actor, "how": "os", "os_user": os_user()}


def test_a_write_of_a_run_that_was_ended_raw_may_still_land(folder, target):
    with kit.at_work(folder, target, check=False) as house:
        name = house.submit("adds", "cut-off")
        house.carried_elsewhere(name, until="before_send")
        ledger = house.app.ledger
        from_the_future(folder, name)
        raw = ledger.close_raw(name, by="bob", at=ledger.now(), why="", unsound="entry", who=WHO)
        assert raw.body["who"] == WHO
        found = settle(ledger, "resource:thing/cut-off", timeout_s=0)
        (write,) = found.may_still_land
        assert (write.run, write.op, write.outcome, write.ended) == (name, "add/1", "open", True)
        assert str(write).endswith(", ended raw")
        assert (found.over, found.unreadable) == (0, ())
        assert aftermath(ledger, "resource:thing/other").may_still_land == ()
        kit.until(lambda: aftermath(ledger, "desk").may_still_land[0].until is None, within_s=60)
        # no end is known of it, and nobody would learn of one: the stop does not wait
        assert (
            settle(ledger, "desk", timeout_s=600).may_still_land == aftermath(ledger, "desk").may_still_land
        )
