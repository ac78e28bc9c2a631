"""Whether a runbook is safe on every path: all parts of its proof, joined into one.

Pure: no clock is read and no process is started. Whoever calls gives a ``watch``, which is asked now and
then whether to go on, or explores the parts (``parts_of``, ``explore_part``) in processes of its own and
joins what came of them (``proof_of``).
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from policies.contract import ToolContract
from policies.lint.worst_case import worst_case
from policies.proof.campaigns import BY_NAME, Depth
from policies.proof.case import Case
from policies.proof.drills import DRILL_LAWS
from policies.proof.findings import EXPRESSION_LAWS
from policies.proof.from_runbook import case_of
from policies.proof.laws import LAWS
from policies.proof.parts import DRILLS, EXPRESSIONS, Found, Part, Progress, Watch, explore_part, parts_of
from policies.proof.proof import (
    Broken,
    CampaignFound,
    Effect,
    Ending,
    Note,
    Proof,
    RollbackReach,
    Row,
    Verdict,
)
from policies.proof.rows import rows_of
from policies.runbook import Runbook

__all__ = [
    "PROOF_LAWS", "Depth", "Found", "Part", "Progress", "Watch", "explore_part", "parts_of", "proof_of",
    "prove",
]  # fmt: skip

ROLLBACK_LAW: Final = "rollback_reachable"
PROOF_LAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **LAWS,
        **{law: says for law, (says, _) in EXPRESSION_LAWS.items()},
        **DRILL_LAWS,
        ROLLBACK_LAW: "what is declared to be undone can be undone on some path",
    }
)
NOT_MODELLED: Final = (
    "values but a few: numbers that the expressions name, and one more and less; lists of two items",
    "somebody else's writes, but for targets that check a condition",
    "what an undo brings back that sets a state to a constant",
    "lists of more than two items: items are alike and worked off one after another, two stand for all",
    "disturbances in two steps or items of one run, unless its limits may run out: each has its turn",
    "more than one beginning, but in the campaign that is named so and where expressions are evaluated",
    "a second move of a model, a second lost worker, or more mishaps on one path than a campaign names",
    "waiting in line for a resource that another run holds, windows, and reads at the very first that fail",
    "when the next level of an escalation is told: nothing else depends on it",
    "tools that cannot be made at the desk (row 6, tools_unavailable)",
    "a deadline that passes within a step's own waits: it passes between any two moves instead",
    "a target that keeps a request for longer than its contract says, or shows a write later than it says",
    "a sender elsewhere that sleeps past the window of its key: outside of any promise",
)


def prove(
    runbook: Runbook,
    contracts: Mapping[str, ToolContract],
    *,
    depth: Depth = Depth.QUICK,
    states: int | None = None,
    watch: Watch | None = None,
) -> Proof:
    """Explore every part, one after another; KeyError where a tool has no contract.

    ``states``: the most of one part; ``watch``: is shown the progress, and stops the whole by False.
    """
    found, going = [], True

    def asked(progress: Progress) -> bool:
        nonlocal going
        going = going and (watch is None or watch(progress))
        return going

    for part in parts_of(runbook, contracts, depth=depth):
        if not going:
            break
        found.append(explore_part(runbook, contracts, part, states=states, watch=asked))
    return proof_of(runbook, contracts, found, depth=depth)


def proof_of(
    runbook: Runbook, contracts: Mapping[str, ToolContract], found: Iterable[Found], *, depth: Depth
) -> Proof:
    """Join what came of the parts, in any order; a part that is missing was not explored."""
    by_part = {(one.part.name, one.part.window): one for one in found}
    parts = parts_of(runbook, contracts, depth=depth)
    known = [by_part[key] for p in parts if (key := (p.name, p.window)) in by_part]
    missing = [p for p in parts if (p.name, p.window) not in by_part]
    case = case_of(runbook, contracts)
    bounds = (*_bounds(known), *(f"{_named(p)}: not begun" for p in missing))
    broken = [*_broken(known)]
    rollback = _rollback(known, case, depth)
    if not bounds:
        broken += _never_undone(known, case, rollback, depth)
    rows = rows_of((row for one in known for row in one.rows), case, depth)
    notes = (*(note for one in known for note in one.notes), *_row_notes(rows, bounds))
    return Proof(
        runbook=runbook.ref,
        depth=depth,
        verdict=_verdict(broken, bounds),
        states=sum(one.states for one in known),
        campaigns=tuple(_campaigns(known)),
        broken=tuple(broken),
        endings=_endings(known),
        effects=tuple(_effects(known, case, runbook)),
        rows=rows,
        rollback=rollback,
        notes=tuple(dict.fromkeys(notes)),
        trusted=tuple(dict.fromkeys(text for one in known for text in one.trusted)),
        bounds=bounds,
        not_modelled=NOT_MODELLED,
    )


def _verdict(broken: list[Broken], bounds: tuple[str, ...]) -> Verdict:
    if broken:
        return Verdict.COUNTEREXAMPLE
    return Verdict.NOT_EXHAUSTED if bounds else Verdict.PROVED


def _named(part: Part) -> str:
    return part.name if not part.window else f"{part.name} ({', '.join(part.window)})"


def _bounds(known: list[Found]) -> Iterator[str]:
    for one in known:
        if one.bound:
            yield f"{_named(one.part)}: {one.bound}"


def _campaigns(known: list[Found]) -> Iterator[CampaignFound]:
    for name in dict.fromkeys(one.part.name for one in known if one.part.name in BY_NAME):
        of_it = [one for one in known if one.part.name == name]
        yield CampaignFound(
            name=name,
            says=BY_NAME[name].says,
            states=sum(one.states for one in of_it),
            windows=len(of_it),
            complete=not any(one.bound for one in of_it),
        )


def _broken(known: list[Found]) -> Iterator[Broken]:
    """Each broken law once for what broke it, with the shortest story."""
    shortest: dict[tuple[str, str], Broken] = {}
    for one in known:
        for made in one.broken:
            key = (made.law, made.what)
            if key not in shortest or len(made.story) < len(shortest[key].story):
                shortest[key] = Broken(
                    law=made.law, says=PROOF_LAWS[made.law], what=made.what, story=made.story,
                    campaign=one.part.name, path=made.path,
                )  # fmt: skip
    order = {EXPRESSIONS: 0, DRILLS: 1}
    yield from sorted(shortest.values(), key=lambda b: (order.get(b.campaign, 2), len(b.story)))


def _endings(known: list[Found]) -> tuple[Ending, ...]:
    shortest: dict[str, Ending] = {}
    for one in known:
        for end, story in one.endings.items():
            if end not in shortest or len(story) < len(shortest[end].story):
                shortest[end] = Ending(end=end, story=story, campaign=one.part.name)
    return tuple(shortest[end] for end in sorted(shortest))


def _effects(known: list[Found], case: Case, runbook: Runbook) -> Iterator[Effect]:
    declared = {s.step: s for s in worst_case(runbook).steps}
    for step in case.plan.steps:
        for undo, write in ((False, step.write), (True, step.undo)):
            if write is None:
                continue
            slot = (step.id, undo)
            place = next(p for p in case.places if p[0] == step.id)
            yield Effect(
                step=step.id,
                undo=undo,
                tool=write.tool,
                resource=case.resource(place).replace("<", "").replace(">", ""),
                places=declared[step.id].operations,
                sends=max((one.sends.get(slot, 0) for one in known), default=0),
                takes_effect=max((one.effects.get(slot, 0) for one in known), default=0),
                declared=1 + write.budget,
            )


def _rollback(known: list[Found], case: Case, depth: Depth) -> RollbackReach:
    declared = [s.id for s in case.plan.steps if s.undo is not None]
    if not declared:
        return RollbackReach.NONE
    if any(end.startswith("rolled_back") for one in known for end in one.endings):
        return RollbackReach.REACHABLE
    return (
        RollbackReach.UNREACHABLE if depth is Depth.FULL or case.turns_by_itself else RollbackReach.NOT_ASKED
    )


def _never_undone(known: list[Found], case: Case, rollback: RollbackReach, depth: Depth) -> Iterator[Broken]:
    """Undo that no path comes to: of all steps, or of one whose write takes effect on some path."""
    declared = [s.id for s in case.plan.steps if s.undo is not None]
    states = sum(one.states for one in known)
    if rollback is RollbackReach.UNREACHABLE:
        yield _unreached(
            "no path leads to the end of a rollback",
            f"declared to be undone: {', '.join(declared)}",
            f"explored: {states} states, and none of them ends rolled back",
        )
    elif rollback is RollbackReach.REACHABLE and depth is Depth.FULL:  # else only a human may lead there
        happened = {slot for one in known for slot, times in one.effects.items() if times}
        for step in declared:
            if (step, False) in happened and (step, True) not in happened:
                yield _unreached(
                    f"no path undoes {step}",
                    f"declared to be undone: {step}",
                    f"explored: {states} states, and in none of them its undo has taken effect",
                )


def _unreached(what: str, *story: str) -> Broken:
    return Broken(law=ROLLBACK_LAW, says=PROOF_LAWS[ROLLBACK_LAW], what=what, story=story, campaign="all")


def _row_notes(rows: Iterable[Row], bounds: tuple[str, ...]) -> Iterator[Note]:
    """Rows that no path came to, with nothing in the runbook that says why."""
    for row in rows:
        if not (row.reached or row.why or bounds):
            yield Note(law="row_unreached", text=f"no path comes to row {row.number} ({row.name})")
