"""Is every line of the lists tested or answered, does every test exist, and does the page say the same?"""

import ast
import importlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from policies.reasons import REASONS
from tests.attacks.faults import FAULTS, TRAPS
from tests.attacks.lines import ATTACKS, HERE, Line, every_line
from tests.attacks.page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
LISTED = [*every_line(), *TRAPS, *chain.from_iterable(FAULTS.values())]
# an answer of a target, and what a reader of files says
OTHER_CODES = {"307", "412", "unreadable", "bad_pattern", "check_observes_nothing", "probe_looks_elsewhere"}
# how many lines each part of the list has: one that is added or lost is seen
SIZES = {
    "Parsing": 18, "Text, paths, addresses": 19, "Injection": 11, "Authority": 7, "Weakening": 6,
    "Approvals and time": 12, "Ledger and load": 15,
}  # fmt: skip


@cache
def functions(path: str) -> frozenset[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def attacks() -> Iterator[tuple[str, set[str]]]:
    """Every test of this folder, and the lines that it is parametrised over."""
    for file in sorted((ROOT / HERE).glob("test_*.py")):
        if file.name == Path(__file__).name:
            continue
        module = importlib.import_module(f"tests.attacks.{file.stem}")
        for name, found in vars(module).items():
            if name.startswith("test_") and found.__module__ == module.__name__:
                yield f"{HERE}{file.name}::{name}", lines_of(found)


def lines_of(test: Any) -> set[str]:
    marks = [m for m in getattr(test, "pytestmark", []) if m.name == "parametrize" and m.args[0] == "line"]
    return {line for mark in marks for line in mark.args[1]}


def test_no_line_is_listed_twice_and_none_is_lost() -> None:
    assert {name: len(lines) for name, lines in ATTACKS.items()} == SIZES
    for part in (list(every_line()), TRAPS, list(chain.from_iterable(FAULTS.values()))):
        assert [name for name, times in Counter(line.id for line in part).items() if times > 1] == []


@pytest.mark.parametrize("line", LISTED, ids=lambda line: line.id)
def test_a_line_is_tested_or_answered(line: Line) -> None:
    assert line.tests or line.answer
    for test in line.tests:
        path, _, name = test.partition("::")
        assert name in functions(path), test


@pytest.mark.parametrize("line", list(every_line()), ids=lambda line: line.id)
def test_the_code_of_an_attack_is_one_that_is_explained(line: Line) -> None:
    known = {code for rows in REASONS.values() for code in rows}
    assert not line.code or line.code in known | OTHER_CODES


def test_each_attack_is_made_where_its_line_says_and_each_that_is_made_has_a_line() -> None:
    listed = {(test, line.id) for line in (*every_line(), *TRAPS) for test in line.tests}
    made = {(test, line) for test, lines in attacks() for line in lines}
    assert {pair for pair in listed if pair[0].startswith(HERE)} - made - TYPED == set()
    assert made - listed == set()
    assert {test for test, lines in attacks() if not lines} <= {test for test, _ in listed}


# a test over something else than lines, which a line names
_PARSING = f"{HERE}test_parsing.py::test_"
TYPED = {
    (f"{_PARSING}a_text_door_reads_a_number_in_one_way", "exponent-for-integer"),
    (f"{_PARSING}a_text_door_reads_a_number_in_one_way", "int"),
    (f"{_PARSING}a_whole_number_in_an_answer_is_an_integer", "fraction-for-integer"),
    (f"{_PARSING}an_answer_that_is_not_as_declared_proves_nothing", "deep-json"),
    (f"{HERE}test_text_paths_addresses.py::test_a_path_leaves_as_one_segment", "path-join"),
    (
        f"{HERE}test_injection.py::test_it_is_sent_as_it_was_asked_for_and_nothing_is_made_of_it",
        "str-format",
    ),
}


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: python -m tests.attacks.page"
