"""What may still land, who can send nothing more, and what a look at the target settles."""

from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies import flight
from policies import move as moves
from policies.flight import Licence
from policies.plan import KEY_MARGIN_MS, SEND_WINDOW_MS, WritePlan
from state.outcome import Outcome
from tests.decision_kit import BLIND, CONDITIONAL, NATIVE, NATURAL, READ_BACK, STATE, UNDO, Run

UNKNOWN, SUCCEEDED, NOT_APPLIED = Outcome.UNKNOWN, Outcome.SUCCEEDED, Outcome.NOT_APPLIED
REFUSED = Outcome.REFUSED


def licence(run: Run, attempt: int = 1) -> Licence:
    return flight.licence(run.task, run.task.operation("a/1").attempts[attempt - 1], run.moment())


def left_ms(run: Run, attempt: int = 1) -> int:
    return flight.quarantine_left_ms(run.task, run.task.operation("a/1").attempts[attempt - 1], run.moment())


def flies(run: Run) -> list[int]:
    return [a.number for a in flight.flying(run.task, run.task.operation("a/1"), run.moment())]


def test_who_can_send_nothing_more() -> None:
    assert licence(Run().sent(UNKNOWN)) is Licence.RETURNED
    assert licence(Run().intent().claim("A", proven=[1])) is Licence.PROVEN_DEAD
    stated = Run().intent().claim("B").attest(1)
    assert licence(stated) is Licence.UNPROVEN, "a statement counts one quarantine later"
    assert licence(stated.later(STATE.span_ms - 1)) is Licence.UNPROVEN
    assert licence(stated.later(1)) is Licence.ATTESTED
    assert licence(Run().intent().claim("B").later(10**9)) is Licence.UNPROVEN, "no time proves it"


def test_the_death_of_a_worker_proves_nothing_of_the_child_that_sends_for_it() -> None:
    child = replace(READ_BACK, child=True)
    run = Run(plan(step("a", child))).intent().later(60_000).claim("A", proven=[1]).later(10**6)
    assert licence(run) is Licence.UNPROVEN
    assert flies(run) == [1]
    assert run.move() == moves.Probe(row=8, op="a/1"), "what was applied may still be seen"
    run.probe("absent")
    assert run.move() == moves.Escalate(row=9, reason="unproven_sender", step="a", detail="a/1")
    assert licence(run.attest(1).later(child.span_ms)) is Licence.ATTESTED
    assert licence(Run(plan(step("a", child))).sent(UNKNOWN)) is Licence.RETURNED
    keyed = Run(plan(step("a", replace(NATIVE, child=True)))).intent().claim("A", proven=[1]).later(10_000)
    assert isinstance(keyed.move(), moves.Send), "the target settles what the child may still send"


def test_the_proof_is_of_the_process_that_wrote_that_intent() -> None:
    run = Run().intent().claim("B").claim("B", proven=[2])
    assert licence(run) is Licence.UNPROVEN


def test_a_quarantine_runs_on_this_hosts_clock_from_the_return_or_the_first_claim_here() -> None:
    assert left_ms(Run().sent(UNKNOWN).later(1_000)) == STATE.span_ms - 1_000
    assert left_ms(Run().intent().later(60_000).claim("A", proven=[1])) == STATE.span_ms
    moved = Run().sent(UNKNOWN).later(60_000).claim("B")
    assert left_ms(moved) == STATE.span_ms, "the clock of another host is not used"
    assert left_ms(moved.later(1_000).claim("B")) == STATE.span_ms - 1_000, "the first claim here counts"
    assert left_ms(Run().intent()) == STATE.span_ms


def test_the_span_is_send_window_longest_request_and_read_lag() -> None:
    assert STATE.span_ms == SEND_WINDOW_MS + STATE.longest_request_ms + STATE.read_lag_ms


def test_a_sender_seen_dead_by_a_later_claim_is_quarantined_from_then() -> None:
    run = Run().intent().claim("B").later(60_000).claim("B", proven=[1])
    assert left_ms(run) == STATE.span_ms
    returned = Run().sent(UNKNOWN).claim("B", proven=[1]).later(60_000).claim("B", proven=[1])
    assert left_ms(returned) == 0, "its call had come back long before"


