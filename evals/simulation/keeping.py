"""What a world keeps itself, beside the ledger: what became true when, what came to targets, who was told.

``Kept.world`` is the side of the evidence that remit has no hand in. ``tell`` is for humans who read a story.
"""

from collections import Counter
from dataclasses import dataclass, field

from evals.invariants.evidence import Delivery, When
from evals.invariants.witness import Witness
from evals.simulation.scheduler import Scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of a story: when, in which order, who, what."""

    when: When
    who: str
    what: str


@dataclass(kw_only=True)
class Kept(Witness):
    """All that became true in one world, counted. ``met``: what was met how often, for the coverage.

    ``proposed``: by the id of its signal, the stop that a decision was made on, and its choice.
    """

    scheduler: Scheduler
    told: set[str] = field(default_factory=set)
    accepted: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    proposed: dict[str, tuple[str, str]] = field(default_factory=dict)
    story: list[Told] = field(default_factory=list)
    met: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def tell(self, what: str, who: str = "") -> None:
        """Write down for the story what somebody did."""
        actor = self.scheduler.current
        self.story.append(Told(when=self.now(), who=who or (actor.name if actor else "world"), what=what))

    def meet(self, fault: str, *, phase: str = "", kind: str = "", decision: str = "") -> None:
        """Count that a fault was met in a phase, by a write of a dedupe kind; or a decision after a stop."""
        self.met[fault, phase, kind, decision] += 1
