"""Each row of the decision table decides alone in the situation of the test that has its name.

``evals.mutants`` takes each row out in turn and expects at least the test of its name to fail.
"""

from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies import move as moves
from policies.moves import ROWS
from policies.moves.before_write import MAX_IN_LINE, MAX_READ_TRIES
from policies.moves.humans import MAX_IDLE_CLAIMS
from policies.moves.open_operation import MAX_UNPAID
from policies.plan import CheckPlan, PreconditionPlan
from state import bodies, instants
from state.outcome import Outcome
from state.task import Direction
from tests.decision_kit import BLIND, CONDITIONAL, NATIVE, NATURAL, ONE, READ_BACK, STATE, UNDO, UNDOABLE, Run

SUCCEEDED, REFUSED, NOT_APPLIED, UNKNOWN = (
    Outcome.SUCCEEDED,
    Outcome.REFUSED,
    Outcome.NOT_APPLIED,
    Outcome.UNKNOWN,
)
TWO = plan(step("a", STATE, UNDO), step("b", READ_BACK), on_exhausted="roll_back")


def failed(run: Run, op: str = "a/1") -> Run:
    """The open operation's last check failed."""
    return run.sent(SUCCEEDED, op).check("fail", op, effect="applied")


def test_there_is_a_test_of_the_name_of_each_row() -> None:
    assert {f"test_{row.__name__}" for row in ROWS} <= set(globals())


def test_row_0_ended() -> None:
    run = Run().append(bodies.closed(state="cancelled", reason="cancelled"))
    assert run.move(signals=1) == moves.Done(row=0)


def test_row_2_signals() -> None:
    run = Run().escalate("denied")
    assert run.move(signals=1) == moves.FoldSignals(row=2)
    assert run.move().row == 4


def test_row_3_poison() -> None:
    run = Run()
    for _ in range(MAX_IDLE_CLAIMS - 2):
        run.claim()
    assert isinstance(run.move(), moves.Send), "the fifth claim with nothing but hydration"
    run.claim()
    move = run.move()
    assert isinstance(move, moves.Escalate)
    assert (move.row, move.reason) == (3, "stuck")
    assert run.escalate("stuck").move().row == 4
    assert run.decide("resume").grant().move().row == 21


def test_row_4_open_escalation() -> None:
    run = Run()
    run.escalate("denied", next_level_at=instants.after(run.at, 600))
    assert run.move() == moves.Wait(row=4, reason="human", ms=600_000)
    assert run.later(600_000).move() == moves.TellNext(row=4, level=2)
    run.append(bodies.notified(escalation="E1", level=2, next_level_at=None, notice={"to": "x"}))
    assert run.move() == moves.Wait(row=4, reason="human", ms=None)
    assert run.cancel().move().row == 4


@pytest.mark.parametrize(("choice", "reason"), [("abort", "aborted"), ("mark_done", "marked_done")])
def test_a_decision_to_end_ends(choice: str, reason: str) -> None:
    run = Run().sent(REFUSED).stopped().decide(choice)
    assert run.move() == moves.Close(row=5, state="closed_by_human", reason=reason)


def test_row_5_decided_to_end() -> None:
    run = Run().sent(REFUSED).stopped().decide("abort")
    assert run.move().row == 5


def test_row_6_decided_to_go_on() -> None:
    run = Run().sent(REFUSED).stopped().decide("resume")
    assert run.move() == moves.CarryOut(row=6, choice="resume")


def test_row_6b_without_tools() -> None:
    move = Run().move(without_tools="SetupError: no module")
    assert move == moves.Escalate(row=6, reason="tools_unavailable", detail="SetupError: no module")
    assert Run().sent(Outcome.UNKNOWN).cancel().move(without_tools="gone").row == 6, "something was sent"
    assert isinstance(Run().cancel().move(without_tools="gone"), moves.Close), (
        "nothing was: ending needs no tool"
    )
    stopped = Run().escalate("tools_unavailable")
    assert stopped.move(without_tools="gone").row == 4, "a human is asked already"
    assert stopped.decide("abort").move(without_tools="gone").row == 5


