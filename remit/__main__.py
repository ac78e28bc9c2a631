"""``remit`` and ``python -m remit``: one command line, one exit code."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from remit.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
