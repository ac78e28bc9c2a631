"""Each invariant finds what breaks it in a run made by hand, and nothing in the same run unspoilt."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evals.invariants.evidence import Delivery, Evidence, World
from evals.invariants.secrecy import holds
from evals.invariants.table import ALL, INVARIANTS, check
from state import bodies
from state.entry import GENESIS, Kind, Role
from state.outcome import Outcome
from tests.invariant_kit import (
    BASIS,
    OTHER,
    PACKET,
    RESOURCE,
    RUN,
    SECRET,
    THING,
    Case,
    Said,
    begin,
    claimed,
    clean,
    decided,
    escalated,
    intent,
    outcome,
    verified,
    with_body,
)

Spoil = Callable[[Case], None]
SPOILS: list[tuple[int, str, Spoil]] = []


def spoils(invariant: int, *, mode: str = "delegated") -> Callable[[Spoil], Spoil]:
    """Register what breaks an invariant."""

    def register(spoil: Spoil) -> Spoil:
        SPOILS.append((invariant, mode, spoil))
        return spoil

    return register


def stop_at(case: Case, *more: Any, packet: dict[str, Any] | None = None) -> None:
    """End the run with a stop for a human behind its outcome instead of completing."""
    case.said = case.said[: case.place("outcome") + 1]
    last = case.said[-1]
    case.said += [Said(draft, last.second + 1 + 10 * n) for n, draft in enumerate((escalated(), *more))]
    row = {"op": "add/1", "effect": "confirmed"}
    case.payloads[PACKET] = json.dumps(packet or {"changed": [row], "basis": BASIS})


# 1 order
@spoils(1)
def a_body_changed_in_the_store(case: Case) -> None:
    case.spoil_entries = lambda entries: [
        with_body(e, code="else") if e.kind == "outcome" else e for e in entries
    ]


@spoils(1)
def an_entry_removed(case: Case) -> None:
    case.spoil_entries = lambda entries: [e for e in entries if e.kind != "checked"]


@spoils(1)
def a_head_seen_earlier_is_gone(case: Case) -> None:
    case.world["checkpoints"] = [(RUN, 4, GENESIS)]


# 2 intent first
@spoils(2)
def a_write_that_nobody_meant(case: Case) -> None:
    right = case.world["arrivals"]
    case.world["arrivals"] = lambda durable: [replace(a, run=RUN, op="other/1") for a in right(durable)]


@spoils(2)
def the_write_came_first(case: Case) -> None:
    right = case.world["arrivals"]
    case.world["arrivals"] = lambda d: [replace(a, when=d[RUN, 8]) for a in right(d)]


@spoils(2)
def two_requests_under_one_intent(case: Case) -> None:
    right = case.world["arrivals"]
    case.world["arrivals"] = lambda d: [*right(d), *(replace(a, applied=False) for a in right(d))]


# 3 at most once
@spoils(3)
def applied_twice(case: Case) -> None:
    right = case.world["arrivals"]
    case.world["arrivals"] = lambda d: [*right(d), *right(d)]


# 4 single outcome
@spoils(4)
def an_outcome_and_another(case: Case) -> None:
    case.insert("verified", outcome(Outcome.UNKNOWN))


@spoils(4)
def an_outcome_of_nothing(case: Case) -> None:
    case.insert("verified", outcome(Outcome.UNKNOWN, 2))


# 5 explicit ambiguity
@spoils(5)
def sent_again_while_it_may_have_been_applied(case: Case) -> None:
    case.change("outcome", outcome="unknown")
    case.insert("verified", intent(2), outcome(Outcome.SUCCEEDED, 2))


def _probe(**more: Any) -> Any:
    given = {
        "actor": "w-1", "role": Role.VERIFIER, "op": "add/1", "by": "probe", "verdict": "absent",
        "settles": Outcome.NOT_APPLIED, "grounded": [1], "observed": "", "licence": "returned", "facts": {},
        **more,
    }  # fmt: skip
    return bodies.reconciled(**given)


@spoils(5)
def absence_taken_in_the_quarantine(case: Case) -> None:
    case.change("outcome", outcome="unknown")
    case.insert("verified", _probe(), intent(2), outcome(Outcome.SUCCEEDED, 2), second=4)


@spoils(5)
def absence_taken_from_a_sender_that_may_send(case: Case) -> None:
    case.change("outcome", outcome="unknown", returned=None)
    case.insert("verified", _probe(), second=60)
    for said in case.said[case.place("verified") :]:
        said.second = 61


@spoils(5)
def a_word_taken_in_the_quarantine(case: Case) -> None:
    case.change("outcome", outcome="unknown")
    case.insert("verified", _probe(by="human", role=Role.HUMAN, verdict="not_applied"), second=4)


@spoils(5)
def done_over_although_not_repeatable(case: Case) -> None:
    case.insert("confirmed", verified("add/1", "added", "fail", effect="applied"))
    case.insert("confirmed", intent(op="add/2"), outcome(Outcome.SUCCEEDED, op="add/2"))


# 6 keys
@spoils(6)
def a_key_of_another_operation(case: Case) -> None:
    case.change("intent", key=f"{RUN}/add/7")


@spoils(6)
def other_arguments_under_the_key(case: Case) -> None:
    case.change("outcome", outcome="not_applied")
    case.insert("verified", intent(2, arguments={"number": 6, "thing": THING}), outcome(Outcome.SUCCEEDED, 2))


# 7 budgets
@spoils(7)
def one_send_too_many(case: Case) -> None:
    case.change("outcome", outcome="not_applied")
    for attempt in (2, 3, 4):
        said = Outcome.SUCCEEDED if attempt == 4 else Outcome.NOT_APPLIED
        case.insert("verified", intent(attempt), outcome(said, attempt))


@spoils(7)
def a_send_behind_the_deadline(case: Case) -> None:
    for said in case.said[case.place("intent") :]:
        said.second += 700


@spoils(7)
def a_grant_that_nobody_gave(case: Case) -> None:
    case.change("intent", granted=True)


@spoils(7)
def a_model_for_nothing(case: Case) -> None:
    case.insert("intent", bodies.judged(
        actor="m", role=Role.EXECUTOR, fork="f", row=18, rules="escalate", model="wait", taken="wait",
        reason="", model_id="m", prompt="", tokens=1,
    ))  # fmt: skip


# 8 guards dominate
@spoils(8)
def denied_and_sent(case: Case) -> None:
    case.insert("intent", bodies.denied(
        actor="w-1", role=Role.EXECUTOR, op="add/1", code="c", guard="g", digest="", message=""
    ))  # fmt: skip


@spoils(8)
def a_resource_that_is_not_delegated(case: Case) -> None:
    case.change("intent", resource="elsewhere/t1")


@spoils(8)
def a_write_by_the_verifier(case: Case) -> None:
    said = case.of("intent")
    said.draft = replace(said.draft, role=Role.VERIFIER)


@spoils(8)
def a_requester_who_may_not(case: Case) -> None:
    case.change("admitted", requester="eve")


# 9 bytes
@spoils(9)
def something_else_arrived(case: Case) -> None:
    right = case.world["arrivals"]
    other = {"number": 6, "thing": THING}
    case.world["arrivals"] = lambda d: [replace(a, arguments=other) for a in right(d)]


@spoils(9)
def a_digest_of_something_else(case: Case) -> None:
    case.change("intent", digest="sha256:" + "0" * 64)


# 10 authority narrows
@spoils(10)
def another_resource_behind_the_first_write(case: Case) -> None:
    case.insert("verified", bodies.hydrated(actor="w-1", bindings={}, resources=[RESOURCE, "thing/t2"]))


@spoils(10)
def a_binding_that_becomes_another(case: Case) -> None:
    case.change("hydrated", bindings={"b": 1})
    case.insert("verified", bodies.hydrated(actor="w-1", bindings={"b": 2}))


# 11 attribution
@spoils(11)
def a_look_by_nobody(case: Case) -> None:
    said = case.of("verified")
    said.draft = replace(said.draft, actor="")


@spoils(11)
def the_verifier_used_the_writers_credential(case: Case) -> None:
    case.world["readers"] = ["reader", "writer"]


# 12 success is evidenced
@spoils(12)
def completed_and_not_looked(case: Case) -> None:
    case.said.pop(case.place("verified", 1))


@spoils(12)
def completed_on_a_look_before_the_lag(case: Case) -> None:
    for said in case.said[case.place("outcome") :]:
        said.second = 3.1


@spoils(12)
def completed_by_the_executors_look(case: Case) -> None:
    said = case.of("verified", 1)
    said.draft = replace(said.draft, role=Role.EXECUTOR)


@spoils(12)
def completed_and_not_so(case: Case) -> None:
    right = case.world["states"]
    case.world["states"] = lambda d: right(d)[:1]


@spoils(12)
def ended_with_something_open(case: Case) -> None:
    case.said.pop(case.place("outcome"))


@spoils(12)
def a_write_landed_behind_the_end(case: Case) -> None:
    right = case.world["arrivals"]
    case.world["arrivals"] = lambda d: [
        replace(a, when=replace(d[RUN, 14], order=d[RUN, 14].order + 1)) for a in right(d)
    ]


# 13 nothing lost
@spoils(13)
def accepted_and_not_there(case: Case) -> None:
    case.world["accepted"] = [RUN, OTHER]


@spoils(13)
def a_signal_is_lost(case: Case) -> None:
    case.world["posted"] = ["s9"]


@spoils(13)
def it_never_ends(case: Case) -> None:
    case.said.pop()


# 14 escalation
@spoils(14)
def sent_while_a_human_is_asked(case: Case) -> None:
    case.insert("intent", escalated())
    case.payloads[PACKET] = json.dumps({"changed": [], "basis": BASIS})


@spoils(14)
def the_packet_leaves_a_write_out(case: Case) -> None:
    stop_at(case, packet={"changed": [], "basis": BASIS})


@spoils(14)
def nobody_is_told(case: Case) -> None:
    stop_at(case)
    case.change("escalated", notice=None)


@spoils(14)
def the_page_is_not_there(case: Case) -> None:
    stop_at(case)
    case.spoil_tables = lambda tables: tables["outbox"].clear()


@spoils(14)
def nobody_heard(case: Case) -> None:
    stop_at(case)
    case.world["told"] = []


# 15 approvals
@spoils(15)
def decided_twice(case: Case) -> None:
    stop_at(case, decided(), decided(id="s2"))


@spoils(15)
def decided_by_somebody_who_may_not(case: Case) -> None:
    stop_at(case, decided(by="ann"))


@spoils(15)
def decided_on_another_basis(case: Case) -> None:
    stop_at(case, decided(basis="sha256:" + "9" * 64))


@spoils(15, mode="confirm")
def written_unconfirmed(case: Case) -> None:
    assert case.of("admitted").draft.body["mode"] == "confirm"


@spoils(15)
def approved_by_the_author(case: Case) -> None:
    case.desk = [
        with_body(e, by="tim") if e.kind == "approved" and e.body["scope"] != "principals" else e
        for e in case.desk
    ]


@spoils(15)
def approved_as_something_else(case: Case) -> None:
    case.desk = [
        with_body(e, to="sha256:" + "4" * 64)
        if e.kind == "approved" and e.body["scope"] == "principals"
        else e
        for e in case.desk
    ]


# 16 pins
@spoils(16)
def a_pin_of_something_else(case: Case) -> None:
    pins = case.of("admitted").draft.body["pins"]
    case.change("admitted", pins={**pins, "contracts": "sha256:" + "5" * 64})


@spoils(16)
def another_quarantine_than_pinned(case: Case) -> None:
    case.change("intent", span_ms=1)


@spoils(16)
def another_sender_than_pinned(case: Case) -> None:
    case.change("intent", child=True)


@spoils(16)
def another_argument_than_pinned(case: Case) -> None:
    case.change("intent", arguments={"number": 6, "thing": THING})


# 17 single writer
@spoils(17)
def an_older_epoch_appends(case: Case) -> None:
    case.insert("verified", claimed(2, (1,)))
    for said in case.said[case.place("claimed", 1) :]:
        said.epoch = 1
    case.of("claimed", 1).epoch = 2


@spoils(17)
def somebody_else_appends(case: Case) -> None:
    said = case.of("outcome")
    said.draft = replace(said.draft, actor="w-9")


@spoils(17)
def an_append_made_twice(case: Case) -> None:
    case.insert("closed", bodies.confirmed(op="add/1"))


# 18 stop switch
@spoils(18)
def written_behind_a_stop(case: Case) -> None:
    stop = replace(
        case.desk[-1], kind=Kind.STOPPED, seq=case.desk[-1].seq + 1, at="2026-11-25T08:00:01.500000Z"
    )
    case.desk.append(with_body(replace(stop, body={}), scope="desk", by="sue", at=stop.at, why=""))


# 19 secrecy
@spoils(19)
def a_secret_in_an_answer(case: Case) -> None:
    case.change("outcome", detail=f"token {SECRET}")


@spoils(19)
def a_secret_in_a_log(case: Case) -> None:
    case.world["sinks"] = {"log": SECRET.encode().hex()}


# 20 replay
@spoils(20)
def another_record_was_shown(case: Case) -> None:
    case.world["shown"] = {RUN: {"ledger": {"head": 14}, "request": {"text": None}, "state": "cancelled"}}


# 21 intake
@spoils(21)
def one_delivery_two_runs(case: Case) -> None:
    pins = case.of("admitted").draft.body["pins"]
    case.others.append(begin(OTHER, pins, case.of("admitted").draft.body["runbook"]))


@spoils(21)
def another_body_taken_for_the_same(case: Case) -> None:
    case.world["deliveries"] += [Delivery(source="cli", delivery="d1", digest="y", answer=RUN)]


# 22 monotone models
@spoils(22)
def the_rules_would_not_send_it(case: Case) -> None:
    case.world["alone"] = {RUN: []}


@spoils(22)
def a_models_send_was_taken(case: Case) -> None:
    case.insert("verified", bodies.reserved(fork="f", tokens=1), bodies.judged(
        actor="m", role=Role.EXECUTOR, fork="f", row=13, rules="escalate", model="send", taken="send",
        reason="", model_id="m", prompt="", tokens=1,
    ))  # fmt: skip


# 23 resources
@spoils(23)
def written_and_not_held(case: Case) -> None:
    case.said.pop(case.place("hydrated", 1))


@spoils(23)
def held_by_two(case: Case) -> None:
    pins = case.of("admitted").draft.body["pins"]
    other = begin(OTHER, pins, case.of("admitted").draft.body["runbook"], delivery="d2")
    taken = bodies.hydrated(actor="w-1", holds=[RESOURCE])
    case.others.append([*other, Said(claimed(), 4), Said(taken, 4)])


@spoils(23)
def freed_while_it_may_land(case: Case) -> None:
    case.change("outcome", outcome="unknown", returned=None)


# 24 derived tables
@spoils(24)
def a_row_is_missing(case: Case) -> None:
    case.spoil_tables = lambda tables: tables["attempts"].clear()


@spoils(24)
def a_row_says_something_else(case: Case) -> None:
    case.spoil_tables = lambda tables: tables["runs"][0].update(state="cancelled")


@spoils(24)
def a_stop_that_nobody_set(case: Case) -> None:
    case.spoil_tables = lambda tables: tables["stops"].append(
        {"scope": "desk", "by": "x", "at": "", "why": ""}
    )


@pytest.mark.parametrize(
    ("invariant", "mode", "spoil"), SPOILS, ids=[f"{n}-{s.__name__}" for n, _, s in SPOILS]
)
def test_what_breaks_an_invariant_is_found(invariant: int, mode: str, spoil: Spoil) -> None:
    case = clean(mode)
    spoil(case)
    assert invariant in check(case.evidence()).tripped


def test_a_run_that_goes_well_breaks_nothing_and_all_of_it_is_judged() -> None:
    report = check(clean().evidence())
    assert (report.violations, report.not_judged) == ([], [])


def test_a_stop_with_its_packet_and_its_decision_breaks_nothing() -> None:
    case = clean()
    stop_at(case, decided(), bodies.closed(state="closed_by_human", reason="aborted", by="bob"))
    assert check(case.evidence()).violations == []


def test_every_invariant_is_broken_by_something() -> None:
    assert {number for number, _, _ in SPOILS} == ALL == {i.number for i in INVARIANTS} == {*range(1, 25)}


def test_without_a_world_it_says_what_it_cannot_judge() -> None:
    evidence = clean().evidence()
    report = check(Evidence(chains=evidence.chains, desk=evidence.desk, world=World()))
    assert report.violations == []
    assert {each.invariant for each in report.not_judged} == {2, 3, 9, 11, 12, 13, 19, 20, 21, 22, 24}


@pytest.mark.parametrize(
    "form",
    [SECRET, SECRET.encode().hex(), "aGFuZC1tYWRlLWNhbmFyeS12YWx1ZQ==", "eGhhbmQtbWFkZS1jYW5hcnktdmFsdWU",
     "hand%2Dmade%2Dcanary%2Dvalue", 'hand-made"\n + "-canary-value', "hand-made-can\nary-value"],
)  # fmt: skip
def test_a_secret_is_found_in_each_of_its_forms(form: str) -> None:
    assert holds(f"before {form} behind", SECRET)
    assert not holds("before hand-made value behind", SECRET)
