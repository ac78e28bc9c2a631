"""``python -m evals.explorer [NAME ...] [--stories]``: explore every case, or those whose name begins so."""

import re
import sys
import time

from evals.explorer.plans import cases
from policies.moves import ROWS
from policies.proof.search import Explored, Story, explore


def main(arguments: list[str]) -> int:
    """Explore; 0 where no law was broken and every case was explored whole."""
    stories = "--stories" in arguments
    names = tuple(a for a in arguments if not a.startswith("--"))
    rows: set[int] = set()
    scenes, bad = 0, 0
    for case in cases():
        if names and not case.name.startswith(names):
            continue
        began = time.monotonic()
        found = explore(case)
        bad += bool(found.broken) or not found.complete
        scenes += found.scenes
        rows |= {row for row, _ in found.rows}
        _report(found, time.monotonic() - began, stories=stories)
    idle = set() if names else {int(n) for n in _numbers()} - rows
    print(f"{scenes} scenes; {bad} cases with findings; rows that decided: {sorted(rows)}")
    if idle:
        print(f"rows that never decided in any case: {sorted(idle)}")
    return 1 if bad or idle else 0


def _numbers() -> list[str]:
    """The numbers of all rows, from their names."""
    return [re.findall(r"^row_(\d+)", row.__name__)[0] for row in ROWS]


def _report(found: Explored, seconds: float, *, stories: bool) -> None:
    whole = "" if found.complete else ", NOT COMPLETE"
    print(f"{found.case.name}: {found.scenes} scenes in {seconds:.1f} s{whole}")
    for ending, story in sorted(found.endings.items()):
        print(f"  {ending}: {len(story)} moves")
        if stories:
            _tell(story)
    for broken in found.broken.values():
        print(f"  BROKEN: {broken.what} [{broken.law}]")
        _tell(broken.story)


def _tell(story: Story) -> None:
    for line in story:
        print(f"      {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
