"""What goes wrong in a world, and how often: drawn where it happens, from the seed.

``Odds`` says how likely each thing is; a fresh draw is made at each call, append and step. In a world that is
not ``honest`` a target breaks what its contract promises (a request lands later than the longest, a read lags
more than it may), and then only what holds without that promise is judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tools.sim.faults import Fault, Faults

WRITES: Final = (
    "not_sent", "not_applied", "refused", "forbidden", "error_before", "error_after", "lost_reply", "late",
    "late_dropped", "hang", "claimed", "garbage", "truncated", "throttled", "conflict", "no_return",
)  # fmt: skip
READS: Final = ("not_sent", "not_applied", "error_before", "hang", "garbage", "truncated", "stale", "slow")
LEDGER: Final = ("busy", "disk_full", "lost_commit_stored", "lost_commit_not_stored")
FAR_MS: Final = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How likely each kind of trouble is, where it can happen."""

    write: float
    read: float
    ledger: float
    kill: float
    freeze: float
    jump: float

    @classmethod
    def draw(cls, rng: Random) -> "Odds":
        """Some worlds are calm in one respect and wild in another."""
        return cls(
            write=rng.choice((0.0, 0.2, 0.4, 0.6)),
            read=rng.choice((0.0, 0.02, 0.1, 0.2, 0.6)),
            ledger=rng.choice((0.0, 0.0, 0.02, 0.06)),
            kill=rng.choice((0.0, 0.0, 0.01, 0.03, 0.08)),
            freeze=rng.choice((0.0, 0.0, 0.02, 0.06)),
            jump=rng.choice((0.0, 0.0, 0.3)),
        )


class WireFaults(Faults):
    """Which fault meets the next call. ``on`` False: none any more."""

    def __init__(self, rng: Random, odds: Odds, *, longest_ms: int, lag_ms: int, honest: bool) -> None:
        """``longest_ms``, ``lag_ms``: what the contract calls the longest request and the read lag."""
        super().__init__()
        self._rng, self._odds, self._honest = rng, odds, honest
        self._longest_ms, self._lag_ms = longest_ms, lag_ms
        self._favourite = rng.choice(WRITES)
        self.on = True
        self.meets: Callable[[str], None] = lambda _fault: None

    def take(self, tool: str) -> Fault | None:
        """Draw for one call of ``tool``; a world has a fault that it prefers."""
        rng, reads = self._rng, tool == "things.get"
        if not self.on or rng.random() >= (self._odds.read if reads else self._odds.write):
            return None
        kind = rng.choice(READS) if reads else rng.choice((self._favourite, rng.choice(WRITES)))
        self.meets(kind)
        return Fault(tool=tool, kind=kind, delay_ms=self._delay(kind))

    def _delay(self, kind: str) -> int:
        if kind == "no_return":  # left behind: it may land whenever it likes
            return self._rng.choice((0, 1_000, 20_000, FAR_MS))
        if kind == "stale":
            return self._rng.choice((0, self._lag_ms) if self._honest else (self._lag_ms, FAR_MS))
        if not self._honest:
            return self._rng.choice((0, self._longest_ms, 3 * self._longest_ms + 1_000, FAR_MS))
        return self._rng.choice((0, self._longest_ms // 2, self._longest_ms))
