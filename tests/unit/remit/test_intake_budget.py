"""How often a requester's words may be put to a model: per requester, per hour, whatever dies between."""

import pytest

from remit.intake.budget import ModelBudget
from state.entry import DESK, Kind
from state.ledger.memory import MemoryLedger
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import Clock


@pytest.fixture
def clock():
    return Clock()


def budget(ledger, most=2):
    return ModelBudget(ledger, most=most, code="t")


def test_each_requester_has_an_hour_of_their_own(clock):
    held = budget(MemoryLedger(clock=clock))
    assert [held.reserve("dana") for _ in range(3)] == [True, True, False]
    assert held.reserve("omar")
    clock.advance(3599)
    assert not held.reserve("dana")
    clock.advance(1)
    assert [held.reserve("dana") for _ in range(3)] == [True, True, False]


def test_each_call_is_an_entry_before_it_is_made_and_a_refusal_is_none(clock):
    ledger = MemoryLedger(clock=clock)
    held = budget(ledger, most=1)
    assert held.reserve("dana")
    assert not held.reserve("dana")
    (entry,) = ledger.read(DESK)
    assert (entry.kind, entry.actor, entry.body["fork"], entry.body["calls"]) == (
        Kind.RESERVED, "dana", "intake", 1,
    )  # fmt: skip


def test_none_is_none(clock):
    ledger = MemoryLedger(clock=clock)
    assert not budget(ledger, most=0).reserve("dana")
    assert ledger.read(DESK) == []


def test_another_process_and_another_day_of_this_one_share_it(clock, tmp_path):
    path = tmp_path / "ledger.db"
    for expected in (True, True, False):
        ledger = open_ledger(path, clock=clock)
        assert budget(ledger).reserve("dana") is expected
        ledger.close()


def test_of_two_that_ask_at_once_for_the_last_call_one_gets_it(clock):
    ledger = MemoryLedger(clock=clock)
    append, answers = ledger.append_desk, []

    def between(drafts, **more):
        ledger.append_desk = append
        answers.append(budget(ledger, most=1).reserve("dana"))  # the other one, just before
        return append(drafts, **more)

    ledger.append_desk = between
    answers.append(budget(ledger, most=1).reserve("dana"))
    assert answers == [True, False]
