"""Write the pages that are made from tables; with ``--check`` say which are stale, and exit with 1."""

import argparse
import sys
from pathlib import Path

from evals.docs.pages import PAGES

ROOT = Path(__file__).resolve().parents[2] / "docs"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; 1 where ``--check`` found a stale one."""
    parser = argparse.ArgumentParser(prog="python -m evals.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    check = parser.parse_args(arguments).check
    stale = []
    for name, make in PAGES.items():
        page, text = ROOT / name, make()
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if check else 'written'}: docs/{name}", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
