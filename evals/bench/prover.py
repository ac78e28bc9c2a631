"""How many states a second the prover of runbooks looks at, on runbooks made unsafe and mended again."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.unsafe.cases import cases, load
from policies.proof.campaigns import Depth
from policies.proof.prover import prove

RUNBOOKS: Final = ("rollback-keeps-effect", "steps-fight")  # one step with its undo, and two steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One proof: how many states, in how many seconds of processor time."""

    runbook: str
    states: int
    seconds: float

    @property
    def states_a_second(self) -> float:
        """The speed."""
        return self.states / self.seconds


def speeds(depth: Depth = Depth.QUICK) -> tuple[Speed, ...]:
    """Prove each of ``RUNBOOKS`` once, in this process."""
    found = []
    for case in cases():
        if case.name in RUNBOOKS:
            with tempfile.TemporaryDirectory(prefix="remit-bench-") as folder:
                loaded, contracts = load(case.copy_to(Path(folder), mended=True))
            began = time.process_time()
            proof = prove(loaded.value, contracts, depth=depth)
            took = time.process_time() - began
            found.append(Speed(runbook=case.name, states=proof.states, seconds=took))
    return tuple(found)


def lines() -> list[str]:
    """The speeds in words, for the table of the bench."""
    return [
        f"prover: {speed.runbook}: {speed.states:,} states, {speed.states_a_second:,.0f} a second"
        for speed in speeds()
    ]