def test_row_7_send_again() -> None:
    run = Run(plan(step("a", NATIVE))).sent(UNKNOWN)
    assert run.move() == moves.Wait(row=7, reason="backoff", ms=1000)
    move = run.later(1000).move()
    assert isinstance(move, moves.Send)
    assert (move.row, move.op, move.attempt) == (7, "a/1", 2)


def test_a_resend_needs_a_target_that_settles_doubles_time_budget_and_nobody_against_it() -> None:
    unknown = {p: Run(plan(step("a", p))).sent(UNKNOWN).later(1000) for p in (NATIVE, NATURAL, CONDITIONAL)}
    assert {run.move().row for run in unknown.values()} == {7}
    assert {Run(plan(step("a", p))).sent(UNKNOWN).later(1000).move().row for p in (STATE, READ_BACK)} == {8}
    native = plan(step("a", NATIVE))
    sent = Run(native).sent(UNKNOWN).later(1000)
    assert sent.move(stops=("desk",)).row == 7
    assert sent.move(stops=("desk",)) == moves.Wait(row=7, reason="stop", ms=None, detail="desk")
    assert Run(native).sent(UNKNOWN).later(1000).cancel().move().row == 8
    assert Run(native).sent(UNKNOWN).later(1000).deny().move().row == 8
    assert Run(native).sent(UNKNOWN).later(1000).sent(REFUSED).later(1000).move().row == 8
    assert Run(native).sent(UNKNOWN).later(1000).sent(UNKNOWN).later(1000).move().row == 8, "budget 1"
    assert Run(native).sent(UNKNOWN).later(86_400_000).move().row == 8, "the key's window is over"
    assert Run(replace(native, writes=1)).sent(UNKNOWN).later(1000).move().row == 8
    assert Run(replace(native, deadline_ms=500)).sent(UNKNOWN).later(1000).move().row == 8
    conditional = Run(plan(step("a", CONDITIONAL))).sent(UNKNOWN).later(1000)
    assert conditional.sent(NOT_APPLIED, condition_failed=True).move().row == 8, "412 behind an unknown one"


def test_a_resend_is_confirmed_like_any_write() -> None:
    run = (
        Run(plan(step("a", NATIVE)), mode="confirm")
        .ask_confirmation()
        .signal("confirm", op="a/1", answer="yes")
    )
    run.sent(UNKNOWN).later(1000)
    assert isinstance(run.move(), moves.Send)
    asked = Run(plan(step("a", NATIVE)), mode="confirm").sent(UNKNOWN).later(1000)
    assert isinstance(asked.move(), moves.AskConfirmation)
    asked.ask_confirmation().signal("confirm", op="a/1", answer="no")
    assert asked.move().row == 8, "nobody wants it sent again: it has to be found out"


def test_row_8_find_out() -> None:
    run = Run().sent(UNKNOWN)
    assert run.move() == moves.Wait(row=8, reason="quarantine", ms=STATE.span_ms, detail="a/1")
    assert run.later(STATE.span_ms).move() == moves.Probe(row=8, op="a/1")
    run.probe("unknown")
    assert run.move() == moves.Wait(row=8, reason="check", ms=STATE.probe_every_ms, detail="a/1")
    assert run.later(STATE.probe_every_ms).move() == moves.Probe(row=8, op="a/1")
    run.probe("unknown")
    assert run.move().row == 9, "its tries are over"


def test_what_flies_may_be_absorbed_by_a_probe_or_by_the_own_check() -> None:
    for forward in (NATIVE, replace(NATIVE, has_probe=False)):
        run = Run(plan(step("a", forward))).intent().claim("B").later(1000).sent(SUCCEEDED)
        assert run.move() == moves.Wait(row=8, reason="quarantine", ms=forward.span_ms - 1000, detail="a/1")
        run.later(forward.span_ms)
        if forward.has_probe:
            assert run.move() == moves.Probe(row=8, op="a/1")
            run.probe("applied")
        else:
            assert run.move() == moves.Observe(row=8, scope="a/1")
            run.check("pass", absorbs=True)
        assert run.move().row == 11


