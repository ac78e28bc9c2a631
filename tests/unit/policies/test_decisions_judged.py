"""When a decision is taken: who, on which basis, with which words, how often, and what a grant pays for."""

from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies import move as moves
from policies.decisions import basis, judge, offers
from state import bodies
from state.outcome import Known, Outcome
from state.task import Direction
from tests.decision_kit import BLIND, CONDITIONAL, NATIVE, NATURAL, READ_BACK, STATE, UNDO, UNDOABLE, Run

UNDO_BLIND = replace(BLIND, undoable=False)


def ambiguous(*, undo: bool = True) -> Run:
    return Run(plan(step("a", BLIND, UNDO if undo else None))).sent(Outcome.UNKNOWN).stopped()


def refused() -> Run:
    return Run().sent(Outcome.REFUSED).stopped()


def test_only_a_decider_decides() -> None:
    run = refused()
    refusal = judge(run.task, run.plan, run.moment(), run.proposal("abort"), roles=frozenset({"operator"}),
                    deciders=frozenset({"oncall"}))  # fmt: skip
    assert refusal is not None
    assert refusal.code == "not_a_decider"


def test_of_two_decisions_the_second_is_told_who_was_first() -> None:
    run = refused()
    second = run.proposal("abort")
    run.decide("resume")
    refusal = run.judge(second)
    assert refusal is not None
    assert refusal.code == "already_decided"
    assert "alice decided resume" in refusal.message


def test_an_escalation_that_is_not_there_or_a_choice_that_is_none() -> None:
    assert refused().refusal("abort", escalation="E9") == "no_such_escalation"
    assert refused().refusal("shrug") == "unknown_choice"
    assert Run().refusal("abort") == "no_such_escalation"


def test_a_basis_that_has_moved_is_not_taken() -> None:
    run = refused()
    before = basis(run.task)
    assert run.refusal("resume", basis=before[7:15]) is None, "8 digits name it"
    assert run.refusal("resume", basis=before[7:14]) == "basis_moved", "7 do not"
    run.later(3_600_000).signal("ack", escalation="E1")
    assert run.refusal("resume", basis=before) is None, "neither time nor an acknowledgement moves it"
    run.conflict()
    assert run.refusal("resume", basis=before) == "basis_moved"
    assert run.refusal("resume") is None


def test_a_quarantine_that_is_over_moves_no_basis_and_lets_the_decision_be_taken() -> None:
    run = ambiguous()
    seen, words = basis(run.task), {"a/1": "applied"}
    early = run.refusal("resume", words, basis=seen)
    assert early not in (None, "basis_moved"), "what may still land is waited for"
    assert run.later(BLIND.span_ms).refusal("resume", words, basis=seen) is None


def test_a_word_is_asked_for_each_open_effect_and_for_nothing_else() -> None:
    run = ambiguous().later(BLIND.span_ms)
    assert run.refusal("resume") == "word_needed"
    assert run.refusal("resume", {"a/1": "applied", "b/1": "applied"}) == "word_not_asked"
    assert run.refusal("resume", {"a/1": "perhaps"}) == "unknown_word"
    assert run.refusal("resume", {"a/1": "applied"}) is None
    assert refused().refusal("resume", {"a/1": "applied"}) == "word_not_asked"


def test_a_word_is_taken_only_when_nothing_can_land_any_more() -> None:
    run = ambiguous()
    for choice in ("resume", "retry_once", "mark_done", "roll_back", "abort"):
        assert run.refusal(choice, {"a/1": "not_applied"}) == "too_early"
    assert run.later(BLIND.span_ms - 1).refusal("resume", {"a/1": "not_applied"}) == "too_early"
    assert run.later(1).refusal("resume", {"a/1": "not_applied"}) is None


def test_where_a_sender_is_unproven_its_death_is_stated_first_and_counts_one_quarantine_later() -> None:
    run = Run(plan(step("a", BLIND, UNDO))).intent().claim("B").stopped().later(60_000)
    for choice in ("resume", "retry_once", "mark_done", "roll_back", "abort"):
        assert run.refusal(choice, {"a/1": "not_applied"}) == "attest_first"
    run.attest(1)
    assert run.refusal("abort", {"a/1": "not_applied"}) == "too_early"
    assert run.later(BLIND.span_ms).refusal("abort", {"a/1": "not_applied"}) is None


def test_each_attempt_is_licensed_by_itself_not_by_the_first_of_its_epoch() -> None:
    run = Run(plan(step("a", BLIND, UNDO))).sent(Outcome.NOT_APPLIED).later(1_000).intent().claim("B")
    assert run.stopped().later(60_000).refusal("abort", {"a/1": "unknown"}) == "attest_first"


