"""Somebody else changes the target between the kill and the takeover: the fresh read wins."""

from itertools import product

import pytest

from evals.storm.cases import GOAL, KINDS
from evals.storm.desk import runbook_id
from evals.storm.processes import KILL_AT, KILLED
from evals.storm.singles import command, place

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]
THEIRS = 3
POINTS = ("before_intent", "intent_durable", "outcome_durable")


def thing_of(kind, point):
    return f"{point}-{kind}".replace("_", "-")


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """Every kind killed at every point, its thing changed, and what a second process made of it."""
    with place(tmp_path_factory.mktemp("stale")) as where:
        children = {
            thing_of(kind, point): where.children.start(
                thing_of(kind, point), command(runbook_id(kind), thing_of(kind, point)), env={KILL_AT: point}
            )
            for kind, point in product(KINDS, POINTS)
        }
        for thing, child in children.items():
            assert child.wait(60) == KILLED, child.said()
            where.target.change(thing, THEIRS)
        where.drain()
        records = where.records()
        yield {thing: (records[thing], where.requests(thing), where.effects(thing)) for thing in children}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_on_the_old_fact(changed, kind):
    record, requests, _ = changed[thing_of(kind, "before_intent")]
    assert record["state"] == "escalated"
    assert requests == 0


@pytest.mark.parametrize("kind", ["conditional_write", "natural_key", "read_back", "none"])
def test_an_intent_from_before_takes_no_effect(changed, kind):
    record, _, effects = changed[thing_of(kind, "intent_durable")]
    assert record["state"] == "escalated"
    assert effects == []


def test_a_key_is_sent_again_and_the_fresh_read_refuses_completion(changed):
    """A resend under an honoured key repeats what was decided before; nothing new is decided on it."""
    record, _, effects = changed[thing_of("native_key", "intent_durable")]
    assert (record["state"], record["reason"]) == ("escalated", "verify_failed")
    assert effects == [THEIRS + GOAL]


@pytest.mark.parametrize("kind", KINDS)
def test_an_effect_that_was_overwritten_is_no_completion(changed, kind):
    record, _, effects = changed[thing_of(kind, "outcome_durable")]
    assert record["state"] == "escalated"
    assert record["packet"]
    assert effects == [GOAL]