def test_row_9_cannot_tell() -> None:
    move = Run(plan(step("a", BLIND))).sent(UNKNOWN).move()
    assert isinstance(move, moves.Escalate)
    assert (move.row, move.reason, move.step, move.detail) == (9, "ambiguous", "a", "a/1")
    move = Run(plan(step("a", BLIND))).intent().claim("B").move()
    assert isinstance(move, moves.Escalate)
    assert (move.row, move.reason) == (9, "unproven_sender")


def test_nothing_can_end_the_flight_of_a_name_that_may_be_undone() -> None:
    run = Run(plan(step("a", NATURAL, UNDO))).intent().claim("B").later(1000).sent(SUCCEEDED).later(20_000)
    move = run.move()
    assert isinstance(move, moves.Escalate)
    assert (move.row, move.reason) == (9, "unproven_sender")


def test_row_10_conflict() -> None:
    run = Run().conflict()
    assert run.move() == moves.Escalate(row=10, reason="conflict", detail="x.id")
    assert run.stopped().decide("resume").grant().move().row == 21


def test_a_412_is_a_conflict_unless_it_follows_an_unknown_attempt() -> None:
    run = Run(plan(step("a", CONDITIONAL))).sent(NOT_APPLIED, condition_failed=True)
    assert run.move().row == 10
    run.stopped().decide("resume").grant().check("fail").later(1000)
    move = run.move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.attempt) == ("a/2", 1), "a new operation, with a fresh condition"


def test_row_11_check_open_operation() -> None:
    lagging = plan(step("a", replace(STATE, read_lag_ms=5_000)))
    run = Run(lagging).sent(SUCCEEDED)
    assert run.move() == moves.Wait(row=11, reason="read_lag", ms=5_000, detail="a/1")
    assert run.later(5_000).move() == moves.Observe(row=11, scope="a/1")
    assert run.check("pass").move() == moves.Confirm(row=11, op="a/1")
    unknown = Run().sent(SUCCEEDED).check("unknown").move()
    assert unknown == moves.Escalate(row=11, reason="verify_unknown", step="a", detail="a/1")
    within = plan(step("a", replace(STATE, checks=(CheckPlan(id="there", within_ms=3_000),))))
    assert Run(within).sent(SUCCEEDED).check("fail").move() == moves.Wait(
        row=11, reason="check", ms=1_000, detail="a/1"
    )
    blind = plan(step("a", replace(BLIND, checks=())))
    assert Run(blind).sent(SUCCEEDED).move() == moves.Confirm(row=11, op="a/1")


def test_a_former_holders_round_decides_nothing() -> None:
    run = Run().sent(SUCCEEDED).check("pass").claim()
    assert run.move() == moves.Observe(row=11, scope="a/1")


def test_a_humans_own_work_counts_for_read_lag() -> None:
    run = Run(plan(step("a", replace(STATE, read_lag_ms=5_000)))).sent(REFUSED).stopped().later(60_000)
    run.decide("resume").grant()
    assert run.move() == moves.Wait(row=11, reason="read_lag", ms=5_000, detail="a/1")


def test_row_12_cancel() -> None:
    assert Run().cancel().move() == moves.Close(row=12, state="cancelled", reason="cancelled")
    undoable = Run(UNDOABLE).done().cancel().move()
    assert undoable == moves.Turn(row=12, to=Direction.ROLLING_BACK, reason="cancelled")
    blocked = Run().done().cancel().move()
    assert isinstance(blocked, moves.Escalate)
    assert (blocked.row, blocked.reason) == (12, "cancel_blocked")
    assert Run(UNDOABLE).done().turn("rolling_back").cancel().move().row == 21


def test_row_17b_prepare() -> None:
    run = Run(ready=False)
    assert run.move() == moves.Bind(row=17)
    run.append(bodies.hydrated(actor="w", problem="no answer"))
    assert run.move() == moves.Wait(row=17, reason="check", ms=2_000)
    assert run.later(2_000).move() == moves.Bind(row=17)
    run.append(bodies.hydrated(actor="w", bindings={"x": {}}, facts={}, resources=["r"]))
    assert run.move() == moves.Hold(row=17)
    assert run.append(bodies.hydrated(actor="w", holds=["r"])).move() == moves.Survey(row=17)


