"""The page ``docs/attacks.md``, made from the tables: ``python -m tests.attacks.page``."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.attacks.faults import FAULTS, TRAPS
from tests.attacks.lines import ATTACKS, Line

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "attacks.md"
_HEAD: Final = """# Attacks, faults and traps

This page is made from tables in `tests/attacks`; a test compares it: `python -m tests.attacks.page`.

Each line of three lists, with the tests that show what remit does about it (the file below `tests/`, and
their names as words), or the answer why there is none.
An attack is refused with a stable code ([what it means](what-happens-when.md)), has no effect in the
target's own log, and leaves an entry: a `denied` entry in the run, a `rejected` run where the request came
no further than the door, an entry of chain `desk` where there is no run. What only stands in the way for a
while (a stop, a pause, a yes that is missing) is a wait and no denial. What remit ignores because nobody
approved it is said loudly and used by nothing, so it has no entry.

What no test can show stands in words: what a target does beyond its contract, and what the owner of the
database can rewrite.
"""


def page() -> str:
    """Write the page."""
    parts = [_HEAD, "## Attacks\n"]
    for name, lines in ATTACKS.items():
        parts += [f"### {name}\n", *_table(lines, coded=True)]
    parts.append("## Faults\n")
    for name, lines in FAULTS.items():
        parts += [f"### {name}\n", *_table(lines, coded=False)]
    parts += ["## Traps of Python\n", *_table(TRAPS, coded=False)]
    return "\n".join(parts).rstrip() + "\n"


def _table(lines: Iterable[Line], *, coded: bool) -> Iterator[str]:
    columns = ["what is tried", "code", "tested by, and what is to be said"] if coded else ["what", "where"]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for line in lines:
        code = [f"`{line.code}`" if line.code else ""] if coded else []
        yield f"| {' | '.join([_cell(line.says), *code, _where(line)])} |"
    yield ""


def _where(line: Line) -> str:
    by_file: dict[str, list[str]] = {}
    for test in line.tests:
        path, _, name = test.partition("::test_")
        by_file.setdefault(path.removeprefix("tests/"), []).append(name.replace("_", " "))
    tests = [f"`{path}`: {'; '.join(names)}" for path, names in by_file.items()]
    return "<br>".join([*tests, *([_cell(line.answer)] if line.answer else [])])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
