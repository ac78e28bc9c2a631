"""What time it is in a simulated world, and what happens when time passes."""

import heapq
import itertools
from collections.abc import Callable


class ManualClock:
    """A clock that moves only when told. Milliseconds since the world began."""

    def __init__(self, now_ms: int = 0) -> None:
        """Start at ``now_ms``."""
        self.now_ms = now_ms
        self._order = itertools.count()
        self._due: list[tuple[int, int, Callable[[], object]]] = []

    def after(self, delay_ms: int, act: Callable[[], object]) -> None:
        """Let ``act`` happen ``delay_ms`` from now, when time gets there."""
        heapq.heappush(self._due, (self.now_ms + delay_ms, next(self._order), act))

    @property
    def next_due_ms(self) -> int | None:
        """When the next thing happens by itself; None: nothing will."""
        return self._due[0][0] if self._due else None

    def advance(self, ms: int) -> None:
        """Pass ``ms`` milliseconds; what falls due happens at its own time, in order."""
        self.pass_to(self.now_ms + ms)

    def pass_to(self, end: int) -> None:
        """Let it be ``end``, in milliseconds; what falls due happens at its own time, in order."""
        while self._due and self._due[0][0] <= end:
            at, _, act = heapq.heappop(self._due)
            self.now_ms = max(self.now_ms, at)
            act()
        self.now_ms = end