def test_what_stays_unreadable_is_for_a_human() -> None:
    run = Run(ready=False)
    for _ in range(MAX_READ_TRIES):
        run.append(bodies.hydrated(actor="w", problem="no answer")).later(2_000)
    assert run.move() == moves.Escalate(row=17, reason="unreadable", detail="no answer")


def test_what_inputs_do_not_stand_for_is_rejected() -> None:
    run = Run(ready=False).append(bodies.hydrated(actor="w", refusal="no such service"))
    assert run.move() == moves.Close(row=17, state="rejected", reason="binding_refused")


def test_a_run_in_line_looks_less_and_less_often_until_somebody_says_something() -> None:
    run = Run(ready=False).append(bodies.hydrated(actor="w", bindings={}, facts={}, resources=["r"]))
    spans = []
    for _ in range(9):
        wait = run.move(held_by="S")
        assert isinstance(wait, moves.Wait)
        assert wait.ms is not None
        spans.append(wait.ms // 1000)
        until = instants.after(run.at, wait.ms / 1000)
        run.append(bodies.waiting(reason="hold", until=until, row=17)).later(wait.ms).claim()
    assert spans == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    woken = run.signal("poke").move(held_by="T")
    assert woken == moves.Wait(row=17, reason="hold", ms=5_000, detail="T")


def test_a_held_resource_makes_wait_in_line_or_refuses() -> None:
    run = Run(ready=False).append(bodies.hydrated(actor="w", bindings={}, facts={}, resources=["r"]))
    assert run.move(held_by="S") == moves.Wait(row=17, reason="hold", ms=5_000, detail="S")
    assert run.move(held_by="S", in_line=MAX_IN_LINE).row == 17
    assert isinstance(run.move(held_by="S", in_line=MAX_IN_LINE), moves.Wait)
    full = run.move(held_by="S", in_line=MAX_IN_LINE + 1)
    assert full == moves.Close(row=17, state="rejected", reason="line_full")
    beside = run.move(held_by="S", held_by_escalated=True)
    assert beside == moves.Close(row=17, state="rejected", reason="escalation_open")
    in_line = run.claim().move(held_by="S", held_by_escalated=True)
    assert isinstance(in_line, moves.Wait), "it was in line before"
    refusing = Run(replace(ONE, when_held="refuse"), ready=False)
    refusing.append(bodies.hydrated(actor="w", bindings={}, facts={}, resources=["r"]))
    assert refusing.move(held_by="S") == moves.Close(row=17, state="rejected", reason="resource_held")


def test_row_13_check_failed() -> None:
    once = replace(STATE, retry_after=frozenset({"not_applied"}))
    ended = failed(Run(plan(step("a", once)))).move()
    assert ended == moves.Escalate(row=13, reason="verify_failed", step="a")
    back = failed(Run(plan(step("a", once, UNDO), on_exhausted="roll_back"))).move()
    assert back == moves.Turn(row=13, to=Direction.ROLLING_BACK, reason="verify_failed")
    left = failed(Run(plan(step("a", once, optional=True)))).move()
    assert left == moves.Leave(row=13, step="a", item=None, op="a/1", reason="verify_failed")


def test_a_failed_check_makes_a_new_operation_due_on_a_repeatable_tool() -> None:
    run = failed(Run())
    assert run.move() == moves.Wait(row=13, reason="backoff", ms=1_000, detail="a/1")
    move = run.later(1_000).move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.attempt) == ("a/2", 1)
    again = failed(run, "a/2").later(1_000).move()
    assert isinstance(again, moves.Escalate)
    assert again.reason == "verify_failed", "one step budget for all its operations"


def test_no_new_operation_where_nobody_knows_the_effect_of_the_last_one() -> None:
    unknown = Run().sent(SUCCEEDED).check("fail").later(1_000).move()
    assert unknown == moves.Escalate(row=13, reason="verify_failed", step="a")
    absent = Run().sent(SUCCEEDED).check("fail", effect="absent").later(1_000).move()
    assert isinstance(absent, moves.Send)
    assert absent.op == "a/2"


