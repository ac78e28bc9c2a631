"""A seed gives one world, and the same ledger with LangGraph and without; nothing in it is violated."""

import pytest

from evals.bugs.catalogue import BUGS
from evals.simulation import run_seed
from evals.simulation.books import KINDS, SHAPES, shape
from evals.simulation.story import story_of
from policies.lint.rules import lint


@pytest.mark.parametrize("seed", range(24))
def test_both_drivers_give_the_same_ledger_and_nothing_is_violated(seed):
    mode = "safety" if seed % 2 else "liveness"
    fast, graph = (run_seed(seed, driver=driver, mode=mode) for driver in ("fast", "graph"))
    assert fast.digest == graph.digest
    assert fast.problems == () == graph.problems


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
    assert lines[0].startswith(f"seed {outcome.seed}, safety, fast")
    sent = next(n for n, line in enumerate(lines) if " arrives: " in line)
    assert any(" intent " in line for line in lines[:sent])


def test_a_bug_that_was_planted_is_gone_afterwards():
    clean = run_seed(11).digest
    run_seed(11, bugs=(next(iter(BUGS)),))
    assert run_seed(11).digest == clean
