"""``python -m evals.demo``, and what ``remit demo`` runs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from evals.demo.play import play


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the demo; the exit code."""
    parser = argparse.ArgumentParser(prog="remit demo", description="Three acts on a real service manager.")
    parser.add_argument("--desk", type=Path, metavar="DIR", help="a new folder for the demo's desk")
    parser.add_argument("--json", action="store_true", help="print what was checked as JSON on stdout")
    options = parser.parse_args(arguments)
    return play(options.desk, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
