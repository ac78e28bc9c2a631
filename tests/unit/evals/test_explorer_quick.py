"""No law is broken on the small cases, and bugs that are seeded into the core are caught."""

from dataclasses import replace

import pytest

from evals.explorer.plans import Case, Limits, cases, plan, step, write
from policies import decisions, flight
from policies.contract import DedupeKind
from policies.flight import Licence
from policies.plan import ABSORBING, SEND_WINDOW_MS, WritePlan
from policies.proof.search import Explored, explore
from policies.situation import Situation

QUIET = Limits(crashes=1, decisions=0, blind=0, lies=0, refusals=0)
READ_BACK = replace(write(DedupeKind.READ_BACK), budget=1)
NATURAL = write(DedupeKind.NATURAL_KEY)
STATE = write(DedupeKind.READ_BACK, sets_state=True)
ALL = {case.name: case for case in cases()}
SMALL = (
    "read_back/cancelled",
    "sets_state/refused_leave",
    "sets_state/short_deadline",
    "sets_state/few_writes",
)


@pytest.mark.parametrize("name", SMALL)
def test_no_law_is_broken(name: str) -> None:
    found = explore(ALL[name])
    assert found.complete
    assert found.broken == {}
    assert found.endings


def test_a_crash_at_every_point_of_a_plain_write_ends_well() -> None:
    found = explore(Case(name="x", plan=plan(step("a", READ_BACK)), limits=QUIET))
    assert found.broken == {}
    assert set(found.endings) == {
        "completed (verified)",
        "waits for a human (unproven_sender)",
        "waits for a human (retries_exhausted)",
    }


def test_names_of_cases_are_told_apart() -> None:
    assert len(ALL) == len(list(cases()))


def broken(case: Case) -> Explored:
    found = explore(case, most=40_000, to_first=True)
    assert found.broken, f"{found.scenes} scenes, and nobody noticed"
    return found


def read_back(**limits: object) -> Case:
    return Case(name="x", plan=plan(step("a", READ_BACK)), limits=replace(QUIET, **limits))  # type: ignore[arg-type]


def test_seeded_a_look_that_needs_no_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "licence", lambda task, attempt, moment: Licence.PROVEN_DEAD)
    assert any("took effect 2 times" in law for law in broken(read_back()).broken)


def test_a_child_that_outlives_its_worker_is_never_sent_beside() -> None:
    child = Case(name="x", plan=plan(step("a", replace(READ_BACK, child=True))), limits=QUIET)
    assert explore(child).broken == {}


def test_seeded_a_dead_worker_that_licenses_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    right = flight.licence
    monkeypatch.setattr(
        flight, "licence", lambda task, a, moment: right(task, replace(a, child=False), moment)
    )
    child = Case(name="x", plan=plan(step("a", replace(READ_BACK, child=True))), limits=QUIET)
    assert any("took effect 2 times" in law for law in broken(child).broken)


def test_seeded_a_look_that_waits_for_no_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "quarantine_left_ms", lambda task, attempt, moment: 0)
    assert any("took effect 2 times" in law for law in broken(read_back()).broken)


def test_seeded_a_quarantine_without_the_read_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    late = replace(READ_BACK, read_lag_ms=3_000)
    case = Case(name="x", plan=plan(step("a", late)), limits=QUIET)
    assert explore(case).broken == {}
    monkeypatch.setattr(WritePlan, "span_ms", property(lambda w: SEND_WINDOW_MS + w.longest_request_ms))
    assert any("took effect 2 times" in law for law in broken(case).broken)


def test_seeded_a_resend_to_a_target_that_settles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "settles_doubles", lambda task, operation, write, moment: True)
    assert broken(read_back()).broken


def test_seeded_a_key_that_is_sent_past_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    short = plan(step("a", write(DedupeKind.NATIVE_KEY, window_ms=80_000, budget=0)))
    limits = replace(QUIET, hosts="A", blind=2, idle=1, decisions=1)
    case = Case(name="x", plan=short, limits=limits)
    assert explore(case).broken == {}
    monkeypatch.setattr(flight, "key_ms_left", lambda task, operation, write, moment: 1)
    assert any("took effect 2 times" in law for law in broken(case).broken)


def test_seeded_a_unique_name_that_is_absorbed_although_it_may_be_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WritePlan, "absorbs", property(lambda w: w.kind in ABSORBING))
    two = plan(step("a", NATURAL, STATE), step("b", READ_BACK), on_exhausted="roll_back")
    found = broken(Case(name="x", plan=two, limits=QUIET))
    assert "a/1 took effect 2 times" in found.broken, "a copy lands behind the undo"


def test_seeded_a_word_that_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "_word_left_ms", lambda s, operation: 0)
    blind = plan(step("a", write(DedupeKind.NONE)))
    assert broken(Case(name="x", plan=blind, limits=replace(QUIET, decisions=1))).broken


def test_seeded_a_write_that_ignores_the_stop_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    from policies.moves import table

    rows = tuple(row for row in table.ROWS if row.__name__ != "row_17_held_back")
    monkeypatch.setattr(table, "ROWS", rows)
    found = broken(read_back(holds_back=1))
    assert "sends although held back" in found.broken


def test_seeded_a_step_without_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Situation, "step_left", lambda s, slot: True)
    assert any("budget" in law or "writes" in law for law in broken(read_back()).broken)


def test_seeded_a_completion_that_nobody_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Situation, "completion_checks", lambda s: ())
    unread = plan(step("a", write(DedupeKind.NATIVE_KEY, checks=False)))
    lied = Case(name="x", plan=unread, limits=replace(QUIET, others=0))
    assert explore(lied).broken == {}, "nothing can be read there: the answer of the target is the truth"
    monkeypatch.setattr(Situation, "standing", lambda s, scope, checks: _passed())
    assert any("ended completed" in law for law in broken(read_back(lies=1)).broken)


def _passed() -> object:
    from policies.checks import CheckView, Standing

    return CheckView(standing=Standing.PASS)
