"""A proof joins what its parts found, tells it in words and as JSON, and says honestly what it left out."""

import json
import pickle
from dataclasses import replace

import pytest

from evals.unsafe.cases import cases, load
from policies.loader import load_runbook
from policies.proof.campaigns import Depth
from policies.proof.parts import explore_part, parts_of
from policies.proof.proof import FORMAT, RollbackReach, Verdict
from policies.proof.prover import proof_of, prove
from tests.unit.policies.test_shipped_runbooks import RUNBOOKS, of_connector

QUOTA = RUNBOOKS / "quota-raise"


@pytest.fixture(scope="module")
def quota():
    return load_runbook(QUOTA / "runbook.yaml").value, of_connector(QUOTA / "connector.yaml")


def test_a_shipped_runbook_is_proved(quota):
    proof = prove(*quota)
    assert proof.verdict is Verdict.PROVED
    assert proof.rollback is RollbackReach.NONE
    assert "completed (verified)" in {ending.end for ending in proof.endings}
    (effect,) = proof.effects
    assert (effect.tool, effect.takes_effect) == ("quota.raise", 1)
    assert all(row.reached or row.why for row in proof.rows)
    assert "PROVED" in proof.text()


def test_as_json_it_is_plain(quota):
    found = prove(*quota).as_json()
    assert found["schema"] == FORMAT
    assert json.loads(json.dumps(found)) == found


def crossed(value):
    """The value as another process gets it."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def test_parts_may_be_explored_anywhere_and_in_any_order(quota):
    whole = prove(*quota)
    parts = crossed(parts_of(*quota, depth=Depth.QUICK))
    found = [crossed(explore_part(*quota, part)) for part in reversed(parts)]
    assert proof_of(*quota, found, depth=Depth.QUICK) == whole


def test_a_part_that_is_missing_is_said(quota):
    first, *rest = parts_of(*quota, depth=Depth.QUICK)
    proof = proof_of(*quota, [explore_part(*quota, part) for part in rest], depth=Depth.QUICK)
    assert proof.verdict is Verdict.NOT_EXHAUSTED
    assert any(first.name in bound and "not begun" in bound for bound in proof.bounds)


def test_a_bound_that_is_hit_is_said(quota):
    proof = prove(*quota, states=50)
    assert proof.verdict is Verdict.NOT_EXHAUSTED
    assert "50 states" in " ".join(proof.bounds)
    assert "NOT EXHAUSTED" in proof.text()


def test_a_watch_stops_everything(quota):
    shown = []
    proof = prove(*quota, watch=lambda progress: bool(shown.append(progress)))
    assert len(shown) == 1
    assert proof.verdict is Verdict.NOT_EXHAUSTED
    assert "the time was up" in " ".join(proof.bounds)


@pytest.fixture(scope="module")
def undone(tmp_path_factory):
    """A runbook with an undo, and all parts of its full proof."""
    case = next(case for case in cases() if case.name == "rollback-keeps-effect")
    loaded, contracts = load(case.copy_to(tmp_path_factory.mktemp("undone"), mended=True))
    given = (loaded.value, contracts)
    return given, [explore_part(*given, part) for part in parts_of(*given, depth=Depth.FULL)]


def test_an_undo_that_takes_effect_on_some_path_is_reachable(undone):
    given, found = undone
    proof = proof_of(*given, found, depth=Depth.FULL)
    assert (proof.verdict, proof.rollback) == (Verdict.PROVED, RollbackReach.REACHABLE)
    assert any(effect.undo and effect.takes_effect for effect in proof.effects)


def test_an_undo_that_no_path_comes_to_is_a_counterexample(undone):
    given, found = undone
    never = [replace(one, effects={s: n for s, n in one.effects.items() if not s[1]}) for one in found]
    (broken,) = proof_of(*given, never, depth=Depth.FULL).broken
    assert broken.law == "rollback_reachable"
    assert "no path undoes" in broken.what


def test_a_row_that_no_path_comes_to_is_said_unless_it_is_known_why(undone):
    given, found = undone
    assert not [n for n in proof_of(*given, found, depth=Depth.FULL).notes if n.law == "row_unreached"]
    without = [replace(one, rows=one.rows - {11}) for one in found]
    (note,) = (n for n in proof_of(*given, without, depth=Depth.FULL).notes if n.law == "row_unreached")
    assert "row 11" in note.text