def test_row_14_refused() -> None:
    assert Run().sent(REFUSED).move() == moves.Escalate(row=14, reason="refused", step="a")
    backs = plan(step("a", STATE, UNDO), step("b", READ_BACK, on_refused="roll_back"))
    assert Run(backs).done().sent(REFUSED, "b/1").move() == moves.Turn(
        row=14, to=Direction.ROLLING_BACK, reason="refused"
    )
    assert isinstance(Run(backs).done().conflict().stopped().decide("resume").grant().sent(REFUSED,
    "b/1").move(),
                      moves.Escalate), "a human has decided in this run"  # fmt: skip
    leaves = plan(step("a", STATE, optional=True, on_refused="leave"))
    assert Run(leaves).sent(REFUSED).move() == moves.Leave(
        row=14, step="a", item=None, op="a/1", reason="refused"
    )
    alone = plan(step("a", STATE, UNDO, on_refused="roll_back"))
    assert isinstance(Run(alone).sent(REFUSED).move(), moves.Escalate), "there is nothing to undo"


def test_row_15_not_applied() -> None:
    run = Run().sent(NOT_APPLIED)
    assert run.move() == moves.Wait(row=15, reason="backoff", ms=1_000, detail="a/1")
    move = run.later(1_000).move()
    assert isinstance(move, moves.Send)
    assert (move.op, move.attempt) == ("a/1", 2)
    assert run.sent(NOT_APPLIED).move() == moves.Escalate(row=15, reason="retries_exhausted", step="a")
    left = Run(plan(step("a", replace(STATE, budget=0), optional=True))).sent(NOT_APPLIED).move()
    assert left == moves.Leave(row=15, step="a", item=None, op="a/1", reason="retries_exhausted")
    rolled = Run(TWO).done().sent(NOT_APPLIED, "b/1").later(1_000).sent(NOT_APPLIED, "b/1").move()
    assert rolled == moves.Turn(row=15, to=Direction.ROLLING_BACK, reason="retries_exhausted")
    back = Run(TWO).done().turn("rolling_back")
    for _ in range(2):
        back.sent(NOT_APPLIED, "undo:a/1/1", undoes="a/1").later(1_000)
    assert back.move() == moves.Escalate(row=15, reason="rollback", code="retries_exhausted", step="a")


def test_faults_of_the_desk_cost_no_budget_and_are_bounded() -> None:
    run = Run(plan(step("a", replace(STATE, budget=0))))
    assert MAX_UNPAID == 5
    for _ in range(MAX_UNPAID):
        assert isinstance(run.move(), moves.Send)
        run.sent(NOT_APPLIED, pauses=True, counts=False, code="http_401")
        if run.move().row == 17:
            move = run.move()
            assert isinstance(move, moves.Wait)
            assert (move.row, move.reason, move.ms) == (17, "connector", 60_000)
            assert move.detail == run.situation().desk_fault() != "", "it says what is to be mended"
        run.later(60_000)
    assert run.move() == moves.Escalate(row=15, reason="retries_exhausted", step="a")
    assert isinstance(run.stopped().decide("resume").grant().check("fail").move(), moves.Send), "it is mended"


def test_row_16_budgets() -> None:
    late = Run(replace(ONE, deadline_ms=1_000)).later(1_001)
    assert late.move() == moves.Escalate(row=16, reason="deadline_passed", step="a")
    spent = Run(replace(plan(step("a", STATE), step("b", STATE)), writes=1)).done()
    assert spent.move() == moves.Escalate(row=16, reason="writes_exhausted", step="b")
    asked = Run(replace(ONE, attempts_max=3)).move(attempts_on={"r": 3})
    assert asked == moves.Escalate(row=16, reason="resource_exhausted", step="a")
    optional = Run(replace(plan(step("a", STATE, optional=True)), deadline_ms=1_000)).later(1_001).move()
    assert optional == moves.Leave(row=16, step="a", item=None, op=None, reason="deadline_passed")
    back = Run(replace(UNDOABLE, deadline_ms=1_000)).done().turn("rolling_back").later(1_001)
    assert isinstance(back.move(), moves.Send), "the deadline is a limit on forward work"


