"""A seed gives one world, and the same ledger with LangGraph and without; nothing in it is violated."""

from pathlib import Path

import pytest

from evals.bugs.catalogue import BUGS
from evals.simulation import run_seed
from evals.simulation.books import KINDS, SHAPES, shape
from evals.simulation.campaign import mode_of
from evals.simulation.humans import ALL, answered, fewest, recorded
from evals.simulation.regressions import UNEXPLAINED, Regression, kept
from evals.simulation.story import story_of
from policies.lint.rules import lint

ROOT = Path(__file__).parents[2]
KEPT = pytest.mark.parametrize("one", kept(), ids=lambda one: one.name)


@pytest.mark.parametrize("seed", range(24))
def test_both_drivers_give_the_same_ledger_and_nothing_is_violated(seed):
    mode = "safety" if seed % 2 else "liveness"
    fast, graph = (run_seed(seed, driver=driver, mode=mode) for driver in ("fast", "graph"))
    assert fast.digest == graph.digest
    assert fast.problems == () == graph.problems


@KEPT
def test_a_seed_that_once_failed_stays_mended(one: Regression) -> None:
    assert run_seed(one.seed, driver=one.driver, mode=one.mode).problems == ()


@KEPT
def test_a_kept_seed_says_why_and_which_test_shows_it_without_the_simulator(one: Regression) -> None:
    assert one.why != UNEXPLAINED
    path, _, name = one.shown_by.partition("::")
    assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


def test_every_decision_is_answered_after_every_stop_that_occurs_here() -> None:
    """In the seeds that are kept for it; ``python -m evals.simulation.humans --record`` finds others."""
    found = {seed: answered(seed) for seed in recorded()}
    assert frozenset().union(*found.values()) == ALL
    assert fewest(found) == sorted(found)


def test_a_seed_gives_the_same_world_again():
    assert run_seed(3).digest == run_seed(3).digest
    assert run_seed(3).digest != run_seed(4).digest


def test_every_shape_can_be_approved_and_every_kind_of_write_occurs():
    kinds = set()
    for number in range(0, SHAPES, 8):
        one = shape(number)
        kinds |= {told.kind for told in one.steps}
        assert all(p.warning for p in lint(one.book.value, one.connector.value.contracts())), number
    assert kinds == set(KINDS)


def test_a_story_tells_entries_and_effects_in_order():
    outcome = next(o for o in map(run_seed, range(20)) if o.story.kept.arrivals)
    lines = list(story_of(outcome))
    assert lines[0].startswith(f"seed {outcome.seed}, {outcome.mode}, fast")
    sent = next(n for n, line in enumerate(lines) if " arrives: " in line)
    assert any(" intent " in line for line in lines[:sent])


def test_what_occurred_in_a_world_is_counted():
    outcome = next(o for o in map(run_seed, range(20)) if o.story.kept.proposed)
    groups = {group for group, *_ in outcome.met}
    assert {"moves", "entries", "stops", "decisions"} <= groups
    said = sum(count for (group, *_), count in outcome.met.items() if group == "decisions")
    assert said == len(outcome.story.kept.proposed)
    assert mode_of(outcome.seed) in ("safety", "liveness")


def test_a_bug_that_was_planted_is_gone_afterwards():
    clean = run_seed(11).digest
    run_seed(11, bugs=(next(iter(BUGS)),))
    assert run_seed(11).digest == clean
