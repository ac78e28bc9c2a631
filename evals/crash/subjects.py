"""Which runs are killed everywhere: a dedupe kind, what its target does, and what each must come to.

What must hold is derived from the target's promise and from what the killed processes had made durable;
nothing here asks remit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from evals.storm.cases import GOAL
from evals.storm.desk import STOPPED

KINDS: Final = (
    "native_key", "natural_key", "conditional_write", "read_back", "set_state", "roll_back", "none",
)  # fmt: skip
SETTLES: Final = ("native_key", "natural_key", "conditional_write")  # however late a double comes
BESIDE: Final = "-beside"  # the second thing of a run that rolls back

Plan = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One kind of run against one kind of target.

    ``end``: the state that it must come to, whatever dies; ``effects``: where its effects leave the thing.
    ``sets``: some of them set a state, and may be repeated. ``stops_lost``: once an answer was lost, nobody
    but a human can go on.
    """

    kind: str
    target: str
    plan: Plan = ()
    beside: Plan = ()
    end: str = "completed"
    effects: tuple[int, ...] = (GOAL,)
    stops_lost: bool = False
    sets: bool = False

    @property
    def name(self) -> str:
        """Kind and target."""
        return f"{self.kind}/{self.target}"

    def plans(self, thing: str) -> Mapping[str, Plan]:
        """The faults of each thing that a run on ``thing`` writes."""
        return {thing: self.plan, thing + BESIDE: self.beside}


def _faults(*kinds: str, times: int = 1) -> Plan:
    return tuple({"kind": kind, "times": times} for kind in kinds)


_STUMBLES: Final = _faults("unavailable", "lost_reply")  # not applied and said so; applied and not said


def _pair(kind: str, faults: Plan, **said: Any) -> tuple[Subject, Subject]:
    clean = Subject(kind=kind, target="clean", **said)
    return clean, replace(clean, target="faulty", plan=faults)


_STATE: Final = {"effects": (STOPPED, GOAL), "sets": True}
_BACK: Final = {
    "beside": _faults("refused", times=0),
    "end": "rolled_back",
    "effects": (GOAL, 0),
    "sets": True,
}
_PAIRS: Final = (
    *(_pair(kind, _STUMBLES) for kind in ("native_key", "natural_key", "conditional_write", "read_back")),
    _pair("set_state", (*_STUMBLES, *_faults("error_after")), **_STATE),
    _pair("roll_back", (*_faults("lost_reply"), *_STUMBLES), **_BACK),
    # Nothing settles an answer that was lost, whoever lost it: here the target itself loses one.
    (
        Subject(kind="none", target="clean", stops_lost=True),
        Subject(kind="none", target="faulty", plan=_STUMBLES, end="escalated"),
    ),
)
SUBJECTS: Final = {subject.name: subject for pair in _PAIRS for subject in pair}
SHORT: Final = ("read_back/faulty",)
AGAIN: Final = ("read_back/faulty", "conditional_write/clean")
"""Those that die a second time, at every place of each recovery."""
SPOILT: Final = ("read_back/faulty", "roll_back/clean", "none/clean")
"""Those whose disk fails, in every way, at every commit."""
STOPPED_AT: Final = ("read_back/faulty", "conditional_write/clean", "none/clean")
"""Those that are stopped at every place, in every scene."""
