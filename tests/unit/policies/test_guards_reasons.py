"""Every code that a guard, the gateway or the decision table answers has its row, and no row is empty."""

import ast
from pathlib import Path

import pytest

from policies.decisions import KINDS
from policies.guards import READ, WRITE
from policies.guards.table import GUARD_ERROR
from policies.reasons import REASONS, Area, Reason, reason
from policies.reasons.row import table

ROOT = Path(__file__).resolve().parents[3]


def written(*folders: str, name: str) -> set[str]:
    """Every literal given for a keyword ``name`` in the modules of these folders (or files)."""
    found = set()
    for folder in folders:
        place = ROOT / folder
        for path in [place] if place.is_file() else sorted(place.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.keyword)
                    and node.arg == name
                    and isinstance(node.value, ast.Constant)
                ):
                    found.add(node.value.value)
    return {code for code in found if code}


def test_every_code_of_a_guard_has_its_row_and_no_other_has() -> None:
    codes = {code for guard in (*WRITE, *READ) for code in guard.codes} | {GUARD_ERROR}
    assert set(REASONS[Area.GUARD]) == codes


def test_what_passes_by_itself_says_so() -> None:
    passing = {code for guard in WRITE for code in guard.passing}
    says = {code for code, row in REASONS[Area.GUARD].items() if "waits" in row.does}
    assert says == passing


def test_every_reason_of_a_stop_has_its_row() -> None:
    assert set(KINDS) <= set(REASONS[Area.ESCALATION])


def test_every_code_of_an_admission_has_its_row() -> None:
    codes = written("policies/admission.py", "policies/inputs.py", "agents/interpreter.py", name="code")
    assert codes
    assert codes <= set(REASONS[Area.ADMISSION])


def test_every_code_that_the_gateway_gives_an_attempt_has_its_row() -> None:
    codes = written("tools/gateway.py", name="code")
    assert codes == {"lost_claim", "too_late", "no_credential", "tool_error", "no_return"}
    assert codes <= set(REASONS[Area.OUTCOME])


def test_every_reason_in_the_decision_table_has_its_row() -> None:
    known = {c for area in (Area.WAIT, Area.ESCALATION, Area.END) for c in REASONS[area]}
    codes = written("policies/moves", name="reason")
    assert len(codes) > 20
    assert codes <= known


@pytest.mark.parametrize("area", Area)
def test_every_row_says_all_three(area: Area) -> None:
    for code, row in REASONS[area].items():
        assert all(text.endswith((".", ". ")) for text in (row.does, row.see, row.do)), code


def test_the_exit_codes_are_those_of_the_design() -> None:
    assert list(REASONS[Area.EXIT]) == [str(n) for n in range(9)]


def test_a_code_has_one_row() -> None:
    row = {"x": Reason(does="a", see="b", do="c")}
    with pytest.raises(ValueError, match="two rows for x"):
        table(row, row)


def test_an_unknown_code_has_none() -> None:
    with pytest.raises(KeyError):
        reason(Area.GUARD, "made_up")


def test_what_waits_for_a_human_is_not_said_to_go_on_by_itself():
    own = {code for code, told in REASONS[Area.WAIT].items() if "by itself" in told.does}
    assert own == REASONS[Area.WAIT].keys() - {"human", "confirmation", "stop", "pause"}
