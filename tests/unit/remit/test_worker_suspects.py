"""Which runs are suspected of ending their workers, and when such a run may start."""

from types import SimpleNamespace

import pytest

from remit.worker.suspects import ALONE_S, IDLE_CLAIMS, Suspects


class Hour:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def info(run, *, epoch=IDLE_CLAIMS, released=False):
    return SimpleNamespace(run=run, epoch=epoch, released=released)


@pytest.fixture
def idle():
    counts, reads = {}, []

    def task(run):
        reads.append(run)
        return SimpleNamespace(idle_claims=counts.get(run, 0))

    return SimpleNamespace(counts=counts, reads=reads, task=task)


@pytest.fixture
def suspects(idle):
    return Suspects(recall=idle, clock=Hour())


def order(suspects, *infos):
    return [(i.run, suspected) for i, suspected in suspects.first(infos)]


def test_suspected_runs_come_first_and_are_read_once_a_claim(suspects, idle):
    idle.counts.update(bad=IDLE_CLAIMS, young=IDLE_CLAIMS - 1)
    listed = (info("fine"), info("bad"), info("young"))
    assert order(suspects, *listed) == [("bad", True), ("fine", False), ("young", False)]
    assert order(suspects, *listed)[0] == ("bad", True)
    assert sorted(idle.reads) == ["bad", "fine", "young"]
    order(suspects, info("fine", epoch=IDLE_CLAIMS + 1))
    assert idle.reads[3:] == ["fine"]  # of a new claim


def test_what_was_given_back_or_hardly_claimed_is_not_even_read(suspects, idle):
    idle.counts.update(back=9, new=9)
    found = order(suspects, info("back", released=True), info("new", epoch=IDLE_CLAIMS - 1))
    assert found == [("back", False), ("new", False)]
    assert idle.reads == []


def test_it_is_alone_until_it_is_cleared_or_long_enough(suspects, idle):
    idle.counts.update(bad=IDLE_CLAIMS, worse=IDLE_CLAIMS)
    order(suspects, info("bad"), info("worse"))
    assert not suspects.alone
    assert suspects.turn("bad", busy=False)
    assert suspects.alone
    suspects.clear("other")
    assert suspects.alone
    suspects.clear("bad")
    assert not suspects.alone
    assert suspects.turn("worse", busy=False)
    suspects.clock.now += ALONE_S
    assert not suspects.alone


def test_it_waits_for_those_at_work_but_not_for_ever(suspects, idle):
    idle.counts.update(bad=IDLE_CLAIMS)
    order(suspects, info("bad"))
    assert not suspects.turn("bad", busy=True)
    suspects.clock.now += ALONE_S - 1
    assert not suspects.turn("bad", busy=True)
    suspects.clock.now += 1
    assert suspects.turn("bad", busy=True)


def test_a_run_that_cannot_be_taken_holds_the_others_up_once(suspects, idle):
    idle.counts.update(bad=IDLE_CLAIMS)
    assert order(suspects, info("bad"))[0][1]
    suspects.turn("bad", busy=False)
    suspects.clear("bad")
    assert order(suspects, info("bad")) == [("bad", False)]
    assert order(suspects, info("bad", epoch=IDLE_CLAIMS + 1)) == [("bad", True)]
