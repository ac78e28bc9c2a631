"""The words of the decision table: slots, effects, budgets, and what the rounds of a check add up to."""

from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies.checks import CheckView, Standing, view, view_all
from policies.moves import due
from policies.plan import CheckPlan
from state import bodies
from state.outcome import Outcome
from state.task import CheckState, Direction
from tests.decision_kit import BLIND, NATIVE, READ_BACK, STATE, UNDO, UNDOABLE, Run

SUCCEEDED, NOT_APPLIED, UNKNOWN = Outcome.SUCCEEDED, Outcome.NOT_APPLIED, Outcome.UNKNOWN
EACH = replace(step("a", STATE, UNDO), each=True)


def items(count: int) -> Run:
    run = Run(plan(EACH))
    return run.append(
        bodies.hydrated(actor="w", initial={}, derived={}, items={"a": list(range(count))}, facts={})
    )


def test_items_are_slots_of_their_own_in_order() -> None:
    run = items(2)
    write = due(run.situation())
    assert write is not None
    assert (write.op, write.item) == ("a[0]/1", 0)
    run.intent("a[0]/1", item=0).outcome(SUCCEEDED, "a[0]/1").append(bodies.confirmed(op="a[0]/1"))
    write = due(run.situation())
    assert write is not None
    assert (write.op, write.item) == ("a[1]/1", 1)


def test_a_step_without_an_item_is_done() -> None:
    assert due(items(0).situation()) is None
    assert items(0).move().row == 23


def test_what_was_done_is_undone_in_reverse_order() -> None:
    run = items(2)
    for item in (0, 1):
        op = f"a[{item}]/1"
        run.intent(op, item=item).outcome(SUCCEEDED, op).append(bodies.confirmed(op=op))
    write = due(run.turn("rolling_back").situation())
    assert write is not None
    assert (write.op, write.undoes, write.item) == ("undo:a[1]/1/1", "a[1]/1", 1)


def test_nothing_is_due_once_the_run_has_turned_to_completion() -> None:
    run = Run().turn("completing")
    assert run.task.direction is Direction.COMPLETING
    assert due(run.situation()) is None


def test_what_can_be_undone() -> None:
    unknown = replace(BLIND, budget=0)
    states = {
        "harmless": Run(plan(step("a", READ_BACK, UNDO))).sent(SUCCEEDED),
        "harmful, effect unknown": Run(plan(step("a", READ_BACK, unknown))).sent(SUCCEEDED),
        "harmful, effect seen": Run(plan(step("a", READ_BACK, unknown)))
        .sent(SUCCEEDED)
        .check("fail", effect="applied"),
        "no undo": Run(plan(step("a", READ_BACK))).done(),
    }
    assert {name: run.situation().all_undoable() for name, run in states.items()} == {
        "harmless": True,
        "harmful, effect unknown": False,
        "harmful, effect seen": True,
        "no undo": False,
    }
    refuted = Run().sent(NOT_APPLIED)
    assert refuted.task.effects == ()


def test_a_slot_has_one_budget_for_all_its_operations_and_granted_and_unpaid_sends_draw_on_none() -> None:
    run = Run(plan(step("a", replace(STATE, budget=2))))
    slot = next(run.situation().forward_slots())
    assert (run.situation().step_used(slot), run.situation().step_left(slot)) == (0, True)
    run.sent(NOT_APPLIED).sent(NOT_APPLIED, counts=False).sent(SUCCEEDED).check(
        "fail", effect="applied"
    ).sent(NOT_APPLIED, "a/2")
    assert (run.situation().step_used(slot), run.situation().step_left(slot)) == (2, False)
    assert run.task.writes_used() == 3


def test_a_compensation_has_a_budget_of_its_own() -> None:
    run = Run(UNDOABLE).sent(NOT_APPLIED).later(1_000).done().turn("rolling_back")
    slot = next(run.situation().undo_slots())
    assert run.situation().step_left(slot)
    run.sent(NOT_APPLIED, "undo:a/1/1", undoes="a/1").sent(NOT_APPLIED, "undo:a/1/1", undoes="a/1")
    assert not run.situation().step_left(slot)
    assert run.situation().writes_left(), "limits.writes are of forward writes"


