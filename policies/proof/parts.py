"""The parts that a proof falls into: independent of each other, so that each may be explored by itself.

A part is named, not held: what explores it makes the case anew from the runbook and its contracts, in the
same process or in another one. What it found is a plain value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from policies.contract import ToolContract
from policies.proof.campaigns import BY_NAME, Depth, campaigns_of, under
from policies.proof.case import Case
from policies.proof.drills import drills
from policies.proof.expressions import judge
from policies.proof.from_runbook import case_of
from policies.proof.proof import Note
from policies.proof.search import Broken, Explored, Slot, Story, explore
from policies.proof.windows import placed, windows_of
from policies.runbook import Runbook

EXPRESSIONS: Final = "expressions"
DRILLS: Final = "drills"
MAX_STATES: Final = 500_000  # of one part: about a gigabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: a campaign over a window of places, or the expressions, or the drills (no window)."""

    name: str
    window: tuple[str, ...] = ()
    number: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a part is: shown to the caller's watch now and then."""

    part: Part
    states: int
    waiting: int


Watch = Callable[[Progress], bool]  # False: stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a part. ``bound``: why not everything was looked at; empty where it was."""

    part: Part
    states: int = 0
    bound: str = ""
    endings: Mapping[str, Story] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    rows: frozenset[int] = frozenset()
    sends: Mapping[Slot, int] = field(default_factory=dict)
    effects: Mapping[Slot, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    trusted: tuple[str, ...] = ()


def parts_of(runbook: Runbook, contracts: Mapping[str, ToolContract], *, depth: Depth) -> tuple[Part, ...]:
    """List the parts of a proof, the longest first; KeyError where a tool has no contract."""
    case = _case(runbook, contracts)
    windows = windows_of(case)
    parts = [Part(name=c.name, window=window) for c in campaigns_of(case, depth) for window in windows]
    parts += [Part(name=EXPRESSIONS), Part(name=DRILLS)]
    return tuple(replace(part, number=n, of=len(parts)) for n, part in enumerate(parts, 1))


def explore_part(
    runbook: Runbook,
    contracts: Mapping[str, ToolContract],
    part: Part,
    *,
    states: int | None = None,
    watch: Watch | None = None,
    to_first: bool = False,
) -> Found:
    """Look at everything in ``part``, at ``states`` at the most, and as long as ``watch`` answers True.

    ``to_first``: only up to the first law that is broken.
    """
    if part.name == EXPRESSIONS:
        return _expressions(runbook, contracts, part)
    case = _case(runbook, contracts)
    if part.name == DRILLS:
        return Found(part=part, broken=tuple(drills(case, runbook)))
    case = replace(under(case, BY_NAME[part.name]), window=placed(part.window, case))
    return _walked(case, part, states or MAX_STATES, watch, to_first=to_first)


_MADE: list[tuple[Runbook, Mapping[str, ToolContract], Case]] = []  # the newest: a case is a pure function


def _case(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Case:
    """The case of all parts of one proof: its beginnings take longer to find than a short part to explore."""
    for known, with_contracts, case in _MADE:
        if known is runbook and with_contracts is contracts:
            return case
    case = case_of(runbook, contracts)
    _MADE[:] = [(runbook, contracts, case)]
    return case


def _expressions(runbook: Runbook, contracts: Mapping[str, ToolContract], part: Part) -> Found:
    judged = judge(runbook, contracts)
    return Found(
        part=part,
        broken=tuple(Broken(law=f.law, what=f.headline, story=f.story, path=f.path) for f in judged.broken),
        notes=tuple(Note(law=f.law, text=f.text) for f in judged.findings if not f.blocks),
        trusted=judged.trusted,
    )


def _walked(case: Case, part: Part, states: int, watch: Watch | None, *, to_first: bool) -> Found:
    stopped = False

    def go_on(found: Explored) -> bool:
        nonlocal stopped
        progress = Progress(part=part, states=found.scenes, waiting=found.waiting)
        stopped = watch is not None and not watch(progress)
        return not stopped

    found = explore(case, most=states, to_first=to_first, watch=go_on)
    bound = "" if found.complete else ("the time was up" if stopped else f"{states} states were looked at")
    return Found(
        part=part,
        states=found.scenes,
        bound=bound,
        endings=found.endings,
        broken=tuple(found.broken.values()),
        rows=frozenset(row for row, _ in found.rows),
        sends=found.sends,
        effects=found.effects,
    )
