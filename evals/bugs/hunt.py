"""Which invariants each bug trips, and in the simulated world of which seed first."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from evals.bugs.bug import Bug
from evals.simulation.campaign import mode_of
from evals.simulation.play import run_seed

FIRST: Final = 1
MOST: Final = 1_000


@dataclass(kw_only=True)
class Catch:
    """What came of a bug: by invariant, the first seed in whose world it was violated."""

    bug: str
    seeds: dict[int, int] = field(default_factory=dict)
    worlds: int = 0


def tripped(bug: Bug, seed: int) -> frozenset[int]:
    """The invariants that are violated in the world of ``seed``, in the mode in which a campaign plays it."""
    outcome = run_seed(seed, mode=mode_of(seed), bugs=(bug.name,))
    return frozenset(violation.invariant for violation in outcome.violations)


def hunt(bug: Bug, seeds: Iterable[int], *, enough: int = FIRST) -> Catch:
    """Play ``bug`` in world after world; behind ``enough`` of them the first catch ends the hunt."""
    catch = Catch(bug=bug.name)
    for seed in seeds:
        if catch.worlds >= enough and catch.seeds:
            break
        catch.worlds += 1
        for invariant in sorted(tripped(bug, seed)):
            catch.seeds.setdefault(invariant, seed)
    return catch