def test_completion_leaves_out_what_was_left() -> None:
    optional = plan(step("a", STATE, optional=True), step("b", NATIVE))
    run = Run(optional)
    assert [c.id for c in run.situation().completion_checks()] == ["a-there", "b-there"]
    run.append(bodies.left(step="a", item=None, op=None, reason="x"))
    assert [c.id for c in run.situation().completion_checks()] == ["b-there"]


def test_each_compensations_checks_have_names_of_their_own() -> None:
    run = Run(UNDOABLE).done().turn("rolling_back").intent("undo:a/1/1", undoes="a/1")
    assert [c.id for c in run.situation().rollback_checks()] == ["undo:a/1/1:there"]


def state(
    verdict: str, *, first: int = 0, last: int, since_pass: int | None = None, seq: int = 9
) -> CheckState:
    run = Run()
    at = {ms: run.__class__.at.fget(_at(run, ms)) for ms in {first, last, since_pass or 0}}  # type: ignore[attr-defined]
    return CheckState(
        since=at[first], last_at=at[last], verdict=verdict, expected="", observed="", seq=seq, rounds=2,
        passing_since=None if since_pass is None else at[since_pass],
    )  # fmt: skip


def _at(run: Run, ms: int) -> Run:
    run.now = ms
    return run


CHECK = CheckPlan(id="c", within_ms=3_000, every_ms=1_000, hold_ms=2_000)


@pytest.mark.parametrize(
    ("found", "standing", "wait_ms"),
    [
        (None, Standing.PENDING, 0),
        (state("fail", last=2_000), Standing.PENDING, 1_000),
        (state("fail", last=3_000), Standing.FAIL, 0),
        (state("unknown", last=3_000), Standing.UNKNOWN, 0),
        (state("pass", last=2_000, since_pass=1_000), Standing.PENDING, 1_000),
        (state("pass", last=3_000, since_pass=1_000), Standing.PASS, 0),
        (state("pass", last=9_000, since_pass=8_000), Standing.PENDING, 1_000),
        (state("fail", last=3_000, seq=5), Standing.PENDING, 0),
        (state("pass", last=3_000, since_pass=0, seq=5), Standing.PENDING, 0),
    ],
)
def test_where_a_check_stands(found: CheckState | None, standing: Standing, wait_ms: int) -> None:
    run = Run()
    run.now = 0 if found is None else round(1_000 * _seconds(found))
    assert view(CHECK, found, run.moment(), newer_than=5) == CheckView(standing=standing, wait_ms=wait_ms)


def _seconds(found: CheckState) -> float:
    from state.instants import seconds_between
    from tests.decision_kit import BEGAN

    return seconds_between(BEGAN, found.last_at)


def test_of_a_set_a_failed_check_decides_then_an_unknown_one_then_a_pending_one() -> None:
    plans = tuple(CheckPlan(id=name) for name in "abc")
    run = Run()
    run.now = 0
    of = {
        "fail": state("fail", last=0),
        "unknown": state("unknown", last=0),
        "pass": state("pass", last=0, since_pass=0),
    }

    def together(*verdicts: str) -> Standing:
        states = {p.id: of[v] for p, v in zip(plans, verdicts, strict=False) if v in of}
        return view_all(plans, states, run.moment(), newer_than=0).standing

    assert together("pass", "unknown", "fail") is Standing.FAIL
    assert together("pass", "unknown", "not read") is Standing.UNKNOWN
    assert together("pass", "pass", "not read") is Standing.PENDING
    assert together("pass", "pass", "pass") is Standing.PASS
    assert view_all((), {}, run.moment(), newer_than=0).standing is Standing.PASS


def test_a_gap_without_a_look_ends_a_row_of_passes() -> None:
    held = plan(step("a", replace(STATE, checks=(CheckPlan(id="there", hold_ms=10_000, every_ms=1_000),))))
    run = Run(held).sent(SUCCEEDED).check("pass").later(60_000).check("pass")
    assert run.move().row == 11
    assert run.situation().standing("a/1", held.steps[0].write.checks).standing is Standing.PENDING
