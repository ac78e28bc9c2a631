"""What a step costs late in a long run: processor time of the tenth step and of the last of a thousand.

A run is folded on from what was known, never from the start, so that a step should cost the same wherever in
the run it stands; whatever grows with the run shows here.
"""

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.table import Table

from evals.bench import desk, remit_steps
from remit.bootstrap import App, open_app
from state.reading import read_task
from state.task import Status, Task

STEPS: Final = 1_000
AROUND: Final = 9
"""How many steps in a row make one figure: the median of their times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds of processor time of one step. ``claim_ms``: of reading and folding the run behind it."""

    step: int
    step_ms: float
    claim_ms: float


def measure(folder: Path, *, steps: int = STEPS) -> list[Cost]:
    """Carry one run of ``steps`` writes on a desk in ``folder``; its cost around the tenth and at its end."""
    with open_app(desk.make_long(folder, steps=steps)) as app, app.engine() as engine:
        run = remit_steps.submit(app, "c1", "long@1")
        times, claims = [time.process_time()], dict[int, float]()
        wanted = (10, steps)

        def watch(task: Task) -> None:
            if len(task.operations) < len(times) or task.operations[-1].status is Status.OPEN:
                return
            times.append(time.process_time())
            if len(task.operations) in wanted:
                claims[len(task.operations)] = _fold_ms(app, run)
                times[-1] = time.process_time()  # what was asked here is no part of the next step

        ended = engine.work(run, watch)
        assert ended is not None
        assert ended.closed == "completed", ended
    took = [1000 * (later - earlier) for earlier, later in pairwise(times)]
    return [
        Cost(
            step=step, claim_ms=claims[step],
            step_ms=statistics.median(took[max(0, min(step, steps - AROUND) - 1 - AROUND // 2) :][:AROUND]),
        )
        for step in wanted
    ]  # fmt: skip


def _fold_ms(app: App, run: str) -> float:
    began = time.process_time()
    read_task(app.ledger, run)
    return 1000 * (time.process_time() - began)


def table(costs: list[Cost]) -> Table:
    """The figures beside each other."""
    made = Table(title=f"one run of {costs[-1].step} writes: processor time by where in the run")
    for column in ("step", "ms a step", "against the first", "ms to fold it from the start"):
        made.add_column(column, justify="right")
    for cost in costs:
        made.add_row(
            str(cost.step), f"{cost.step_ms:.2f}", f"{cost.step_ms / costs[0].step_ms:.2f}",
            f"{cost.claim_ms:.2f}",
        )  # fmt: skip
    return made
