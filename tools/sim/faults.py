"""Which fault meets which call of a tool in a simulated world.

| kind         | applied       | what the caller learns                              |
|--------------|---------------|-----------------------------------------------------|
| not_sent     | no            | no connection                                       |
| not_applied  | no            | a status that says so: 503                          |
| refused      | no            | a status that says so: 422                          |
| forbidden    | no            | 403                                                 |
| error_before | no            | 500                                                 |
| error_after  | yes           | 500                                                 |
| lost_reply   | yes           | the connection is lost                              |
| late         | after delay   | the answer, or a timeout if it is gone by then      |
| late_dropped | after delay   | the connection is lost at once                      |
| hang         | no            | a timeout                                           |
| claimed      | no            | a success                                           |
| garbage      | yes           | a success with a body that is none                  |
| truncated    | yes           | a success with half of a body                       |
| throttled    | no            | 429, to be asked again in a year                    |
| conflict     | no            | 409                                                 |
| slow         | after delay   | the answer, or a timeout where it takes too long    |
| stale        | no            | a read: how it was ``delay_ms`` ago                 |
| no_return    | after delay   | nothing: the call does not come back                |
"""

from dataclasses import dataclass
from typing import Final

KINDS: Final = frozenset(
    {
        "not_sent",
        "not_applied",
        "refused",
        "forbidden",
        "error_before",
        "error_after",
        "lost_reply",
        "late",
        "late_dropped",
        "hang",
        "claimed",
        "garbage",
        "truncated",
        "throttled",
        "conflict",
        "slow",
        "stale",
        "no_return",
    }
)
STATUS: Final = {
    "not_applied": 503, "refused": 422, "forbidden": 403, "error_before": 500, "throttled": 429,
    "conflict": 409,
}  # fmt: skip
HEADERS: Final = {"throttled": {"retry-after": "31536000"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``kind`` meets calls ``nth`` to ``nth + times - 1`` of ``tool``, counted from when it is planned."""

    tool: str
    kind: str
    nth: int = 1
    times: int = 1
    delay_ms: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}")


class Faults:
    """The plan of a world. A call that no fault meets goes well."""

    def __init__(self) -> None:
        self._planned: list[tuple[Fault, int]] = []
        self._calls: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        """Plan one more."""
        self._planned.append((fault, self._calls.get(fault.tool, 0)))

    def take(self, tool: str) -> Fault | None:
        """Count one call of ``tool`` and give the fault that meets it."""
        self._calls[tool] = call = self._calls.get(tool, 0) + 1
        for fault, before in self._planned:
            if fault.tool == tool and fault.nth <= call - before < fault.nth + fault.times:
                return fault
        return None