def test_row_17_held_back() -> None:
    run = Run()
    assert run.move(stops=("desk",)) == moves.Wait(row=17, reason="stop", ms=None, detail="desk")
    opens = instants.after(run.at, 60)
    assert run.move(window_opens=opens) == moves.Wait(row=17, reason="window", ms=60_000)
    between = Run(TWO).done().move(window_opens=opens)
    assert between.row == 21, "not asked between the first and the last write"
    assert run.signal("pause").move() == moves.Wait(row=17, reason="pause", ms=None)
    assert run.signal("unpause").move().row == 21
    assert Run().sent(SUCCEEDED).move(stops=("desk",)).row == 11, "it holds back writes only"
    assert Run(UNDOABLE).done().turn("rolling_back").move(stops=("desk",)).row == 17


NEEDED = PreconditionPlan(id="needed", tries=2, every_ms=1_000)


def needed(otherwise: str) -> Run:
    return Run(plan(step("a", STATE), preconditions=(replace(NEEDED, otherwise=otherwise),)))


def test_row_18_preconditions() -> None:
    run = needed("complete")
    assert run.move() == moves.CheckPreconditions(row=18)
    assert run.condition("pass").move().row == 21
    run.claim()
    assert run.move() == moves.CheckPreconditions(row=18), "what a former holder read is stale"
    run.condition("fail")
    assert run.move() == moves.Wait(row=18, reason="check", ms=1_000, detail="needed")
    run.later(1_000).condition("fail")
    assert run.move() == moves.Turn(row=18, to=Direction.COMPLETING, reason="needed")


def test_before_any_effect_a_precondition_that_cannot_be_read_is_not_taken_for_false() -> None:
    ends = {}
    for otherwise in ("complete", "reject", "escalate"):
        run = needed(otherwise).condition("unknown").later(1_000).condition("unknown")
        assert run.move() == moves.Wait(row=18, reason="check", ms=1_000, detail="needed"), (
            "one more than it says"
        )
        ends[otherwise] = run.later(1_000).condition("unknown").move()
    assert ends == {
        "complete": moves.Escalate(row=18, reason="unreadable", detail="needed"),
        "reject": moves.Escalate(row=18, reason="unreadable", detail="needed"),
        "escalate": moves.Escalate(row=18, reason="precondition_failed", detail="needed"),
    }


def test_before_any_effect_a_precondition_says_itself_what_follows() -> None:
    ends = {
        otherwise: needed(otherwise).condition("fail").later(1_000).condition("fail").move()
        for otherwise in ("complete", "reject", "escalate")
    }
    assert ends == {
        "complete": moves.Turn(row=18, to=Direction.COMPLETING, reason="needed"),
        "reject": moves.Close(row=18, state="rejected", reason="precondition_failed"),
        "escalate": moves.Escalate(row=18, reason="precondition_failed", detail="needed"),
    }


def test_a_run_with_nothing_to_do_that_a_human_resumes_asks_afresh() -> None:
    run = needed("complete").condition("fail").later(1_000).condition("fail").turn("completing")
    run.escalate("verify_failed", row=23, step_id="completion")
    run.decide("resume").grant()
    assert run.task.direction is Direction.FORWARD
    assert run.move() == moves.CheckPreconditions(row=18)


@pytest.mark.parametrize("otherwise", ["complete", "reject", "escalate"])
def test_after_the_first_effect_the_steps_own_checks_decide(otherwise: str) -> None:
    two = plan(
        step("a", STATE), step("b", STATE), preconditions=(replace(NEEDED, tries=1, otherwise=otherwise),)
    )
    run = Run(two).condition("pass").done().condition("fail")
    assert run.move() == moves.Observe(row=18, scope="due:b/1")
    assert run.check("pass", "due:b/1").move() == moves.Turn(row=18, to=Direction.COMPLETING, reason="needed")
    failing = Run(two).condition("pass").done().condition("fail").check("fail", "due:b/1").move()
    assert failing == moves.Escalate(row=18, reason="precondition_failed", step="b", detail="needed")