def test_a_statement_goes_on_counting_where_another_host_takes_over() -> None:
    run = Run(plan(step("a", BLIND, UNDO))).intent().claim("B").stopped().attest(1).later(1_000).claim("A")
    assert run.refusal("abort", {"a/1": "unknown"}) == "too_early"
    assert run.later(BLIND.span_ms).refusal("abort", {"a/1": "unknown"}) is None


def test_a_sender_that_a_later_claim_saw_dead_may_have_sent_until_then() -> None:
    run = Run().intent().claim("B").later(60_000).claim("A", proven=[1]).claim("B", proven=[1])
    assert run.move() == moves.Wait(row=8, reason="quarantine", ms=STATE.span_ms, detail="a/1")


@pytest.mark.parametrize(
    ("choice", "word", "code"),
    [
        ("resume", "unknown", "word_not_enough"),
        ("roll_back", "unknown", "word_not_enough"),
        ("retry_once", "unknown", "word_not_enough"),
        ("retry_once", "applied", "word_not_enough"),
        ("roll_back", "not_applied", "nothing_to_undo"),
        ("mark_done", "unknown", None),
        ("abort", "unknown", None),
        ("resume", "applied", None),
    ],
)
def test_what_each_word_allows(choice: str, word: str, code: str | None) -> None:
    assert ambiguous().later(BLIND.span_ms).refusal(choice, {"a/1": word}) == code


def test_rolling_back_is_offered_by_what_can_be_undone_after_the_word() -> None:
    two = plan(step("b", STATE, UNDO), step("a", BLIND))
    run = Run(two).done("b/1").sent(Outcome.UNKNOWN).stopped().later(BLIND.span_ms)
    assert run.refusal("roll_back", {"a/1": "applied"}) == "no_undo"
    assert run.refusal("roll_back", {"a/1": "not_applied"}) is None
    run.decide("roll_back", {"a/1": "not_applied"}).grant()
    assert run.task.direction is Direction.ROLLING_BACK
    move = run.move()
    assert isinstance(move, moves.Send)
    assert move.undoes == "b/1"


def test_an_effect_that_nobody_knows_is_not_undone_by_what_harms() -> None:
    run = Run(plan(step("a", replace(READ_BACK, budget=0), replace(UNDO_BLIND)))).sent(Outcome.SUCCEEDED)
    assert run.check("unknown").stopped().refusal("roll_back") == "effect_unknown"


def test_evidence_is_needed_for_a_word_and_for_done() -> None:
    run = ambiguous().later(BLIND.span_ms)
    assert run.refusal("resume", {"a/1": "applied"}, evidence=False) == "evidence_needed"
    assert refused().refusal("mark_done", evidence=False) == "evidence_needed"
    assert refused().refusal("abort", evidence=False) is None


def test_a_word_settles_the_operation_and_what_flew() -> None:
    run = ambiguous().later(BLIND.span_ms).decide("resume", {"a/1": "applied"}).grant()
    operation = run.task.operation("a/1")
    assert (operation.settled, operation.known, operation.word) == (
        Outcome.SUCCEEDED,
        Known.CONFIRMED,
        "applied",
    )
    assert not any(a.undecided for a in operation.attempts)
    run = ambiguous().later(BLIND.span_ms).decide("abort", {"a/1": "unknown"})
    assert run.task.operation("a/1").settled is None, "nobody knows, and the record says so"


def test_with_an_honoured_key_a_retry_needs_no_word_and_takes_none() -> None:
    run = Run(plan(step("a", replace(NATIVE, budget=0)))).intent().claim("B").later(NATIVE.span_ms)
    run.probe("absent").stopped()
    assert run.refusal("resume", {"a/1": "not_applied"}) == "attest_first"
    assert run.refusal("retry_once", {"a/1": "not_applied"}) == "word_not_asked"
    move = run.decide("retry_once").grant().later(1_000).move()
    assert isinstance(move, moves.Send)
    assert (move.row, move.op, move.attempt, move.granted) == (7, "a/1", 2, True)


def test_a_key_is_honoured_only_inside_its_window_and_not_for_a_forward_write_while_rolling_back() -> None:
    late = Run(plan(step("a", replace(NATIVE, budget=0)))).intent().claim("B").later(86_400_000)
    late.probe("absent").stopped()
    assert late.refusal("retry_once") == "attest_first"
    back = Run(plan(step("a", replace(NATIVE, budget=0), UNDO))).intent().claim("B").turn("rolling_back")
    back.later(NATIVE.span_ms).probe("absent").stopped()
    assert back.refusal("retry_once") == "attest_first"


