"""A database's clock that is set back makes looks earlier than they need be, and no wait longer."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from policies import forks
from policies.checks import Standing, view
from policies.plan import CheckPlan
from state import instants
from tests.decision_kit import BEGAN, Run

HOUR_MS = 3_600_000
WITHIN = CheckPlan(id="there", within_ms=5_000, every_ms=1_000)
HELD = CheckPlan(id="there", within_ms=5_000, every_ms=1_000, hold_ms=2_000)


def looks(*verdicts_at: tuple[str, int]) -> Run:
    run = Run().done()
    for verdict, at_ms in verdicts_at:
        run.now = at_ms
        run.check(verdict)
    return run


def standing(run: Run, plan: CheckPlan) -> Standing:
    return view(plan, run.task.checks["a/1"]["there"], run.moment(), newer_than=0).standing


def test_a_check_fails_within_its_time_behind_the_set_back_and_not_an_hour_later() -> None:
    back = [("fail", HOUR_MS), *(("fail", 1_000 * n) for n in range(6))]
    assert standing(looks(*back[:-1]), WITHIN) is Standing.PENDING
    assert standing(looks(*back), WITHIN) is Standing.FAIL


def test_a_row_of_passes_begins_anew_where_nobody_knows_how_long_it_was() -> None:
    back = [("pass", HOUR_MS), ("pass", 0), ("pass", 1_000), ("pass", 2_000)]
    assert standing(looks(*back[:-1]), HELD) is Standing.PENDING
    assert standing(looks(*back), HELD) is Standing.PASS


def test_what_was_last_looked_at_in_the_future_is_looked_at_now() -> None:
    run = looks(("fail", HOUR_MS))
    run.now = 0
    assert view(WITHIN, run.task.checks["a/1"]["there"], run.moment(), newer_than=0).wait_ms == 0


@pytest.mark.parametrize(("ahead_s", "waits"), [(0, False), (1, True), (60, True), (3_600, False)])
def test_a_models_wait_is_over_where_it_is_longer_than_any_model_may_ask_for(
    ahead_s: int, waits: bool
) -> None:
    said = {"taken": "wait", "row": 18, "until": instants.after(BEGAN, ahead_s)}
    task = replace(Run().task, rejudged=MappingProxyType(said))
    assert (forks.wait_in_force(task, row=18, now=BEGAN) is not None) is waits