def test_row_19_denied() -> None:
    run = Run().deny()
    assert run.move() == moves.Escalate(row=19, reason="denied", code="target_not_delegated", detail="a/1")
    turned = Run(UNDOABLE).done().append(bodies.denied(
        actor="w", role=bodies.Role.EXECUTOR, op="b/1", code="c", guard="g", digest="d", message="",
    )).turn("rolling_back")  # fmt: skip
    assert turned.move().row == 21, "what was denied is not due in the other direction"


def test_row_20_confirmation() -> None:
    run = Run(mode="confirm")
    move = run.move()
    assert isinstance(move, moves.AskConfirmation)
    assert (move.row, move.op, move.attempt) == (20, "a/1", 1)
    run.ask_confirmation(for_ms=60_000)
    assert run.move() == moves.Wait(row=20, reason="confirmation", ms=60_000, detail="a/1")
    expired = run.later(60_000).move()
    assert expired == moves.Escalate(row=20, reason="confirmation_expired", step="a", detail="a/1")
    answers = {
        answer: Run(mode="confirm").ask_confirmation().signal("confirm", op="a/1", answer=answer).move()
        for answer in ("yes", "no")
    }
    assert answers["yes"].row == 21
    assert answers["no"] == moves.Escalate(row=20, reason="confirmation_refused", step="a", detail="a/1")


def test_row_21_send() -> None:
    move = Run(UNDOABLE).done().turn("rolling_back").move()
    assert isinstance(move, moves.Send)
    assert (move.row, move.op, move.undoes, move.attempt) == (21, "undo:a/1/1", "a/1", 1)
    first = Run().move()
    assert isinstance(first, moves.Send)
    assert (first.row, first.op, first.attempt, first.granted) == (21, "a/1", 1, False)


def test_row_22_rolled_back() -> None:
    run = Run(UNDOABLE).done().turn("rolling_back").done("undo:a/1/1", undoes="a/1")
    assert run.move() == moves.Observe(row=22, scope="rollback")
    closed = run.check("pass", "rollback", check="undo:a/1/1:there").move()
    assert closed == moves.Close(row=22, state="rolled_back", reason="asked", packet=True)
    ends = {
        verdict: Run(UNDOABLE).done().turn("rolling_back").done("undo:a/1/1", undoes="a/1")
        .check(verdict, "rollback", check="undo:a/1/1:there").move()
        for verdict in ("fail", "unknown")
    }  # fmt: skip
    assert ends["fail"] == moves.Escalate(row=22, reason="rollback", detail="a compensation's check failed")
    assert ends["unknown"] == moves.Escalate(row=22, reason="verify_unknown")
    stuck = Run().done().turn("rolling_back").move()
    assert stuck == moves.Escalate(row=22, reason="rollback", detail="not every effect is compensated")


def test_row_23_completion() -> None:
    run = Run().done()
    assert run.move() == moves.Observe(row=23, scope="completion")
    done = run.check("pass", "completion", check="a-there").move()
    assert done == moves.Close(row=23, state="completed", reason="verified")
    left = Run(plan(step("a", STATE, optional=True))).append(
        bodies.left(step="a", item=None, op=None, reason="x")
    )
    assert left.move() == moves.Close(
        row=23, state="partially_completed", reason="optional_left", packet=True
    )
    unknown = Run().done().check("unknown", "completion", check="a-there").move()
    assert unknown == moves.Escalate(row=23, reason="verify_unknown", step="completion")
    fail = Run().done().check("fail", "completion", check="a-there").move()
    assert fail == moves.Escalate(row=23, reason="verify_failed", step="completion")
    back = (
        Run(replace(UNDOABLE, on_exhausted="roll_back")).done().check("fail", "completion", check="a-there")
    )
    assert back.move() == moves.Turn(row=23, to=Direction.ROLLING_BACK, reason="verify_failed")


def test_completion_looks_again_at_instant_checks_at_the_end_of_the_longest_hold() -> None:
    held = replace(
        ONE, completion=(CheckPlan(id="now"), CheckPlan(id="stays", hold_ms=2_000, every_ms=1_000))
    )
    run = Run(held).done()
    for verdict in ("pass", "pass", "fail"):
        run.check(verdict, "completion", check="now").check("pass", "completion", check="stays").later(1_000)
    assert run.move() == moves.Escalate(row=23, reason="verify_failed", step="completion")
