"""The judge of the storm finds each thing that must not be, and finds nothing where all is well."""

from collections import Counter

import pytest

from evals.storm.cases import BUDGET, FAULTS, GOAL, KINDS, Case, Phase, long_form, short_form
from evals.storm.judge import judge, read_log
from evals.storm.table import render

WRITER, READER = "w" * 12, "r" * 12


def case(kind="read_back", fault="ok", phase=Phase.NOT_KILLED):
    return Case(number=1, kind=kind, fault=FAULTS[fault], phase=phase)


def request(one, method="POST", credential=WRITER):
    path = f"/{one.kind}/{one.thing}/add" if method == "POST" else f"/things/{one.thing}"
    return {"event": "request", "method": method, "path": path, "credential": credential}


def effect(one, after=GOAL):
    return {"event": "effect", "thing": one.thing, "after": after}


def record(one, state="completed", reason="verified", attempts=1, packet=None):
    return {
        "inputs": {"thing": one.thing},
        "state": state,
        "reason": reason,
        "writes": [{}] * attempts,
        "packet": packet,
    }


def codes(one, journal, records, killed=()):
    return [f.code for f in judge([one], journal=journal, records=records, killed=frozenset(killed))]


def well(one):
    return [request(one, "GET", READER), request(one), effect(one)]


def test_nothing_is_found_where_all_is_well():
    one = case()
    assert codes(one, well(one), [record(one)]) == []


def test_a_second_effect_is_a_duplicate():
    one = case()
    assert codes(one, [*well(one), effect(one)], [record(one)]) == ["duplicate"]


def test_completed_where_the_target_is_not_at_the_goal():
    one = case()
    assert codes(one, [request(one)], [record(one)]) == ["false_completion"]
    moved = [*well(one), {"event": "outside", "thing": one.thing, "after": 9}]
    assert codes(one, moved, [record(one)]) == ["false_completion"]


def test_what_can_be_settled_must_complete():
    one = case(fault="lost_reply")
    waits = record(one, "escalated", "ambiguous", packet="p")
    assert codes(one, well(one), [waits]) == ["not_completed"]
    cannot = case(kind="none", fault="lost_reply")
    assert codes(cannot, well(cannot), [record(cannot, "escalated", "ambiguous", packet="p")]) == []


def test_a_request_that_no_run_answers_for_is_lost():
    one = case()
    assert "lost" in codes(one, well(one), [])


def test_neither_ended_nor_waiting_is_stuck():
    one = case(kind="none", fault="lost_reply")
    assert codes(one, well(one), [record(one, "live/acting", "")]) == ["stuck"]


def test_who_waits_for_a_human_has_a_packet():
    one = case(kind="none", fault="lost_reply")
    assert codes(one, well(one), [record(one, "escalated", "ambiguous")]) == ["no_packet"]


def test_every_request_is_an_attempt_in_the_ledger():
    one = case()
    assert codes(one, [*well(one), request(one)], [record(one)]) == ["unrecorded"]


def test_a_budget_is_neither_exceeded_nor_left():
    one = case(fault="down")
    spent = [request(one)] * (1 + BUDGET)
    ended = record(one, "escalated", "retries_exhausted", attempts=1 + BUDGET, packet="p")
    assert codes(one, spent, [ended]) == []
    assert codes(one, spent[1:], [ended]) == ["budget_unspent"]
    more = record(one, "escalated", "retries_exhausted", attempts=2 + BUDGET, packet="p")
    assert codes(one, [*spent, request(one)], [more]) == ["over_budget", "over_budget", "budget_unspent"]


def test_an_intent_that_died_unsent_counts_although_the_target_never_saw_it():
    one = case(fault="down", phase=Phase.INTENT_DURABLE)
    ended = record(one, "escalated", "retries_exhausted", attempts=1 + BUDGET, packet="p")
    assert codes(one, [request(one)] * BUDGET, [ended], killed=[one.thing]) == []
    refilled = [request(one)] * (1 + BUDGET)
    assert codes(one, refilled, [ended], killed=[one.thing]) == ["budget_unspent"]


def test_a_write_with_the_readers_credential_is_found():
    one = case()
    other = Case(number=2, kind="none", fault=FAULTS["ok"])
    journal = [*well(one), request(other, "GET", READER), request(other, "POST", READER)]
    found = judge([other], journal=journal, records=[record(other, attempts=1)], killed=frozenset())
    assert "wrong_credential" in [f.code for f in found]


def test_who_was_to_be_killed_and_was_not_is_found():
    one = case(phase=Phase.REPLY)
    assert codes(one, well(one), [record(one)]) == ["not_killed"]
    assert codes(one, well(one), [record(one)], killed=[one.thing]) == []


def test_the_log_is_read_by_thing():
    one = case()
    seen = read_log(well(one))[one.thing]
    assert (seen.requests, seen.effects, seen.value, seen.foreign) == (1, 1, GOAL, 0)


def test_the_long_form_has_what_was_promised():
    cases = long_form()
    killed = Counter(c.phase for c in cases if c.killed)
    assert len(cases) >= 300
    assert 2 * sum(killed.values()) >= len(cases)
    assert all(killed[phase] >= 5 for phase in Phase if phase is not Phase.NOT_KILLED)
    assert sum(c.must_exhaust and c.phase is not Phase.INTENT_DURABLE for c in cases) >= 30
    assert {(c.kind, c.fault.name) for c in cases} >= {(k, f) for k in KINDS for f in FAULTS}
    assert len({c.thing for c in cases}) == len(cases)


@pytest.mark.parametrize("kind", KINDS)
def test_the_short_form_has_every_kind(kind):
    assert kind in {c.kind for c in short_form()}


def test_the_table_has_a_row_for_each_phase_and_fault():
    cases = [case(), Case(number=2, kind="none", fault=FAULTS["slow"], phase=Phase.SENT)]
    drawn = render(cases, [record(cases[0]), record(cases[1], "escalated")]).splitlines()
    assert [line.split() for line in drawn if line.startswith(("- ", "sent"))] == [
        ["-", "ok", "1c"],
        ["-", "all", "1", "runs"],
        ["sent", "slow", "1e"],
        ["sent", "all", "1", "runs"],
    ]
