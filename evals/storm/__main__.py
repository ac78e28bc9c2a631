"""``python -m evals.storm [--short] [--seed BUG]``: one storm, its table, and exit code 1 for any finding."""

import argparse
import sys
import tempfile
from pathlib import Path

from evals.storm import storm
from evals.storm.cases import long_form, short_form
from evals.storm.seeded import BUGS


def main() -> int:
    """Run one storm and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a dozen runs instead of three hundred")
    parser.add_argument("--seed", choices=sorted(BUGS), default="", help="plant this bug in every worker")
    parser.add_argument("--keep", type=Path, help="leave desk, logs and ledger in this folder")
    options = parser.parse_args()
    cases = short_form() if options.short else long_form()
    with tempfile.TemporaryDirectory(prefix="remit-storm-") as scratch:
        report = storm.run(options.keep or Path(scratch), cases, seed=options.seed)
    print(report.render())
    bad = report.findings or report.violations or not (report.idle and report.sound)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
