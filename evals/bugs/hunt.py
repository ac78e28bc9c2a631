"""Which invariants each bug trips, and in the world of which seed first: a small one, or a simulated one."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from evals.bugs.bug import Bug
from evals.bugs.worlds import Hunt
from evals.invariants.table import check
from evals.simulation.campaign import mode_of
from evals.simulation.play import run_seed

FIRST: Final = 40
MOST: Final = 1_000


@dataclass(kw_only=True)
class Catch:
    """What came of a bug: by invariant, the first seed in whose world it was violated."""

    bug: str
    seeds: dict[int, int] = field(default_factory=dict)
    worlds: int = 0


def tripped(bug: Bug, seed: int) -> frozenset[int]:
    """The invariants that are violated in the world of ``seed``."""
    with bug.planted():
        hunt = Hunt.open(seed)
        with suppress(Exception):  # a wrong rule may break anything: the worker dies of it
            hunt.play()
        return check(hunt.evidence()).tripped


def tripped_simulated(bug: Bug, seed: int) -> frozenset[int]:
    """The invariants that are violated in the simulated world of ``seed``, in the mode of a campaign."""
    try:
        outcome = run_seed(seed, mode=mode_of(seed), bugs=(bug.name,))
    except Exception:  # noqa: BLE001 - a wrong rule may break anything, the world too
        return frozenset()
    return frozenset(violation.invariant for violation in outcome.violations)


def hunt(
    bug: Bug,
    seeds: Iterable[int],
    *,
    enough: int = FIRST,
    trips: Callable[[Bug, int], frozenset[int]] = tripped,
) -> Catch:
    """Play ``bug`` in world after world; behind ``enough`` of them the first catch ends the hunt."""
    catch = Catch(bug=bug.name)
    for seed in seeds:
        if catch.worlds >= enough and catch.seeds:
            break
        catch.worlds += 1
        for invariant in sorted(trips(bug, seed)):
            catch.seeds.setdefault(invariant, seed)
    return catch
