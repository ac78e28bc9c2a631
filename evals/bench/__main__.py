"""``python -m evals.bench``: prints ratios, each from rounds that alternate between the things compared."""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from evals.bench import desk, long_run, peers, prover, remit_steps, seeds, shares
from remit.bootstrap import App, open_app
from remit.worker.engine import Engine

WIDTH: Final = 100
SYNCS: Final = 100
BESIDE: Final = ("prover", "seeds", "long")
"""What is measured in processor time alone, each a table of its own."""
MEMORY: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. ``against``: the line that it is compared with; ``over``: it is the divisor."""

    name: str
    what: str
    against: str = ""
    over: bool = False
    aim: str = ""


def rows(many: int) -> tuple[Row, ...]:
    """What is measured, in the order of the table."""
    return (
        Row(name="sync", what="one page written and synced"),
        Row(name="bare", what="two durable commits, bare"),
        Row(name="one", what="remit, one run at a time", against="bare", aim="at most 3"),
        Row(name="cpu", what="  of it processor time", against="bare"),
        Row(name="floor", what="LangGraph, two supersteps, no saver"),
        Row(
            name="langgraph", what="LangGraph, SqliteSaver FULL, sync", against="one", aim="above 1"
        ),
        Row(
            name="many", what=f"remit, {many} runs at once", against="one", over=True, aim="at least 5"
        ),
    )  # fmt: skip


class Bench:
    """One desk, and the figures found there: milliseconds a step, one a round, by what was measured."""

    def __init__(self, base: Path, app: App, engine: Engine) -> None:
        """``base``: an empty folder on the disk that is to be measured."""
        self._base, self._app, self._engine = base, app, engine
        self._cells = 0
        self.found: dict[str, list[float]] = {row.name: [] for row in rows(0)}
        self._carry(1, at_once=1)  # warms up

    def round(self, number: int, many: int) -> None:
        """Measure everything once, in turn."""
        base, steps = self._base, desk.STEPS
        self._add("sync", peers.syncs(base / f"s{number}", SYNCS) / SYNCS)
        self._add("bare", peers.bare_loop(base / f"b{number}.db", steps * 5) / (steps * 5))
        self._add("floor", peers.langgraph(None, steps) / steps)
        self._add("langgraph", peers.langgraph(base / f"l{number}.db", steps) / steps)
        began = time.process_time()
        took = self._carry(3, at_once=1)
        self._add("cpu", (time.process_time() - began) / (3 * steps))
        self._add("one", took / (3 * steps))
        self._add("many", self._carry(many, at_once=many) / (many * steps))

    def _add(self, name: str, seconds: float) -> None:
        self.found[name].append(1000 * seconds)

    def _carry(self, count: int, *, at_once: int) -> float:
        runs = [remit_steps.submit(self._app, f"c{self._cells + n}") for n in range(count)]
        self._cells += count
        return remit_steps.work(self._app, self._engine, runs, at_once=at_once)


def table(found: dict[str, list[float]], many: int) -> Table:
    """The figures beside each other."""
    middle = {name: statistics.median(values) for name, values in found.items()}
    made = Table(title="one guarded, verified write step on SQLite FULL, tools that answer at once")
    made.add_column("what", no_wrap=True)
    for column in ("ms (median)", "least", "most", "against", "ratio", "aim"):
        made.add_column(column, justify="right", no_wrap=True)
    for row in rows(many):
        values, ratio = found[row.name], ""
        if row.against:
            mine, other = middle[row.name], middle[row.against]
            ratio = f"{other / mine if row.over else mine / other:.2f}"
        shown = [f"{x:.2f}" for x in (middle[row.name], min(values), max(values))]
        made.add_row(row.what, *shown, row.against, ratio, row.aim)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=64, help="runs at once")
    parser.add_argument("--shares", action="store_true", help="where the processor time of a step goes")
    parser.add_argument("--only", choices=BESIDE, help="one of the tables behind the first, alone")
    given = parser.parse_args()
    console = Console(width=WIDTH)
    if given.only:
        _beside(console, given.only)
        return
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as folder:
        settings = desk.make(Path(folder) / "desk")
        with open_app(settings) as app, app.engine() as engine:
            if given.shares:
                console.print(shares.table(app, engine))
                return
            bench = Bench(Path(folder), app, engine)
            for number in range(given.rounds):
                bench.round(number, given.many)
            console.print(table(bench.found, given.many))
    for name in BESIDE:
        _beside(console, name)


def _beside(console: Console, name: str) -> None:
    if name == "prover":
        for line in prover.lines():
            console.print(line)
        return
    if name == "seeds":
        console.print(seeds.table(seeds.measure()))
        return
    with tempfile.TemporaryDirectory(prefix="remit-bench-", dir=MEMORY) as folder:  # no disk is measured
        console.print(long_run.table(long_run.measure(Path(folder) / "desk")))


if __name__ == "__main__":
    main()