def test_what_flies() -> None:
    assert flies(Run().sent(SUCCEEDED)) == []
    assert flies(Run().sent(UNKNOWN)) == [1]
    assert flies(Run().sent(UNKNOWN).later(STATE.span_ms)) == [], "late, and its call has returned"
    assert flies(Run().intent().claim("B").later(10**6)) == [1], "its sender may be paused"
    both = Run(plan(step("a", NATIVE))).intent().claim("B").later(1_000).sent(SUCCEEDED)
    assert flies(both) == [1]
    assert flight.unresolved(both.task, both.task.operation("a/1"), both.moment())
    assert not flight.own_outcome_open(both.task.operation("a/1"))
    assert flies(both.later(NATIVE.span_ms).probe("applied")) == [], "the target has absorbed it"


SETTLED = [  # tool, sender unproven, verdict -> settles, grounded, absorbs
    (READ_BACK, False, "applied", SUCCEEDED, (1,), False),
    (READ_BACK, False, "absent", NOT_APPLIED, (1,), False),
    (READ_BACK, False, "unknown", None, (), False),
    (READ_BACK, True, "applied", SUCCEEDED, (), False),
    (READ_BACK, True, "absent", None, (), False),
    (NATIVE, True, "applied", SUCCEEDED, (), True),
    (NATIVE, True, "absent", None, (), False),
    (NATURAL, True, "applied", SUCCEEDED, (), True),
    (CONDITIONAL, True, "applied", SUCCEEDED, (), True),
    (CONDITIONAL, True, "absent", None, (), False),
]


@pytest.mark.parametrize("row", SETTLED, ids=lambda row: f"{row[0].kind.value} {row[1]} {row[2]}")
def test_what_a_verdict_settles(
    row: tuple[WritePlan, bool, str, Outcome | None, tuple[int, ...], bool],
) -> None:
    forward, unproven, verdict, *wanted = row
    run = Run(plan(step("a", forward)))
    run = run.intent().claim("B") if unproven else run.sent(UNKNOWN)
    run.later(forward.span_ms)
    found = flight.settle(run.task, run.task.operation("a/1"), forward, verdict, run.moment())
    assert [found.settles, found.grounded, found.absorbs] == wanted


def test_a_name_that_may_be_undone_and_a_key_past_its_window_absorb_nothing() -> None:
    undoable = plan(step("a", NATURAL, UNDO))
    run = Run(undoable).intent().claim("B").later(60_000)
    operation = run.task.operation("a/1")
    assert not flight.settle(run.task, operation, undoable.steps[0].write, "applied", run.moment()).absorbs
    late = Run(plan(step("a", NATIVE))).intent().claim("B").later(86_400_000)
    assert not flight.settle(late.task, late.task.operation("a/1"), NATIVE, "applied", late.moment()).absorbs


def test_a_condition_that_met_a_412_is_used_up_for_every_attempt() -> None:
    run = Run(plan(step("a", CONDITIONAL))).intent().claim("B").later(1_000)
    run.sent(NOT_APPLIED, condition_failed=True).later(60_000)
    found = flight.settle(run.task, run.task.operation("a/1"), CONDITIONAL, "absent", run.moment())
    assert (found.settles, found.grounded) == (NOT_APPLIED, (1,))


def test_what_was_refused_for_good_stays_refused_when_an_earlier_copy_did_not_land() -> None:
    run = Run(plan(step("a", NATIVE))).intent().claim("A", proven=[1]).sent(REFUSED).later(60_000)
    assert run.task.operation("a/1").settled is None
    run.probe("absent")
    assert run.task.operation("a/1").settled is REFUSED
    assert run.move() == moves.Escalate(row=14, reason="refused", step="a")
    landed = Run(plan(step("a", NATIVE))).intent().claim("A", proven=[1]).sent(REFUSED).later(60_000)
    assert landed.probe("applied").task.operation("a/1").settled is SUCCEEDED


def test_which_targets_settle_doubles_and_until_when() -> None:
    until = NATIVE.key_until_ms()
    assert until == 86_400_000 - NATIVE.timeout_ms - NATIVE.longest_request_ms - KEY_MARGIN_MS
    run = Run(plan(step("a", NATIVE))).sent(UNKNOWN).later(until - 1)
    operation = run.task.operation("a/1")
    assert flight.settles_doubles(run.task, operation, NATIVE, run.moment())
    assert flight.key_ms_left(run.task, operation, NATIVE, run.moment()) == 1
    assert not flight.settles_doubles(run.task, operation, NATIVE, run.later(1).moment())
    settles = {
        p.kind.value: flight.settles_doubles(run.task, operation, p, run.moment())
        for p in (NATURAL, CONDITIONAL, READ_BACK, BLIND)
    }
    assert settles == {"natural_key": True, "conditional_write": True, "read_back": False, "none": False}
