"""What is explored: a plan, what its steps write to, what reads show, how often each thing may go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from policies.contract import DedupeKind
from policies.plan import Plan, WritePlan
from policies.proof.sight import Place, Sight, Trust

ENDLESS: Final = 99  # as often as it likes: only the run's own budgets bound it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often each thing may happen on one path. ``hosts``: where a successor may run."""

    crashes: int = 1
    decisions: int = 1
    cancels: int = 0
    holds_back: int = 0  # stop switch thrown or run paused
    denials: int = 0
    others: int = 0  # somebody else writes
    blind: int = 1  # reads that show nothing
    lies: int = 1  # answers of success without an effect
    sick: int = 0  # checks that fail although the effect is there
    pauses: int = 0  # answers of 401
    refusals: int = 1
    unsent: int = 0  # calls that cannot be made
    repairs: int = 0  # a human does by hand what the run could not
    hosts: str = "AB"
    poison: bool = False  # claims in a row are counted
    in_a_row: bool = False  # workers are lost one right after another, with nothing done between
    idle: int = 0  # a human leaves the run alone for longer than any window
    late: int = 0  # the deadline passes at any point
    crowded: int = 0  # other runs use up what may be sent to the resource
    judged: int = 0  # a model puts its own move before the rules'


CALM: Final = Limits(crashes=0, decisions=0, blind=0, lies=0, refusals=0)


def fewer(times: int) -> int:
    """What is left of a limit once it was drawn on."""
    return times if times >= ENDLESS else times - 1


@dataclass(frozen=True, kw_only=True)
class Case:
    """One plan to explore, and what may happen to it.

    ``items``: how many items each ``for_each`` has; ``resources``: what a place writes to, by default one of
    its own; ``names``: the unique name that a creating write takes there; ``conflicts``: steps that look for
    a conflict before their first send; ``rereads``: looks that a model may ask for; ``window``: places
    that are disturbed, empty for all of them; ``beginnings``: of how many, the most telling first.
    """

    name: str
    plan: Plan
    limits: Limits = field(default_factory=Limits)
    mode: str = "delegated"
    items: Mapping[str, int] = field(default_factory=dict)
    resources: Mapping[Place, str] = field(default_factory=dict)
    names: Mapping[Place, str] = field(default_factory=dict)
    conflicts: frozenset[str] = frozenset()
    rereads: int = 1
    given: Sight | None = None
    window: frozenset[Place] = frozenset()
    beginnings: int | None = None

    @cached_property
    def sight(self) -> Sight:
        """What reads show; on trust where nothing else was given."""
        return self.given or Trust(plan=self.plan, peers=self.peers)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every step and item, in order."""
        return tuple(
            (s.id, item)
            for s in self.plan.steps
            for item in (range(self.items.get(s.id, 1)) if s.each else (None,))
        )

    @cached_property
    def order(self) -> Mapping[Place, int]:
        """The number of each place."""
        return {place: number for number, place in enumerate(self.places)}

    def resource(self, place: Place) -> str:
        """What is written to there."""
        return self.resources.get(place, f"{place[0]}[{place[1]}]")

    @cached_property
    def peers(self) -> Mapping[Place, frozenset[Place]]:
        """Of each place, the others whose effect a write there replaces, or whose unique name it takes."""
        return {place: frozenset(p for p in self.places if self._meet(place, p)) for place in self.places}

    def _meet(self, one: Place, other: Place) -> bool:
        first, second = (self.plan.steps_by_id[p[0]].write for p in (one, other))
        if one == other or self.resource(one) != self.resource(other):
            return False
        if first.kind is DedupeKind.NATURAL_KEY and second.kind is first.kind:
            return self.names.get(one, str(one)) == self.names.get(other, str(other))
        return first.sets_state and second.sets_state

    @cached_property
    def versioned(self) -> frozenset[str]:
        """Resources of which a version is asked for by some write."""
        return frozenset(
            self.resource(place)
            for place in self.places
            for write in self._writes(place)
            if write.kind is DedupeKind.CONDITIONAL_WRITE
        )

    def _writes(self, place: Place) -> tuple[WritePlan, ...]:
        step = self.plan.steps_by_id[place[0]]
        return (step.write,) if step.undo is None else (step.write, step.undo)

    @cached_property
    def settable(self) -> frozenset[Place]:
        """Places where doing by hand what the run does, before or after it, comes to the same."""
        once = (DedupeKind.NATURAL_KEY, DedupeKind.CONDITIONAL_WRITE)
        return frozenset(
            place
            for place in self.places
            if (w := self.plan.steps_by_id[place[0]].write).sets_state or w.kind in once
        )

    @cached_property
    def patience_ms(self) -> int:
        """How long the longest check is asked, or has to hold."""
        of_steps = (c for place in self.places for w in self._writes(place) for c in w.checks)
        return max((max(c.within_ms, c.hold_ms) for c in (*of_steps, *self.plan.completion)), default=0)

    @cached_property
    def writes_bind(self) -> bool:
        """``limits.writes`` may run out before the budgets of the steps do."""
        worst = sum(self.plan.steps_by_id[p[0]].write.budget + 1 for p in self.places)
        return self.plan.writes < worst

    @cached_property
    def turns_by_itself(self) -> bool:
        """The runbook rolls back without a human who says so."""
        return self.plan.on_exhausted == "roll_back" or any(
            step.on_refused == "roll_back" for step in self.plan.steps
        )

    @cached_property
    def attempts_bind(self) -> bool:
        """What may be sent to a resource may run out before the budgets of the steps do."""
        most = self.plan.attempts_max
        worst = sum(w.budget + 1 for p in self.places for w in self._writes(p))
        return most is not None and most < worst
