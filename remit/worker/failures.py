"""Runs that this worker failed at: how often in a row, and whether it may try each again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MAX_FAILURES: Final = 5
_FIRST_REST_S: Final = 0.2  # twice as long behind each further failure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    times: int
    why: str
    rests_until: float


@dataclass(kw_only=True)
class Failures:
    """Safe to ask from many threads. ``clock`` reads seconds that only go forward."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Failed] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, run: str, why: str) -> bool:
        """Count one more failure of ``run``; whether it is given up now."""
        with self._guard:
            times = self._known[run].times + 1 if run in self._known else 1
            rest = _FIRST_REST_S * 2 ** (times - 1)
            self._known[run] = _Failed(times=times, why=why, rests_until=self.clock() + rest)
            return times == MAX_FAILURES

    def give_up(self, run: str, why: str) -> None:
        """Leave ``run`` alone from now on."""
        with self._guard:
            self._known[run] = _Failed(times=MAX_FAILURES, why=why, rests_until=self.clock())

    def succeeded(self, run: str) -> None:
        """Forget what went wrong with ``run``."""
        with self._guard:
            self._known.pop(run, None)

    def given_up(self, run: str) -> str:
        """Why this worker leaves ``run`` alone; empty where it does not."""
        with self._guard:
            known = self._known.get(run)
        return known.why if known is not None and known.times >= MAX_FAILURES else ""

    def rests(self, run: str) -> bool:
        """Whether ``run`` is not to be tried now: it failed a moment ago, or too often."""
        with self._guard:
            known = self._known.get(run)
        return known is not None and (known.times >= MAX_FAILURES or self.clock() < known.rests_until)

    def __len__(self) -> int:
        """How many runs failed when they were last tried."""
        return len(self._known)
