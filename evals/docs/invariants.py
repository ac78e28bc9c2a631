"""The page of the invariants: what must always hold, and which seeded bugs each of them notices."""

from collections.abc import Mapping
from typing import Final

from evals.bugs.catalogue import BUGS
from evals.bugs.record import SIMULATED, recorded
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
A checker that finds nothing proves nothing, so wrong rules are planted, one at a time, and worlds are
played with them until an invariant notices. The worlds are small and on the real engine
(`evals/bugs/worlds.py`), and what happens in one follows from its seed. The seed is the first one, counted
from 0, in whose world the invariant is violated; the right rules violate nothing in the same worlds.
`python -m evals.bugs NAME` hunts one again.

The last column is the same hunt in the worlds of the [simulation](../simulation.md), up to the first seed at
which anything is violated (`--simulated`). They have more workers, people and time, and catch most bugs
XX
every bug again.
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
        markdown.table(
            ("bug", "in", "what is wrong", "trips (first seed)", "simulated"),
            _bugs(found, recorded(SIMULATED)),
        ),
        "## What nothing notices",
        _unnoticed(found, "these worlds"),
        _unnoticed(recorded(SIMULATED), "the simulated worlds"),
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


def _bugs(
    found: Mapping[str, Mapping[int, int]], simulated: Mapping[str, Mapping[int, int]]
) -> list[tuple[str, ...]]:
    return [
        (
            markdown.code(name),
            bug.room,
            bug.breaks,
            *(_trips(seeds.get(name, {})) for seeds in (found, simulated)),
        )
        for name, bug in BUGS.items()
    ]


def _trips(seeds: Mapping[int, int]) -> str:
    return ", ".join(f"{n} ({seed})" for n, seed in sorted(seeds.items())) or "nothing"


def _unnoticed(found: Mapping[str, Mapping[int, int]], where: str) -> str:
    missed = [name for name in BUGS if not found.get(name)]
    if not missed:
        return f"In {where}: nothing. Each of these bugs is noticed there."
    return f"In 1,000 of {where} nothing noticed {markdown.codes(missed)}. That is a finding about them."
