"""Which runs are killed everywhere: a dedupe kind, what its target does, and what each must come to.

What must hold is derived from the target's promise and from what the killed processes had made durable;
nothing here asks remit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from evals.storm.cases import GOAL
from evals.storm.desk import STOPPED

KINDS: Final = (
    "native_key", "natural_key", "conditional_write", "read_back", "set_state", "roll_back", "none",
)  # fmt: skip
BESIDE: Final = "-beside"  # the second thing of a run that rolls back

Plan = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One kind of run against one kind of target.

    ``end``: the state that it must come to, whatever dies; ``effects``: where its effects leave the thing,
    doubled sets apart. ``stops_lost``: once an answer was lost it waits for a human instead.
    """

    kind: str
    target: str
    plan: Plan = ()
    beside: Plan = ()
    end: str = "completed"
    effects: tuple[int, ...] = (GOAL,)
    stops_lost: bool = False
    sets: bool = field(default=False)

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


def _subjects(kind: str) -> tuple[Subject, Subject]:
    if kind == "set_state":
        effects = (STOPPED, GOAL)
        return (
            Subject(kind=kind, target="clean", effects=effects, sets=True),
            Subject(
                kind=kind,
                target="faulty",
                plan=(*_STUMBLES, *_faults("error_after")),
                effects=effects,
                sets=True,
            ),
        )
    if kind == "roll_back":
        refused = _faults("refused", times=0)
        there_and_back = Subject(
            kind=kind, target="clean", beside=refused, end="rolled_back", effects=(GOAL, 0), sets=True
        )
        faults = (*_faults("lost_reply"), *_STUMBLES)
        return there_and_back, Subject(
            kind=kind,
            target="faulty",
            plan=faults,
            beside=refused,
            end="rolled_back",
            effects=(GOAL, 0),
            sets=True,
        )
    if kind == "none":
        return (
            Subject(kind=kind, target="clean", stops_lost=True),
            Subject(kind=kind, target="faulty", plan=_STUMBLES, end="escalated", stops_lost=True),
        )
    return Subject(kind=kind, target="clean"), Subject(kind=kind, target="faulty", plan=_STUMBLES)


SUBJECTS: Final = {subject.name: subject for kind in KINDS for subject in _subjects(kind)}
