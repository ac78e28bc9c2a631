"""``python -m evals.fuzz``: try every parser for a while, keep what breaks one, and say how far it came."""

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from evals.fuzz.doors import DOORS, Door
from evals.fuzz.examples import example
from evals.fuzz.guided import guided
from evals.fuzz.work import watchdog

FOUND: Final = Path(".fuzz")
_HANG_S: Final = 120.0
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Seeded:
    """Choices that follow from one seed."""

    chance: random.Random

    def below(self, most: int) -> int:
        """A whole number from 0 to ``most - 1``."""
        return self.chance.randrange(most)


@dataclass(kw_only=True)
class Tally:
    """What came of one door. ``broken``: what broke it, by where, with the file that keeps it."""

    tried: int = 0
    taken: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Path] = field(default_factory=dict)

    def attempt(self, door: Door, content: bytes) -> None:
        """Knock once, and keep what breaks it."""
        self.tried += 1
        try:
            with watchdog(_HANG_S):
                self.taken += door.knock(content)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a parser raises is what is looked for
            self._keep(door, content, error)

    def _keep(self, door: Door, content: bytes, error: BaseException) -> None:
        trace, where = error.__traceback__, "?"
        while trace is not None:
            where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
            trace = trace.tb_next
        what = f"{type(error).__name__} at {where}: {str(error)[:_SHOWN]}"
        place = f"{type(error).__name__} at {where}"
        self.broken[place] += 1
        if place not in self.kept:
            FOUND.mkdir(exist_ok=True)
            self.kept[place] = FOUND / f"{door.name}-{sha256(content).hexdigest()[:12]}"
            self.kept[place].write_bytes(content)
            print(f"  {door.name}: {what}; kept in {self.kept[place]}")


def by_chance(door: Door, seconds: float, seed: int) -> Tally:
    """Try one door for so long, by a seed and nothing else."""
    tally, until, number = Tally(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        tally.attempt(door, example(door, Seeded(random.Random(f"{seed}/{door.name}/{number}"))))
        number += 1
    return tally


def by_coverage(names: list[str], seconds: float) -> int:
    """Let atheris choose by what its choices reach; it takes the process over, and ends with it."""
    return guided([DOORS[name] for name in names], seconds)


def main() -> int:
    """Run as the command line says; exit code 1 where something broke a parser."""
    parser = argparse.ArgumentParser(prog="python -m evals.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all doors together")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    parser.add_argument("doors", nargs="*", metavar="DOOR", help=f"of {', '.join(DOORS)}; all if none")
    given = parser.parse_args()
    names = given.doors or list(DOORS)
    if unknown := [name for name in names if name not in DOORS]:
        parser.error(f"no door {', '.join(unknown)}; there are {', '.join(DOORS)}")
    if given.guided:
        return by_coverage(names, given.seconds)
    print(f"seed {given.seed}, {given.seconds / len(names):.0f} s a door")
    broken = 0
    for name in names:
        tally = by_chance(DOORS[name], given.seconds / len(names), given.seed)
        broke = sum(tally.broken.values())
        broken += broke
        print(f"{name:<11} {tally.tried:>7} tried {tally.taken:>7} taken {broke:>4} broke it", flush=True)
    print("nothing broke a parser" if not broken else f"{broken} broke a parser; what did lies in {FOUND}/")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
