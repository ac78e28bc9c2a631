"""Takes each row out of the decision table, and each guard out of theirs: the tests that hold it must fail.

``python -m evals.mutants [NAME ...]`` runs all mutants, or those whose names contain a NAME. Each runs in a
process of its own, which changes the table before any test module is imported.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
ROW_TESTS: Final = "tests/unit/policies/test_moves_rows.py"
GUARD_TESTS: Final = "tests/unit/policies/test_guards_table.py"
READ_TESTS: Final = "tests/unit/policies/test_guards_reads.py"
TIMEOUT_S: Final = 120
# pytest's own answers: the tests ran and some failed; a usage error or no test at all is no kill.
_FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One taken out of a table (``rows``, ``write`` or ``read``), and the tests that must notice."""

    table: str
    name: str
    tests: tuple[str, ...]

    @property
    def label(self) -> str:
        """``rows:row_7_send_again``."""
        return f"{self.table}:{self.name}"


def mutants() -> Iterator[Mutant]:
    """Every mutant there is."""
    from policies.guards import READ, WRITE  # noqa: PLC0415 - the child changes them before anything reads them
    from policies.moves import ROWS  # noqa: PLC0415

    for row in ROWS:
        name = str(getattr(row, "__name__", row))
        yield Mutant(table="rows", name=name, tests=(f"{ROW_TESTS}::test_{name}",))
    for guard in WRITE:
        yield Mutant(
            table="write", name=guard.name, tests=(GUARD_TESTS, "-k", f"refused_with and {guard.name}")
        )
    for guard in READ:
        yield Mutant(table="read", name=guard.name, tests=(READ_TESTS,))


def killed(mutant: Mutant) -> bool:
    """Whether at least one of its tests fails; the tests pass with the table whole."""
    return _run(mutant) == _FAILED


def _run(mutant: Mutant) -> int:
    command = [sys.executable, "-m", "evals.mutants", "--child", mutant.label, *mutant.tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    return done.returncode


def _without(table: Iterable[Any], name: str) -> tuple[Any, ...]:
    kept = tuple(
        entry for entry in table if name not in (getattr(entry, "name", ""), getattr(entry, "__name__", ""))
    )
    if len(kept) == len(tuple(table)):
        raise KeyError(f"{name} is not in the table")
    return kept


def _take_out(label: str) -> None:
    """Change the table, wherever it is known by name."""
    table, _, name = label.partition(":")
    if table == "rows":
        from policies import moves  # noqa: PLC0415
        from policies.moves import table as rows  # noqa: PLC0415

        changed: Any = _without(rows.ROWS, name)
        for module in (rows, moves):
            vars(module)["ROWS"] = changed
        return
    from policies import guards  # noqa: PLC0415
    from policies.guards import table as known  # noqa: PLC0415

    tables = {"write": known.WRITE, "read": known.READ}
    tables[table] = _without(tables[table], name)
    changed = known.Guards(**tables)
    for module in (known, guards):
        vars(module).update(GUARDS=changed, WRITE=tables["write"], READ=tables["read"])


def main(arguments: list[str]) -> int:
    """Run the mutants that ``arguments`` name; 1 where one survives."""
    if arguments[:1] == ["--child"]:
        import pytest  # noqa: PLC0415

        _take_out(arguments[1])
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *arguments[2:]]))
    chosen = [m for m in mutants() if not arguments or any(a in m.label for a in arguments)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        verdicts = list(zip(chosen, pool.map(killed, chosen), strict=True))
    for mutant, dead in verdicts:
        print(f"{'killed  ' if dead else 'SURVIVED'}  {mutant.label}")
    alive = sum(not dead for _, dead in verdicts)
    print(f"{len(verdicts)} mutants, {alive} alive")
    return 1 if alive or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
