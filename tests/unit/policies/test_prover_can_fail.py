"""A bug in the decision core shows as a counterexample, of a shipped runbook or of a small one."""

import pytest

from evals.unsafe.cases import cases, load
from policies import decisions, flight
from policies.flight import Licence
from policies.loader import load_runbook
from policies.move import Close, Confirm
from policies.moves import open_operation, table, unresolved
from policies.proof.parts import Part, explore_part
from policies.proof.proof import RollbackReach
from policies.proof.prover import prove
from policies.situation import Situation
from state.outcome import Outcome
from state.task import Direction
from tests.unit.policies.test_shipped_runbooks import RUNBOOKS, of_connector

BY_NAME = {case.name: case for case in cases()}


def quota(tmp_path):
    folder = RUNBOOKS / "quota-raise"
    return load_runbook(folder / "runbook.yaml").value, of_connector(folder / "connector.yaml")


def mended(name):
    def loaded(tmp_path):
        found, contracts = load(BY_NAME[name].copy_to(tmp_path, mended=True))
        return found.value, contracts

    return loaded


UNDOABLE = mended("rollback-keeps-effect")


def without(monkeypatch, name):
    rows = tuple(row for row in table.ROWS if row.__name__ != name)
    assert len(rows) == len(table.ROWS) - 1
    monkeypatch.setattr(table, "ROWS", rows)


def instead(monkeypatch, name, row):
    monkeypatch.setattr(table, "ROWS", tuple(row if r.__name__ == name else r for r in table.ROWS))


def row_7_asks_for_no_key(monkeypatch):
    monkeypatch.setattr(unresolved.flight, "settles_doubles", lambda task, operation, write, moment: True)


def a_look_waits_for_no_quarantine(monkeypatch):
    monkeypatch.setattr(flight, "quarantine_left_ms", lambda task, attempt, moment: 0)


def a_takeover_takes_the_other_for_dead(monkeypatch):
    monkeypatch.setattr(flight, "licence", lambda task, attempt, moment: Licence.PROVEN_DEAD)


def an_unknown_outcome_counts_as_not_applied(monkeypatch):
    known = flight.settle

    def settle(task, operation, write, verdict, moment):
        verdict = "absent" if verdict == "unknown" else verdict
        return known(task, operation, write, verdict, moment)

    monkeypatch.setattr(flight, "settle", settle)


def row_11_believes_the_answer(monkeypatch):
    def row_11(s):
        operation = s.open_operation()
        if operation is None or operation.settled is not Outcome.SUCCEEDED:
            return None
        return Confirm(row=11, op=operation.id)

    instead(monkeypatch, "row_11_check_open_operation", row_11)


def row_23_looks_at_nothing(monkeypatch):
    monkeypatch.setattr(Situation, "completion_checks", lambda s: ())
    row_11_believes_the_answer(monkeypatch)


def a_failed_check_is_taken_for_not_applied(monkeypatch):
    monkeypatch.setattr(open_operation, "_check_failed", lambda s, operation: False)


def the_stop_switch_is_not_asked(monkeypatch):
    without(monkeypatch, "row_17_held_back")


def a_write_is_not_confirmed(monkeypatch):
    without(monkeypatch, "row_20_confirmation")


def row_22_is_left_out(monkeypatch):
    without(monkeypatch, "row_22_rolled_back")


def row_12_cancels_whatever_was_done(monkeypatch):
    def row_12(s):
        return (
            None if s.task.cancel is None or s.rolling_back else Close(row=12, state="cancelled", reason="x")
        )

    instead(monkeypatch, "row_12_cancel", row_12)


def a_word_is_taken_at_once(monkeypatch):
    monkeypatch.setattr(decisions, "_word_left_ms", lambda s, operation: 0)


def rolling_back_it_goes_on_forward(monkeypatch):
    monkeypatch.setattr(
        Situation, "rolling_back", property(lambda s: s.task.direction is Direction.COMPLETING)
    )


FAULTS = [
    (row_7_asks_for_no_key, "outcomes", quota),
    (a_look_waits_for_no_quarantine, "outcomes", quota),
    (a_takeover_takes_the_other_for_dead, "crash", quota),
    (an_unknown_outcome_counts_as_not_applied, "outcomes", quota),
    (row_11_believes_the_answer, "outcomes", UNDOABLE),
    (row_23_looks_at_nothing, "outcomes", quota),
    (the_stop_switch_is_not_asked, "held back", quota),
    (a_write_is_not_confirmed, "confirm", quota),
    (row_12_cancels_whatever_was_done, "cancelled", quota),
    (a_word_is_taken_at_once, "crash", quota),
    (rolling_back_it_goes_on_forward, "outcomes", UNDOABLE),
]


@pytest.mark.parametrize(("fault", "campaign", "runbook"), FAULTS, ids=lambda x: getattr(x, "__name__", x))
def test_a_fault_of_the_core_is_a_counterexample(fault, campaign, runbook, tmp_path, monkeypatch):
    given = runbook(tmp_path)
    part = Part(name=campaign, window=tuple(step.id for step in given[0].steps))
    fault(monkeypatch)
    found = explore_part(*given, part, states=20_000, to_first=True)
    assert found.broken, f"{found.states} states, and nobody noticed"
    assert found.broken[0].story


def test_a_rollback_that_never_ends_is_a_counterexample(tmp_path, monkeypatch):
    given = UNDOABLE(tmp_path)
    assert prove(*given).rollback is RollbackReach.REACHABLE
    row_22_is_left_out(monkeypatch)
    proof = prove(*given)
    assert proof.rollback is RollbackReach.UNREACHABLE
    assert "rollback_reachable" in proof.laws
