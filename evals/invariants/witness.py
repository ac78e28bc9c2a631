"""What is kept beside a world while it runs: what was committed when, and what its targets met."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from evals.invariants.evidence import Arrival, State, When
from state.entry import Entry
from tools.sim.clock import ManualClock


@dataclass(kw_only=True)
class Witness:
    """One counter for everything that became true, so that a ledger and its targets share one order.

    ``heads``: (run, seq, hash) behind each commit. ``readers``: credentials that reads arrived with.
    """

    clock: ManualClock
    count: int = 0
    durable: dict[tuple[str, int], When] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    readers: set[str] = field(default_factory=set)
    posted: set[str] = field(default_factory=set)
    heads: list[tuple[str, int, str]] = field(default_factory=list)

    def now(self) -> When:
        """The next moment."""
        self.count += 1
        return When(order=self.count, ms=self.clock.now_ms)

    def committed(self, entries: Sequence[Entry]) -> None:
        """These entries became durable together."""
        when = self.now()
        self.durable.update({(e.run, e.seq): when for e in entries})
        self.heads += [(e.run, e.seq, e.hash) for e in entries[-1:]]
