"""Which fault meets which request: a plan of faults per thing, taken one a request, in order.

| kind            | applied       | what the client gets                                    |
|-----------------|---------------|---------------------------------------------------------|
| none            | yes           | the answer                                              |
| lost_reply      | yes           | the connection is reset                                 |
| error_after     | yes           | 500                                                     |
| late            | after delay   | the answer, if it is still there                        |
| late_dropped    | after delay   | the connection is reset at once                         |
| claimed         | no            | 200 with a body as if it had been                       |
| garbage         | yes           | 200 with a body that is no JSON                         |
| truncated       | yes           | 200 with half of a body                                 |
| slow            | yes           | the answer, dripped byte by byte over delay             |
| hang            | no            | nothing for delay, then the connection is reset         |
| error_before    | no            | 500                                                     |
| unavailable     | no            | 503                                                     |
| refused         | no            | 422                                                     |
| throttled       | no            | 429 with an absurd Retry-After                          |
| redirect        | no            | 307 to itself                                           |
| forbidden       | no            | 403                                                     |
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

KINDS: Final = (
    "none",
    "lost_reply",
    "error_after",
    "late",
    "late_dropped",
    "claimed",
    "garbage",
    "truncated",
    "slow",
    "hang",
    "error_before",
    "unavailable",
    "refused",
    "throttled",
    "redirect",
    "forbidden",
)
NOT_APPLIED_STATUS: Final = {
    "error_before": 500,
    "unavailable": 503,
    "refused": 422,
    "throttled": 429,
    "redirect": 307,
    "forbidden": 403,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one request. ``on``: ``write`` or ``read``; ``times``: how many in a row, 0: all."""

    kind: str
    delay_ms: int = 0
    on: str = "write"
    times: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.on not in ("write", "read"):
            raise ValueError(f"no such fault: {self.kind} on {self.on}")


NO_FAULT: Final = Fault(kind="none")


class Plan:
    """Faults by thing and direction. What is not planned goes well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[tuple[str, str], deque[tuple[Fault, int]]] = {}

    def add(self, plan: dict[str, list[dict[str, Any]]]) -> None:
        """Replace the faults of each thing in ``plan``; ValueError or TypeError for what is no fault."""
        read = {thing: [Fault(**fault) for fault in faults] for thing, faults in plan.items()}
        with self._lock:
            for thing, faults in read.items():
                for on in ("write", "read"):
                    self._queues[thing, on] = deque((f, f.times) for f in faults if f.on == on)

    def take(self, thing: str, on: str) -> Fault:
        """Take the fault of the next request for ``thing``."""
        with self._lock:
            queue = self._queues.get((thing, on))
            if not queue:
                return NO_FAULT
            fault, left = queue[0]
            if left == 1:
                queue.popleft()
            elif left > 1:
                queue[0] = (fault, left - 1)
            return fault
