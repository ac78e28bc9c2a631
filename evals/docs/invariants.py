"""The page of the invariants: what must always hold, and which seeded bugs each of them notices."""

from collections.abc import Mapping
from typing import Final

from evals.bugs.catalogue import BUGS
from evals.bugs.record import recorded
from evals.docs import markdown
from evals.invariants.table import INVARIANTS

_INTRO: Final = """
What must hold of every ledger, whatever happened. The checker reads the entries' bodies and, where it is
given, what the targets kept themselves; it asks none of the rules that it judges. It says what it cannot
judge: an export alone has no log of effects, and nobody knows what was true at a target.

`remit ledger verify --invariants` judges a desk's ledger, `remit ledger verify FILE --invariants` an export,
`--effects FILE` holds a target's own log against either.
"""
_BUGS: Final = """
A checker that finds nothing proves nothing, so wrong rules are planted, one at a time, and the worlds of the
[simulation](../simulation.md) are played with them until an invariant notices. The seed is the first one,
counted from 0, in whose world anything is violated; the right rules violate nothing in the same worlds.
`python -m evals.bugs NAME` hunts one again.

Where a bug is of a kind that a world cannot show by itself, it is planted where its trace would be: what is
stored or read is changed (`outcome_rewritten`, `tail_rewritten`), or what a constructor of entries is given.
"""


def page() -> str:
    """Text of the page."""
    found = recorded()
    return markdown.page(
        "Invariants, and the bugs that they notice",
        "evals/invariants/table.py and evals/bugs/",
        _INTRO,
        markdown.table(("", "invariant", "what must hold", "bugs that trip it"), _invariants(found)),
        "## Seeded bugs",
        _BUGS,
        markdown.table(("bug", "in", "what is wrong", "trips (first seed)"), _bugs(found)),
        "## What nothing notices",
        _unnoticed(found),
    )


def _invariants(found: Mapping[str, Mapping[int, int]]) -> list[tuple[str, ...]]:
    return [
        (
            str(each.number),
            markdown.code(each.name),
            each.sentence.replace("``", "`"),
            str(sum(each.number in seeds for seeds in found.values())),
        )
        for each in INVARIANTS
    ]


def _bugs(found: Mapping[str, Mapping[int, int]]) -> list[tuple[str, ...]]:
    return [
        (
            markdown.code(name),
            bug.room,
            bug.breaks,
            ", ".join(f"{n} ({seed})" for n, seed in sorted(found.get(name, {}).items())) or "nothing",
        )
        for name, bug in BUGS.items()
    ]


def _unnoticed(found: Mapping[str, Mapping[int, int]]) -> str:
    missed = [name for name in BUGS if not found.get(name)]
    if not missed:
        return "Nothing: each of these bugs is noticed."
    return f"In 1,000 worlds nothing noticed {markdown.codes(missed)}. That is a finding about these worlds."
