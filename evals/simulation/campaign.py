"""Many seeds: what is played of them in which mode, what a stretch of them tells, and what it adds up to."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from evals.simulation.bound import upper_bound
from evals.simulation.drivers import Driver
from evals.simulation.log import Line, Stretch
from evals.simulation.occurred import Met
from evals.simulation.play import Mode, Outcome, run_seed

LIVENESS_EVERY: Final = 4
"""One seed in so many is played in liveness mode, all others in safety mode."""

GRAPH_FIRST: Final = 1_000_000_000
"""Seeds through the graph are other ones than those through the fast driver."""

_PROBLEMS: Final = 5
_LONGEST: Final = 400


def mode_of(seed: int) -> Mode:
    """In which mode a campaign plays a seed."""
    return "liveness" if seed % LIVENESS_EVERY == LIVENESS_EVERY - 1 else "safety"


@dataclass(kw_only=True)
class Tally:
    """What came of the seeds of one driver. ``failed``: seed -> what is wrong with it."""

    seeds: int = 0
    entries: int = 0
    runs: int = 0
    seconds: float = 0.0
    failed: dict[int, list[str]] = field(default_factory=dict)
    met: Met = field(default_factory=Counter)

    @property
    def bound(self) -> float:
        """The rate of violating seeds that is excluded at 95 %."""
        return upper_bound(self.seeds, len(self.failed))

    @property
    def seeds_per_second(self) -> float:
        """Of one process."""
        return self.seeds / self.seconds if self.seconds else 0.0

    def take(self, line: Line) -> None:
        """Count one line of the log."""
        self.seeds += line.last - line.first
        self.entries += line.entries
        self.runs += line.runs
        self.seconds += line.seconds
        self.failed |= {int(seed): problems for seed, problems in line.failed.items()}
        for name, count in line.met.items():
            self.met[_words(name)] += count


def play(stretch: Stretch, at: Callable[[int], None]) -> Line:
    """Play the seeds of a stretch; ``at`` is told each before it begins.

    A seed of the graph is played through the fast driver too: what differs is a problem like any other.
    """
    logging.disable(logging.CRITICAL)  # what workers say of faults is no news here
    seconds, entries, runs, failed, met = 0.0, 0, 0, dict[str, list[str]](), Met()
    for seed in range(stretch.first, stretch.last):
        at(seed)
        began = time.monotonic()
        outcome = run_seed(seed, driver=stretch.driver, mode=mode_of(seed))
        seconds += time.monotonic() - began
        entries, runs, met = entries + outcome.entries, runs + outcome.runs, met + outcome.met
        problems = [*outcome.problems, *(_differs(outcome) if stretch.driver == "graph" else ())]
        if problems:
            failed[str(seed)] = [text[:_LONGEST] for text in problems[:_PROBLEMS]]
    return Line(
        driver=stretch.driver, first=stretch.first, last=stretch.last, seconds=round(seconds, 3),
        entries=entries, runs=runs, failed=failed, met={"|".join(name): met[name] for name in sorted(met)},
    )  # fmt: skip


def lost(driver: Driver, seed: int, why: str) -> Line:
    """What is told of a seed that took its process with it."""
    return Line(
        driver=driver, first=seed, last=seed + 1, seconds=0.0, entries=0, runs=0, failed={str(seed): [why]},
        met={},
    )  # fmt: skip


def _differs(outcome: Outcome) -> list[str]:
    fast = run_seed(outcome.seed, driver="fast", mode=mode_of(outcome.seed))
    return [] if fast.digest == outcome.digest else ["the two drivers do not give the same ledger"]


def _words(name: str) -> tuple[str, str, str, str]:
    group, first, second, third = name.split("|")
    return group, first, second, third
