"""``python -m evals.golden tests/fixtures/ledgers/fold-N``: keep what this version of the fold writes.

N is ``state.entry.FOLD_VERSION``. Whoever raises it adds a folder; the older ones are never made again, since
what they hold is what that version wrote. tests/unit/state/test_fold_versions.py reads them all.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from evals.golden.house import open_house
from evals.golden.keeping import keep, refusal
from evals.golden.scenes import play


def main() -> int:
    """Make one folder; 2 where it may not be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="a new folder, fold-N of the present version")
    folder: Path = parser.parse_args().folder
    refused = refusal(folder)
    if refused:
        print(f"golden: {refused}; nothing was made", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="remit-golden-") as place, open_house(Path(place)) as house:
        play(house)
        rows = keep(house, folder)
    print(f"golden: {len(house.runs)} runs, {rows} rows in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
