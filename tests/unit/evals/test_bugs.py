"""Each seeded bug is caught in its recorded worlds, each invariant catches one, right rules break nothing."""

import pytest

from evals.bugs.__main__ import main
from evals.bugs.catalogue import BUGS
from evals.bugs.hunt import tripped
from evals.bugs.record import recorded
from evals.invariants.table import ALL
from evals.simulation.campaign import mode_of
from evals.simulation.play import run_seed

FOUND = recorded()
CAUGHT = [(name, min(seeds.values())) for name, seeds in sorted(FOUND.items()) if seeds]


def test_every_bug_is_recorded_and_there_are_enough() -> None:
    assert set(FOUND) == set(BUGS)
    assert len(BUGS) >= 30
    assert all(0 <= seed < 1_000 for seeds in FOUND.values() for seed in seeds.values())


def test_every_invariant_notices_a_bug() -> None:
    assert {number for seeds in FOUND.values() for number in seeds} == ALL


@pytest.mark.parametrize(("name", "seed"), CAUGHT, ids=[name for name, _ in CAUGHT])
def test_a_bug_is_caught_in_its_world(name: str, seed: int) -> None:
    wanted = {number for number, at in FOUND[name].items() if at == seed}
    assert wanted <= tripped(BUGS[name], seed)


@pytest.mark.parametrize("seed", sorted({seed for _, seed in CAUGHT}))
def test_right_rules_break_nothing_in_the_same_world(seed: int) -> None:
    assert run_seed(seed, mode=mode_of(seed)).problems == ()


def test_the_program_tells_which_invariants_a_bug_trips(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pins_of_the_present", "--enough", "1"]) == 0
    assert "16 pins (seed 0)" in capsys.readouterr().out
    assert main(["no_such_bug"]) == 2
    assert "no bug no_such_bug" in capsys.readouterr().err
