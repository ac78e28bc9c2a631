"""Taking out a row or a guard is noticed, and a mutant that nothing notices is told from one that is."""

import pytest

from evals.mutants import Mutant, killed, main, mutants
from policies.guards import READ, WRITE
from policies.moves import ROWS

ROWS_TEST = "tests/unit/policies/test_moves_rows.py"


def test_there_is_a_mutant_for_each_row_and_each_guard() -> None:
    labels = {m.label for m in mutants()}
    assert labels == {
        *(f"rows:{row.__name__}" for row in ROWS),
        *(f"write:{guard.name}" for guard in WRITE),
        *(f"read:{guard.name}" for guard in READ),
    }


def test_a_row_and_a_guard_that_are_missing_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rows:row_10_conflict", "write:held"]) == 0
    assert "2 mutants, 0 alive" in capsys.readouterr().out


def test_a_test_of_another_row_and_one_that_is_not_there_notice_nothing() -> None:
    both = (f"{ROWS_TEST}::test_row_0_ended", f"{ROWS_TEST}::test_row_2_signals")
    assert not killed(Mutant(table="rows", name="row_20_confirmation", tests=both))
    assert not killed(Mutant(table="rows", name="row_20_confirmation", tests=(f"{ROWS_TEST}::test_nothing",)))


def test_no_mutant_is_no_success() -> None:
    assert main(["no-such-name"]) == 1
