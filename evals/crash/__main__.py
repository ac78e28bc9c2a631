"""``python -m evals.crash kills|disk|stops [--short]``: print what came of it; 1 for any finding.

kills: a process is killed at every place of a run. disk: its disk fails at every commit, full, torn, without
sync. stops: it is stopped at every place past its lease, and continued when another has taken over.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from evals.crash.blows import AILMENTS, Scene
from evals.crash.report import render
from evals.crash.rounds import (
    AT_ONCE,
    Manner,
    Outcome,
    enumerate_ailments,
    enumerate_kills,
    enumerate_stops,
)
from evals.crash.subjects import AGAIN, SHORT, SPOILT, STOPPED_AT, SUBJECTS

WHAT = {"kills": "killed", "disk": "with a failing disk", "stops": "stopped"}
FULL = {"kills": tuple(SUBJECTS), "disk": SPOILT, "stops": STOPPED_AT}


def main() -> int:
    """Enumerate, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=WHAT, default="kills", help="what befalls the processes")
    parser.add_argument("--short", action="store_true", help="one kind only, at all its places, once")
    parser.add_argument("--only", nargs="*", choices=sorted(SUBJECTS), help="these subjects only")
    parser.add_argument("--at", nargs="*", default=(), help="at these places only (before_commit:7)")
    parser.add_argument("--in", nargs="*", dest="ways", help="only in these ways (full sync / here taken)")
    parser.add_argument("--again", nargs="*", choices=sorted(SUBJECTS), help="these in their recovery too")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many cases at once")
    parser.add_argument("--keep", type=Path, help="leave desks, traces and the target's log in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="remit-crash-") as scratch:
        outcome = _enumerate(options, options.keep or Path(scratch))
    print(render(outcome, WHAT[options.what]))
    return 1 if outcome.findings else 0


def _enumerate(options: argparse.Namespace, folder: Path) -> Outcome:
    subjects = options.only or (SHORT if options.short else FULL[options.what])
    manner = Manner(
        at=options.at, at_once=options.at_once, say=partial(print, file=sys.stderr, flush=True)
    )  # fmt: skip
    match options.what:
        case "disk":
            ailments = [a for a in AILMENTS if not options.ways or a.how in options.ways]
            return enumerate_ailments(folder, subjects, ailments, manner=manner)
        case "stops":
            scenes = [scene for scene in Scene if not options.ways or scene in options.ways]
            return enumerate_stops(folder, subjects, scenes, manner=manner)
        case _:
            again = [] if options.short else AGAIN if options.again is None else options.again
            return enumerate_kills(folder, subjects, again=set(again) & set(subjects), manner=manner)


if __name__ == "__main__":
    sys.exit(main())
