"""``python -m evals.crash [--short]``: kill runs at every place, say what came of it; 1 for any finding."""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from evals.crash.report import render
from evals.crash.rounds import AT_ONCE, enumerate_kills
from evals.crash.subjects import AGAIN, SHORT, SUBJECTS


def main() -> int:
    """Enumerate, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one kind only, at all its places, once")
    parser.add_argument("--only", nargs="*", choices=sorted(SUBJECTS), help="these subjects only")
    parser.add_argument("--again", nargs="*", choices=sorted(SUBJECTS), help="these in their recovery too")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many cases at once")
    parser.add_argument("--keep", type=Path, help="leave desks, traces and the target's log in this folder")
    options = parser.parse_args()
    subjects = options.only or (SHORT if options.short else list(SUBJECTS))
    again = [] if options.short else AGAIN if options.again is None else options.again
    say = partial(print, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="remit-crash-") as scratch:
        folder = options.keep or Path(scratch)
        outcome = enumerate_kills(
            folder, subjects, again=set(again) & set(subjects), at_once=options.at_once, say=say
        )
    print(render(outcome))
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
