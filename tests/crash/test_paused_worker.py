"""A worker that is stopped between its last check and its send, and comes too late, or never."""

import shutil
import subprocess
import time

import pytest

from evals.storm.cases import GOAL, KINDS
from evals.storm.desk import STOPPED, runbook_id
from evals.storm.processes import KILLED, PAUSE_AT
from evals.storm.singles import (
    child_of,
    command,
    in_another_namespace,
    place,
    wait_for,
    wait_until_paused,
    wake,
)

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]
PAUSED = {PAUSE_AT: "before_send"}


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    with place(tmp_path_factory.mktemp("paused")) as where:
        yield where


@pytest.fixture
def another_namespace(require):
    unshare = shutil.which("unshare")
    permitted = unshare and subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode == 0
    require("permission for `unshare --pid`", permitted)


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_same_host_it_is_fenced(where, kind):
    thing = f"fenced-{runbook_id(kind)}"
    child = where.children.start(thing, command(runbook_id(kind), thing), env=PAUSED)
    child.started.wait(30)
    wait_until_paused(child.pid)
    assert where.drain().exit == 0
    assert child.wait(5) == KILLED
    record = where.record(thing)
    if kind == "none":
        assert (record["state"], record["reason"]) == ("escalated", "ambiguous")
        assert where.effects(thing) == []
    else:
        assert record["state"] == "completed"
        assert where.effects(thing) == [GOAL]


@pytest.mark.parametrize(("point", "op"), [("before_send:1", "stop"), ("before_send:2", "start")])
def test_an_old_stop_never_lands_behind_our_start(where, point, op):
    thing = f"fenced-{op}"
    child = where.children.start(thing, command("storm-restart", thing), env={PAUSE_AT: point})
    child.started.wait(30)
    wait_until_paused(child.pid)
    assert where.drain().exit == 0
    assert child.wait(5) == KILLED
    assert where.record(thing)["state"] == "completed"
    assert where.effects(thing) == [STOPPED, GOAL]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("another_namespace")
def test_where_its_death_cannot_be_proven_only_the_target_can_settle(where, kind):
    thing = f"unproven-{runbook_id(kind)}"
    with in_another_namespace(where, command(runbook_id(kind), thing), PAUSED) as outer:
        sender = child_of(child_of(outer.pid))
        wait_until_paused(sender)
        assert where.drain().exit == 0
        record = where.record(thing)
        settled = kind in ("native_key", "natural_key", "conditional_write")
        if settled:
            assert record["state"] == "completed"
            assert where.effects(thing) == [GOAL]
        else:
            assert (record["state"], record["reason"]) == ("escalated", "unproven_sender")
            assert record["packet"]
            assert where.effects(thing) == []
        before = where.requests(thing)
        wake(sender)
        wait_for(lambda: where.requests(thing) > before)  # it sends, however late
        time.sleep(0.5)
    assert where.effects(thing) == [GOAL]
    assert where.drain().exit == 0
    assert where.record(thing)["state"] == record["state"]


@pytest.mark.usefixtures("another_namespace")
def test_a_stop_that_may_still_come_keeps_us_from_starting(where):
    thing = "unproven-stop"
    with in_another_namespace(where, command("storm-restart", thing), PAUSED) as outer:
        sender = child_of(child_of(outer.pid))
        wait_until_paused(sender)
        assert where.drain().exit == 0
        record = where.record(thing)
        assert (record["state"], record["reason"]) == ("escalated", "unproven_sender")
        assert where.effects(thing) == []
        wake(sender)
        wait_for(lambda: where.effects(thing) == [STOPPED])
    assert where.drain().exit == 0
    assert where.effects(thing) == [STOPPED]
