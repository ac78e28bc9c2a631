"""Workers that are stopped between their last check and their send, and come too late, or never."""

import shutil
import subprocess
import time
from contextlib import ExitStack

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
SETTLES = ("native_key", "natural_key", "conditional_write")
RUNS = {kind: (runbook_id(kind), "before_send:1") for kind in KINDS}
RUNS |= {"stop": ("storm-restart", "before_send:1"), "start": ("storm-restart", "before_send:2")}
EFFECTS = {kind: [GOAL] for kind in KINDS} | {"none": []}
EFFECTS |= {"stop": [STOPPED, GOAL], "start": [STOPPED, GOAL]}


@pytest.fixture(scope="module")
def fenced(tmp_path_factory):
    """All of them paused on this host, and what they came to once a second process had drained."""
    with place(tmp_path_factory.mktemp("fenced")) as where:
        children = {
            name.replace("_", "-"): where.children.start(
                name, command(runbook, name.replace("_", "-")), env={PAUSE_AT: point}
            )
            for name, (runbook, point) in RUNS.items()
        }
        assert all(child.started.wait(60) for child in children.values())
        wait_until_paused([child.pid for child in children.values()])
        where.drain()
        ends = {thing: child.wait(10) for thing, child in children.items()}
        records = where.records()
        yield {thing: (ends[thing], records[thing], where.effects(thing)) for thing in children}


@pytest.mark.parametrize("name", RUNS)
def test_on_the_same_host_it_is_fenced(fenced, name):
    end, record, effects = fenced[name.replace("_", "-")]
    assert end == KILLED
    assert effects == EFFECTS[name]  # an old stop never lands behind our start
    if name == "none":
        assert (record["state"], record["reason"]) == ("escalated", "ambiguous")
        assert record["packet"]
    else:
        assert record["state"] == "completed"


@pytest.fixture(scope="module")
def unproven(tmp_path_factory, require):
    """All of them paused where nobody here can tell their end: drained, woken behind it, drained again."""
    unshare = shutil.which("unshare")
    permitted = unshare and subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode == 0
    require("permission for `unshare --pid`", permitted)
    runs = {name.replace("_", "-"): run for name, run in RUNS.items() if name != "start"}
    with place(tmp_path_factory.mktemp("unproven")) as where, ExitStack() as started:
        outer = [
            started.enter_context(in_another_namespace(where, command(runbook, thing), {PAUSE_AT: point}))
            for thing, (runbook, point) in runs.items()
        ]
        senders = [child_of(child_of(process.pid)) for process in outer]
        wait_until_paused(senders)
        where.drain()
        before = {thing: (where.effects(thing), where.requests(thing)) for thing in runs}
        records = where.records()
        for sender in senders:
            wake(sender)
        wait_for(lambda: all(where.requests(thing) > before[thing][1] for thing in runs))  # however late
        time.sleep(0.5)
        where.drain()
        again = where.records()
        yield {
            thing: (records[thing], before[thing][0], again[thing], where.effects(thing)) for thing in runs
        }


@pytest.mark.parametrize("kind", KINDS)
def test_where_its_death_cannot_be_proven_only_the_target_can_settle(unproven, kind):
    record, effects, again, in_the_end = unproven[kind.replace("_", "-")]
    if kind in SETTLES:
        assert record["state"] == "completed"
        assert effects == [GOAL]
    else:
        assert (record["state"], record["reason"]) == ("escalated", "unproven_sender")
        assert record["packet"]
        assert effects == []
    assert in_the_end == [GOAL]
    assert again["state"] == record["state"]


def test_a_stop_that_may_still_come_keeps_us_from_starting(unproven):
    record, effects, again, in_the_end = unproven["stop"]
    assert (record["state"], record["reason"]) == ("escalated", "unproven_sender")
    assert effects == []
    assert in_the_end == [STOPPED]
    assert again["state"] == "escalated"
