"""What reads show of the target: the seam between the walk, which is abstract, and a runbook's expressions.

A walk asks a ``Sight`` everything that the verifier would read. ``Trust`` answers without an expression: a
probe, a check says what is so at the target, and a precondition may say anything. Another sight may keep
what reads show as a state of its own (``shown``) and evaluate the runbook's own expressions on it.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from policies.contract import DedupeKind
from policies.plan import Plan

if TYPE_CHECKING:
    from policies.proof.world import World

Place = tuple[str, int | None]  # a step, and the item of its list (None: it has none)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which expression is asked. ``place`` None: of the completion, or a precondition.

    ``scope``: an operation, ``due:OP``, ``completion`` or ``rollback``; ``seen``: what ``attempt`` shows, as
    read into the newest intent; ``initial``: what was shown at first; ``left``: what was given up.
    """

    kind: Literal["probe", "check", "precondition", "conflict"]
    place: Place | None = None
    undo: bool = False
    check: str = ""
    scope: str = ""
    seen: Hashable = None
    initial: Hashable = None
    left: frozenset[Place] = frozenset()


class Sight(Protocol):
    """What reads show, and what writes do to it."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """What was not evaluated, in words."""
        ...

    def beginnings(self) -> Iterable[tuple[str, Hashable]]:
        """Every state that reads may show before the run has written anything, in words and as a value."""
        ...

    def landed(self, shown: Hashable, place: Place, *, undo: bool, seen: Hashable) -> Hashable:
        """What reads show once the write of ``place`` has taken effect; ``seen`` as in ``Question``."""
        ...

    def answers(self, asked: Question, world: "World") -> tuple[str, ...]:
        """Every verdict that is possible: applied, absent, unknown; pass, fail, unknown; yes, no."""
        ...

    def stands(self, world: "World", place: Place) -> bool:
        """Whether what the step is for is true at the target, whatever reads show."""
        ...

    def moved(self, shown: Hashable) -> Iterable[tuple[str, Hashable]]:
        """What somebody else may make of it between two reads."""
        ...


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Every expression means what its place says: a probe tells whether, a check passes when it is so."""

    plan: Plan
    peers: Mapping[Place, frozenset[Place]]
    trusted: tuple[str, ...] = ()

    def beginnings(self) -> Iterable[tuple[str, Hashable]]:
        """Reads show nothing that is kept."""
        return (("", None),)

    def landed(self, shown: Hashable, place: Place, *, undo: bool, seen: Hashable) -> Hashable:  # noqa: ARG002
        """Nothing is kept."""
        return None

    def answers(self, asked: Question, world: "World") -> tuple[str, ...]:
        """What is so; a precondition or a conflict may be either."""
        if asked.kind == "precondition":
            return ("pass", "fail")
        if asked.kind == "conflict":
            return ("no", "yes")
        if asked.kind == "probe":
            return ("applied" if self._applied(asked, world) else "absent",)
        return ("pass" if self._holds(asked, world) else "fail",)

    def stands(self, world: "World", place: Place) -> bool:
        """The effect of the step is there."""
        return world.value(place) >= 1

    def moved(self, shown: Hashable) -> Iterable[tuple[str, Hashable]]:  # noqa: ARG002
        """Nothing is kept."""
        return ()

    def _applied(self, asked: Question, world: "World") -> bool:
        assert asked.place is not None  # noqa: S101 a probe is of a place
        step = self.plan.steps_by_id[asked.place[0]]
        write = step.undo if asked.undo else step.write
        assert write is not None  # noqa: S101 only what can be undone is
        if write.kind is DedupeKind.NATURAL_KEY:
            return any(world.value(p) for p in (asked.place, *self.peers[asked.place]))
        if write.sets_state:
            return world.value(asked.place) == (0 if asked.undo else 1)
        return world.times(asked.scope) > 0

    def _holds(self, asked: Question, world: "World") -> bool:
        if asked.place is None:
            return all(self.stands(world, p) for p in required(self.plan, world, self.peers, asked.left))
        if asked.undo:
            return world.value(asked.place) <= 0
        return self.stands(world, asked.place)


def required(
    plan: Plan, world: "World", peers: Mapping[Place, frozenset[Place]], left: frozenset[Place]
) -> tuple[Place, ...]:
    """The places whose effect a whole run leaves: not given up, not replaced by a later one, readable."""
    places = [place for place, _ in world.cells]
    kept = []
    for index, place in enumerate(places):
        step = plan.steps_by_id[place[0]]
        later = peers[place].intersection(places[index + 1 :]) if step.write.sets_state else frozenset()
        readable = bool(step.write.checks) or step.write.has_probe
        if place not in left and readable and later <= left:
            kept.append(place)
    return tuple(kept)
