"""A proof, written for people: what holds, the worst that can be sent, how runs end, and what is broken."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from policies.proof.proof import Effect, Proof, RollbackReach, Row, Story, Verdict
from policies.yaml_tree import Path

_VERDICTS: Final = {
    Verdict.PROVED: "PROVED: no path breaks a law",
    Verdict.COUNTEREXAMPLE: "COUNTEREXAMPLE: {n} found; this runbook cannot be approved",
    Verdict.NOT_EXHAUSTED: "NOT EXHAUSTED: nothing was found, but not everything was looked at",
}
_ROLLBACK: Final = {
    RollbackReach.NONE: "nothing is declared to be undone",
    RollbackReach.REACHABLE: "a rollback can be reached and ends; no run that rolls back closes completed",
    RollbackReach.UNREACHABLE: "no path was seen that ends rolled back",
    RollbackReach.NOT_ASKED: "only a human turns this runbook back: --full asks it",
}


def report(proof: Proof) -> str:
    """Write all of it."""
    return "\n".join(lines(proof)) + "\n"


def lines(proof: Proof, place: Callable[[Path], str] | None = None) -> Iterator[str]:
    """Write it line by line; ``place``: what a place in the runbook's file is called.

    Where something is broken, the rest was not explored, and is not told.
    """
    yield f"{proof.runbook}, {proof.depth}: {_VERDICTS[proof.verdict].format(n=len(proof.broken))}"
    for broken in proof.broken:
        yield ""
        yield f"  {broken.what}"
        if place is not None and broken.path:
            yield f"  at {place(broken.path)}"
        yield f"  breaks: {broken.says} [{broken.law}, seen under: {broken.campaign}]"
        yield from told(broken.story)
    if not proof.broken:
        yield from _section("Not looked at", proof.bounds)
        yield from _section("Explored", _explored(proof))
        yield from _section("The worst case of effects", map(_effect, proof.effects))
        yield from _section("Rollback", (_ROLLBACK[proof.rollback],))
        yield from _endings(proof)
        yield from _section("Rows of the decision table", _rows(proof.rows))
    yield from _section("Notes", (note.text for note in proof.notes))
    yield from _section("Taken on trust", proof.trusted)
    yield from _section("What no proof looks at", proof.not_modelled)


def _endings(proof: Proof) -> Iterator[str]:
    if not proof.endings:
        return
    opening = _opening([ending.story for ending in proof.endings])
    yield ""
    yield f"How runs end ({len(proof.endings)} ways, each with a shortest story)"
    if opening:
        yield "  all begin like this, up to the line where each goes on:"
        yield from told(opening)
    for ending in proof.endings:
        yield f"  {ending.end}"
        yield from told(ending.story, after=_shared(opening, ending.story))


def _opening(stories: Sequence[Story]) -> Story:
    """The longest beginning that more than half of the stories have, if all begin with its first line."""
    if len({story[:1] for story in stories}) > 1:
        return ()
    for length in range(max(map(len, stories)), 1, -1):
        for first, times in Counter(s[:length] for s in stories if len(s) > length).most_common(1):
            if 2 * times > len(stories):
                return first
    return ()


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from (f"  {part}" for line in found for part in line.splitlines())


def _shared(opening: Story, story: Story) -> int:
    """How many lines of ``opening`` a story begins with."""
    return next((n for n, (a, b) in enumerate(zip(opening, story, strict=False)) if a != b), len(opening))


def told(story: Story, *, after: int = 0, indent: str = "    ") -> Iterator[str]:
    """Write a story behind its first ``after`` lines, each with its number."""
    for number, line in enumerate(story[after:], after + 1):
        yield f"{indent}{number:>2}. {line}"


def _explored(proof: Proof) -> Iterator[str]:
    yield f"{proof.states:,} states in all"
    for one in proof.campaigns:
        windows = f", {one.windows} windows of steps or items" if one.windows > 1 else ""
        whole = "" if one.complete else ", NOT ALL"
        yield f"{one.states:>9,}  {one.name}: {one.says}{windows}{whole}"


def _effect(effect: Effect) -> str:
    what = f"the undo of {effect.step}" if effect.undo else effect.step
    each = "" if effect.places == 1 else f" for each of at most {effect.places} items"
    return (
        f"{what}: {effect.tool} on {effect.resource}: sent at most {_times(effect.sends)}, "
        f"takes effect at most {_times(effect.takes_effect)}{each}"
    )


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _rows(rows: tuple[Row, ...]) -> Iterator[str]:
    yield f"reached: {', '.join(str(row.number) for row in rows if row.reached) or 'none'}"
    for row in rows:
        if not row.reached:
            yield f"not reached: {row.number} ({row.name}): {row.why or 'NOBODY KNOWS WHY'}"
