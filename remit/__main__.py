"""``remit`` and ``python -m remit``: one command line, one exit code."""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line and leave with its exit code."""
    # ``python -m`` and PYTHONPATH may name a desk; what stands in one is found by no import
    sys.path[:] = [entry for entry in sys.path if not Path(entry, "remit.toml").is_file()]
    from remit.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
