"""Every decision after every stop: seeds in which each was taken or refused, found once and played again.

``python -m evals.simulation.humans`` looks for them and, with ``--record``, keeps the fewest that it can.
They are looked for anew whenever a change of the product or of the worlds makes other worlds of them.
"""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from evals.simulation.campaign import mode_of
from evals.simulation.coverage import undecided
from evals.simulation.occurred import Met
from evals.simulation.play import run_seed

Pair = tuple[str, str]
PATH: Final = Path(__file__).with_name("humans.json")
ALL: Final[frozenset[Pair]] = frozenset(undecided(Counter()))
"""Every reason of a stop that occurs here, with every choice."""


def answered(seed: int) -> frozenset[Pair]:
    """Which decisions were answered after which stops in the world of ``seed``."""
    return ALL - frozenset(undecided(run_seed(seed, mode=mode_of(seed)).met))


def fewest(found: Mapping[int, frozenset[Pair]]) -> list[int]:
    """Seeds that together show whatever any of ``found`` shows; each adds something to those before it."""
    chosen, left = list[int](), frozenset[Pair]().union(*found.values())
    while left:
        best = max(sorted(found), key=lambda seed: len(found[seed] & left))
        chosen.append(best)
        left -= found[best]
    return sorted(chosen)


def recorded() -> list[int]:
    """Read the seeds that were kept."""
    return [int(seed) for seed in json.loads(PATH.read_text(encoding="utf-8"))]


def look(seeds: Iterable[int]) -> dict[int, frozenset[Pair]]:
    """Play until every pair was seen; the seeds that showed something."""
    found, met = dict[int, frozenset[Pair]](), Met()
    for seed in seeds:
        pairs = answered(seed)
        new = {("decisions", *pair, "") for pair in pairs} - set(met)
        found[seed] = pairs
        met.update(dict.fromkeys(new, 1))
        if new:
            print(f"seed {seed}: {len(met)} of {len(ALL)}", file=sys.stderr, flush=True)
        if len(met) == len(ALL):
            break
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, tell, and keep; 1 where a pair was not found."""
    parser = argparse.ArgumentParser(prog="python -m evals.simulation.humans", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=5_000, help="how many at the most")
    parser.add_argument("--record", action="store_true", help="keep the fewest that show them all")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    found = look(range(given.first, given.first + given.seeds))
    chosen = fewest(found)
    print(f"{len(chosen)} seeds: {chosen}")
    lacking = sorted(ALL - frozenset[Pair]().union(*found.values()))
    print(*(f"never: {choice} after {stop}" for stop, choice in lacking), sep="\n")
    if given.record:
        PATH.write_text(json.dumps(chosen) + "\n", encoding="utf-8")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
