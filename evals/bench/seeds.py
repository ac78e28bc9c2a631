"""How many worlds of the simulation a process plays and judges in a second, by driver."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from evals.simulation import run_seed
from evals.simulation.drivers import Driver

FIRST: Final = 5_000_000  # other seeds than those that campaigns play first
SEEDS: Final[dict[Driver, int]] = {"fast": 120, "graph": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Seeds and entries a second of processor time, over ``seeds`` worlds played once before."""

    driver: str
    seeds: int
    seeds_a_second: float
    entries_a_second: float


def measure(seeds: dict[Driver, int] = SEEDS) -> list[Rate]:
    """Play the same worlds twice by each driver and time the second: runbooks are made once a process."""
    with _quiet():
        return [_rate(driver, many) for driver, many in seeds.items()]


def _rate(driver: Driver, many: int) -> Rate:
    numbers = range(FIRST, FIRST + many)
    for seed in numbers:
        run_seed(seed, driver=driver)
    began = time.process_time()
    entries = sum(run_seed(seed, driver=driver).entries for seed in numbers)
    took = time.process_time() - began
    return Rate(driver=driver, seeds=many, seeds_a_second=many / took, entries_a_second=entries / took)


@contextmanager
def _quiet() -> Iterator[None]:
    """Workers that are made to fail say so in the log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def table(rates: list[Rate]) -> Table:
    """The figures beside each other."""
    made = Table(title="simulation: worlds played and judged, one process, a second of processor time")
    for column in ("driver", "worlds", "seeds a second", "entries a second"):
        made.add_column(column, justify="right")
    for rate in rates:
        made.add_row(
            rate.driver, str(rate.seeds), f"{rate.seeds_a_second:.1f}", f"{rate.entries_a_second:.0f}"
        )
    return made
