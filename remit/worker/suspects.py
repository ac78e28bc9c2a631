"""Runs that may end every process that carries them: each is carried alone, so that none beside it is blamed.

A run is suspected once several claims in a row came to nothing and the last holder never gave it back.
Whatever is carried beside such a run ends with it, and looks no better. A suspected run has one turn a claim.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from state.ledger.port import RunInfo
from state.recall import Recall

IDLE_CLAIMS: Final = 3  # half of what stops a run for a human
ALONE_S: Final = 30.0


@dataclass(kw_only=True)
class Suspects:
    """Safe under the lock of whoever asks. ``clock`` reads seconds that only go forward."""

    recall: Recall
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[int, bool]] = field(default_factory=dict)  # run -> epoch, whether it is suspected
    _asked_until: dict[str, float] = field(default_factory=dict)
    _alone: str = ""
    _alone_until: float = 0.0

    @property
    def alone(self) -> bool:
        """Whether a suspected run is carried now that has shown no progress yet, for ``ALONE_S`` at most."""
        return bool(self._alone) and self.clock() < self._alone_until

    def first(self, claimable: Iterable[RunInfo]) -> list[tuple[RunInfo, bool]]:
        """``claimable`` with the suspected runs first, each with whether it is one."""
        found = [(info, self._suspected(info)) for info in claimable]
        listed = {info.run for info, _ in found}
        self._known = {run: known for run, known in self._known.items() if run in listed}
        self._asked_until = {run: until for run, until in self._asked_until.items() if run in listed}
        return sorted(found, key=lambda one: not one[1])

    def turn(self, run: str, *, busy: bool) -> bool:
        """Whether the suspected ``run`` may start; nothing else may then, until it is cleared.

        While others are at work it waits for them, for ``ALONE_S`` at most.
        """
        now = self.clock()
        if busy and now < self._asked_until.setdefault(run, now + ALONE_S):
            return False
        self._alone, self._alone_until = run, now + ALONE_S
        self._known[run] = (self._known[run][0], False)  # where it cannot be taken, it holds nobody up again
        return True

    def clear(self, run: str) -> None:
        """Let others start: ``run`` got somewhere, or was left."""
        if self._alone == run:
            self._alone = ""

    def _suspected(self, info: RunInfo) -> bool:
        if info.released or info.epoch < IDLE_CLAIMS:
            return False
        epoch, suspected = self._known.get(info.run, (0, False))
        if epoch != info.epoch:
            suspected = self.recall.task(info.run).idle_claims >= IDLE_CLAIMS
            self._known[info.run] = (info.epoch, suspected)
        return suspected
