"""How a proof is told at a terminal: the verdict, the worst case, every end with its shortest story."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from policies.proof.proof import Broken, Effect, Proof, Verdict
from policies.yaml_tree import Path
from state.wording import count_text, wrapped

_PAGE: Final = "docs/proof.md"
_VERDICTS: Final = {
    Verdict.PROVED: "proved",
    Verdict.COUNTEREXAMPLE: "COUNTEREXAMPLE",
    Verdict.NOT_EXHAUSTED: "NOT EXHAUSTED",
}
_DEPTHS: Final = {
    "quick": "every outcome of every call, and every move of a model",
    "full": "every outcome, and a crash, a paused worker and a human's decision at every point",
}


def proof_lines(proof: Proof, width: int, *, took: str, place: Callable[[Path], str]) -> Iterator[str]:
    """Everything that a proof says, in lines of at most ``width``; ``place`` says where a path stands."""
    yield from wrapped(f"{proof.runbook}: {_VERDICTS[proof.verdict]}", width)
    told = f"{_number(proof.states)} states in {count_text(len(proof.campaigns), 'campaign')}, {took}"
    yield from _at(2, f"{proof.depth}: {_DEPTHS[str(proof.depth)]}", width)
    yield from _at(2, told, width)
    if proof.verdict is Verdict.COUNTEREXAMPLE:
        for broken in proof.broken:
            yield from _broken(broken, width, place)
    else:
        yield from _bounds(proof, width)
        yield from _effects(proof.effects, width)
        yield from _endings(proof, width)
    yield from _listed("good to know", [f"{n.text} [{n.law}]" for n in proof.notes], width)
    yield from _listed("taken on trust", proof.trusted, width)


def headline(proof: Proof) -> str:
    """The first line of what keeps it from being approved, or the verdict."""
    match proof.verdict:
        case Verdict.COUNTEREXAMPLE:
            return proof.broken[0].what
        case Verdict.NOT_EXHAUSTED:
            return "; ".join(proof.bounds)
        case _:
            return f"{_number(proof.states)} states, {proof.depth}"


def _broken(broken: Broken, width: int, place: Callable[[Path], str]) -> Iterator[str]:
    yield ""
    yield from wrapped(f"{broken.what} [{broken.law}]", width)
    yield from _at(2, f"broken: {broken.says}", width)
    if broken.path:
        yield from _at(2, f"at {place(broken.path)}", width)
    yield from _story(broken.story, width)


def _bounds(proof: Proof, width: int) -> Iterator[str]:
    if proof.bounds:
        yield from _listed("what was not explored", proof.bounds, width)


def _effects(effects: Sequence[Effect], width: int) -> Iterator[str]:
    if not effects:
        return
    yield ""
    yield "at the most"
    names = [f"undo of {one.step}" if one.undo else one.step for one in effects]
    longest = max(map(len, names))
    for name, one in zip(names, effects, strict=True):
        items = f" for each of {count_text(one.places, 'item')}" if one.places > 1 else ""
        done = f"is sent {_times(one.sends)} and takes effect {_times(one.takes_effect)}{items}"
        yield from _at(
            2,
            f"{name.ljust(longest)}  {one.tool} {done}, on {one.resource}",
            width,
            hang=4 + longest,
        )


def _endings(proof: Proof, width: int) -> Iterator[str]:
    if not proof.endings:
        return
    yield ""
    yield f"how it may end: {count_text(len(proof.endings), 'way')}, each by its shortest story"
    for ending in proof.endings:
        yield from _at(2, ending.end, width)
        yield from _story(ending.story, width)


def _story(story: Sequence[str], width: int) -> Iterator[str]:
    digits = len(str(len(story)))
    for number, line in enumerate(story, 1):
        yield from _at(4, f"{number:>{digits}}  {line}", width, hang=6 + digits)


def _listed(head: str, lines: Sequence[str], width: int) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield head
    for line in lines:
        yield from _at(2, line, width)


def _at(blanks: int, text: str, width: int, *, hang: int | None = None) -> list[str]:
    return wrapped(" " * blanks + text, width, hang=blanks + 2 if hang is None else hang)


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _number(number: int) -> str:
    return f"{number:,}"
