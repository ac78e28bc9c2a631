"""``python -m evals.bugs [NAME ...]``: which bug trips which invariants, and at which seed first."""

import argparse
import logging
import sys

from evals.bugs.catalogue import BUGS
from evals.bugs.hunt import FIRST, MOST, Catch, hunt
from evals.bugs.record import keep
from evals.invariants.table import INVARIANTS


def main(arguments: list[str] | None = None) -> int:
    """Hunt and tell; 1 where a bug was not caught, 2 for a name that is none."""
    parser = argparse.ArgumentParser(prog="python -m evals.bugs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="bugs; all of them where none is named")
    parser.add_argument("--seeds", type=int, default=MOST, help="how many worlds at the most")
    parser.add_argument("--enough", type=int, default=FIRST, help="how many worlds although it was caught")
    parser.add_argument("--record", action="store_true", help="keep what is found for tests and docs")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in BUGS]
    if unknown:
        print(f"no bug {', '.join(unknown)}; there are {', '.join(sorted(BUGS))}", file=sys.stderr)
        return 2
    logging.disable(logging.CRITICAL)
    catches = []
    for name in given.names or BUGS:
        catches.append(hunt(BUGS[name], range(given.seeds), enough=given.enough))
        print(_line(catches[-1]), flush=True)
    if given.record:
        keep(catches)
    missed = [catch.bug for catch in catches if not catch.seeds]
    if missed:
        print(f"not caught: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def _line(catch: Catch) -> str:
    names = {invariant.number: invariant.name for invariant in INVARIANTS}
    trips = ", ".join(f"{n} {names[n]} (seed {seed})" for n, seed in sorted(catch.seeds.items()))
    return f"{catch.bug}: {trips or f'nothing in {catch.worlds} worlds'}"


if __name__ == "__main__":
    sys.exit(main())
