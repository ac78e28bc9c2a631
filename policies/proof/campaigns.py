"""What goes wrong together: for each depth the sets of disturbances that a runbook is explored under.

One path may hold everything of one campaign at once, each as often as its limits say; two campaigns are not
mixed. What a step's own budgets bound is not bounded again (``ENDLESS``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from policies.contract import DedupeKind
from policies.moves.humans import MAX_IDLE_CLAIMS
from policies.proof.case import ENDLESS, Case, Limits


class Depth(StrEnum):
    """How much is explored."""

    QUICK = "quick"  # every outcome and every substitution of a model, without crash
    FULL = "full"  # crash, paused worker, human decision and disturbance at every point


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One set of disturbances. ``says``: in words; ``needs``: which cases it is for; ``mode``: of the run.

    ``beginnings``: from how many it is explored; None: from all.
    """

    name: str
    says: str
    limits: Limits
    depth: Depth = Depth.FULL
    mode: str = "delegated"
    beginnings: int | None = 1
    needs: Callable[[Case], bool] = lambda case: True  # noqa: ARG005


def _conditional(case: Case) -> bool:
    return bool(case.versioned)


def _windowed(case: Case) -> bool:
    writes = (w for s in case.plan.steps for w in (s.write, s.undo) if w is not None)
    return any(w.kind is DedupeKind.NATIVE_KEY and w.window_ms is not None for w in writes)


_NOTHING: Final = Limits(crashes=0, decisions=0, blind=0, lies=0, refusals=0, hosts="A")
_OUTCOMES: Final = replace(
    _NOTHING,
    lies=ENDLESS,
    sick=ENDLESS,
    refusals=ENDLESS,
    blind=ENDLESS,
    unsent=ENDLESS,
    others=1,
    pauses=1,
)
_LOST: Final = replace(_NOTHING, crashes=1, decisions=1, hosts="AB")

CAMPAIGNS: Final = (
    Campaign(
        name="outcomes",
        says="every outcome of every call, stale and missing reads, checks that fail",
        limits=_OUTCOMES,
        depth=Depth.QUICK,
    ),
    Campaign(
        name="models",
        says="every move that a model may put before the rules', and what it may say in vain",
        limits=replace(_NOTHING, judged=1, blind=ENDLESS, refusals=1),
        depth=Depth.QUICK,
    ),
    Campaign(
        name="beginnings",
        says="every state that the run may find, and every outcome",
        limits=replace(_OUTCOMES, sick=1, blind=1, pauses=0, unsent=0, others=0),
        beginnings=None,
    ),
    Campaign(
        name="desk faults",
        says="the target does not let remit in, as often as it likes, beside lost answers",
        limits=replace(_NOTHING, pauses=ENDLESS),
    ),
    Campaign(
        name="crash",
        says="a worker lost at every point, seen dead, alive or paused elsewhere; one human decision",
        limits=replace(_LOST, blind=1),
    ),
    Campaign(
        name="crash and a target that lies",
        says="the same, beside an answer of success without an effect",
        limits=replace(_LOST, lies=1),
    ),
    Campaign(
        name="two decisions",
        says="two human decisions, and work done by hand meanwhile",
        limits=replace(_NOTHING, decisions=2, repairs=1, refusals=1),
    ),
    Campaign(
        name="cancelled",
        says="a cancel at every point, beside a lost worker",
        limits=replace(_LOST, decisions=0, cancels=1),
    ),
    Campaign(
        name="held back",
        says="the stop switch or a pause at every point, a cancel, and one human decision",
        limits=replace(_NOTHING, decisions=1, cancels=1, holds_back=1),
    ),
    Campaign(
        name="lost again and again",
        says="a worker lost at any point, and each that takes over, until the run is called stuck",
        limits=replace(_NOTHING, crashes=MAX_IDLE_CLAIMS + 1, poison=True, in_a_row=True),
    ),
    Campaign(
        name="denied",
        says="a withdrawn delegation, a deadline and budgets that run out at every point; one decision",
        limits=replace(_NOTHING, decisions=1, denials=1, late=1, crowded=1),
    ),
    Campaign(
        name="confirm",
        says="each write confirmed by a human, refused or left unanswered, beside a lost worker",
        limits=replace(_LOST, decisions=0),
        mode="confirm",
    ),
    Campaign(
        name="others",
        says="somebody else writes under the same condition, beside a lost worker",
        limits=replace(_LOST, others=1),
        needs=_conditional,
    ),
    Campaign(
        name="key forgotten",
        says="a human lets a run lie for longer than any key is remembered, beside a lost worker",
        limits=replace(_LOST, idle=1, blind=1),
        needs=_windowed,
    ),
)

BY_NAME: Final[Mapping[str, Campaign]] = MappingProxyType({c.name: c for c in CAMPAIGNS})


def campaigns_of(case: Case, depth: Depth) -> Iterator[Campaign]:
    """The campaigns that a case is explored under."""
    for campaign in CAMPAIGNS:
        if campaign.needs(case) and (depth is Depth.FULL or campaign.depth is Depth.QUICK):
            yield campaign


def under(case: Case, campaign: Campaign) -> Case:
    """The case under a campaign."""
    return replace(case, limits=campaign.limits, mode=campaign.mode, beginnings=campaign.beginnings)