def test_the_runbook_limits_how_often_a_human_may_grant() -> None:
    run = refused().decide("retry_once").grant().check("fail").sent(Outcome.REFUSED, granted=True).stopped()
    assert run.refusal("retry_once") == "no_grant"


def test_a_grant_makes_exactly_one_more_send_due_if_the_check_still_fails() -> None:
    run = refused().decide("retry_once").grant()
    assert run.move() == moves.Observe(row=11, scope="a/1")
    move = run.check("fail").move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.attempt, move.granted) == ("a/1", 2, True)
    again = run.sent(Outcome.REFUSED, granted=True).move()
    assert isinstance(again, moves.Escalate)
    assert again.reason == "refused"


def test_a_grant_that_was_not_needed_pays_for_no_other_step() -> None:
    two = plan(step("a", STATE), step("b", STATE))
    run = Run(two).sent(Outcome.REFUSED).stopped().decide("retry_once").grant().check("pass")
    assert run.move() == moves.Confirm(row=11, op="a/1")
    move = run.append(bodies.confirmed(op="a/1")).move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.granted) == ("b/1", False)


def test_a_grant_is_not_lost_to_a_fault_of_the_desk() -> None:
    run = refused().decide("retry_once").grant().check("fail")
    run.sent(Outcome.NOT_APPLIED, granted=True, pauses=True, counts=False).later(60_000)
    move = run.move()
    assert isinstance(move, moves.Send)
    assert move.granted


def test_a_grant_goes_beyond_the_writes_of_the_run_by_its_own_send_only() -> None:
    two = plan(step("a", replace(STATE, budget=0)), step("b", STATE))
    run = Run(replace(two, writes=1)).sent(Outcome.NOT_APPLIED).stopped().decide("retry_once").grant()
    run.check("fail").sent(Outcome.SUCCEEDED, granted=True).check("pass").append(bodies.confirmed(op="a/1"))
    move = run.move()
    assert isinstance(move, moves.Escalate)
    assert (move.reason, move.step) == ("writes_exhausted", "b")


def test_after_a_412_and_a_repeatable_success_the_granted_send_is_a_new_operation() -> None:
    moved = Run(plan(step("a", CONDITIONAL))).sent(Outcome.NOT_APPLIED, condition_failed=True).stopped()
    move = moved.decide("retry_once").grant().check("fail").move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.granted) == ("a/2", True)
    once = replace(STATE, budget=0)
    failed = Run(plan(step("a", once))).sent(Outcome.SUCCEEDED).check("fail", effect="absent").stopped()
    move = failed.decide("retry_once").grant().check("fail").move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.granted) == ("a/2", True)


def test_what_succeeded_and_is_not_repeatable_is_not_sent_again() -> None:
    run = Run(plan(step("a", replace(NATURAL, budget=0)))).sent(Outcome.SUCCEEDED).check("fail").stopped()
    assert run.refusal("retry_once") == "not_repeatable"


def test_a_decision_acknowledges_the_conflicts_that_it_was_made_on_and_no_later_ones() -> None:
    run = Run().conflict().stopped().decide("resume")
    run.append(bodies.conflict(actor="w", what="y.id", expected="1", observed="2")).grant()
    assert run.move() == moves.Escalate(row=10, reason="conflict", detail="y.id")


def test_a_cancel_is_withdrawn_by_going_on_and_kept_by_rolling_back() -> None:
    blocked = Run().done().cancel().stopped()
    assert blocked.decide("resume").grant().task.cancel is None
    back = Run(UNDOABLE).done().cancel().escalate("model").decide("roll_back").grant()
    assert back.task.cancel == "not needed"
    assert isinstance(back.move(), moves.Send)


def test_a_confirmation_is_asked_anew_after_a_decision() -> None:
    run = Run(mode="confirm").ask_confirmation().signal("confirm", op="a/1", answer="yes").escalate("model")
    assert isinstance(run.decide("resume").grant().move(), moves.AskConfirmation)


def test_time_is_given_afresh_with_a_decision() -> None:
    run = (
        Run(replace(UNDOABLE, deadline_ms=1_000)).later(2_000).stopped().later(10**7).decide("resume").grant()
    )
    assert run.moment().spent_ms(run.task) == 0
    assert isinstance(run.move(), moves.Send)


def test_without_a_stop_nothing_is_offered() -> None:
    run = Run()
    assert offers(run.task, run.plan, run.moment()) == ()
