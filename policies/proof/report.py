"""A proof, written for people: what holds, the worst that can be sent, how runs end, and what is broken."""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.proof.proof import Effect, Proof, RollbackReach, Row, Story, Verdict

_VERDICTS: Final = {
    Verdict.PROVED: "PROVED: no path breaks a law",
    Verdict.COUNTEREXAMPLE: "COUNTEREXAMPLE: {n} found; this runbook cannot be approved",
    Verdict.NOT_EXHAUSTED: "NOT EXHAUSTED: nothing was found, but not everything was looked at",
}
_ROLLBACK: Final = {
    RollbackReach.NONE: "nothing is declared to be undone",
    RollbackReach.REACHABLE: "a rollback can be reached and ends; no run that rolls back closes completed",
    RollbackReach.UNREACHABLE: "no path was seen that ends rolled back",
    RollbackReach.NOT_ASKED: "only a human turns this runbook back: see --depth full",
}


def report(proof: Proof) -> str:
    """Write all of it."""
    return "\n".join(_lines(proof)) + "\n"


def _lines(proof: Proof) -> Iterator[str]:
    yield f"{proof.runbook}, {proof.depth}: {_VERDICTS[proof.verdict].format(n=len(proof.broken))}"
    for broken in proof.broken:
        yield ""
        yield f"  {broken.what}"
        yield f"  breaks: {broken.says} [{broken.law}, seen under: {broken.campaign}]"
        yield from told(broken.story)
    yield from _section("Not looked at", proof.bounds)
    yield from _section("Explored", _explored(proof))
    yield from _section("The worst case of effects", map(_effect, proof.effects))
    yield from _section("Rollback", (_ROLLBACK[proof.rollback],))
    yield ""
    yield "How runs end, each with a shortest story"
    for ending in proof.endings:
        yield f"  {ending.end}"
        yield from told(ending.story)
    yield from _section("Rows of the decision table", _rows(proof.rows))
    yield from _section("Notes", (note.text for note in proof.notes))
    yield from _section("Taken on trust", proof.trusted)
    yield from _section("What no proof looks at", proof.not_modelled)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield title
        yield from (f"  {part}" for line in found for part in line.splitlines())


def told(story: Story, indent: str = "    ") -> Iterator[str]:
    """Write a story, its lines numbered; a story that went round leaves out the rounds alike."""
    for number, line in enumerate(story, 1):
        yield f"{indent}{number:>2}. {line}"


def _explored(proof: Proof) -> Iterator[str]:
    yield f"{proof.states:,} states in all"
    for one in proof.campaigns:
        windows = f", {one.windows} windows of steps" if one.windows > 1 else ""
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
