"""Somebody else changes the target between the kill and the takeover: the fresh read wins."""

import pytest

from evals.storm.cases import GOAL, KINDS
from evals.storm.desk import runbook_id
from evals.storm.processes import KILL_AT, KILLED
from evals.storm.singles import command, place

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]
THEIRS = 3


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    with place(tmp_path_factory.mktemp("stale")) as where:
        yield where


def killed_and_changed(where, kind, point):
    thing = f"{point.replace('_', '-')}-{runbook_id(kind)}"
    child = where.children.start(thing, command(runbook_id(kind), thing), env={KILL_AT: point})
    assert child.wait(60) == KILLED
    where.target.change(thing, THEIRS)
    assert where.drain().exit == 0
    return thing, where.record(thing)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_on_the_old_fact(where, kind):
    thing, record = killed_and_changed(where, kind, "before_intent")
    assert record["state"] == "escalated"
    assert where.requests(thing) == 0


@pytest.mark.parametrize("kind", ["conditional_write", "natural_key", "read_back", "none"])
def test_an_intent_from_before_takes_no_effect(where, kind):
    thing, record = killed_and_changed(where, kind, "intent_durable")
    assert record["state"] == "escalated"
    assert where.effects(thing) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_effect_that_was_overwritten_is_no_completion(where, kind):
    thing, record = killed_and_changed(where, kind, "outcome_durable")
    assert record["state"] == "escalated"
    assert record["packet"]
    assert where.effects(thing) == [GOAL]
