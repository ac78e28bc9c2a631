"""One text of one row that is no text: it is found, and it hides no other row and no other run."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.entry import Kind
from state.errors import UnsoundLedgerError
from state.ledger.export import export, verify_export
from state.ledger.port import Query
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.sqlite import TRIGGERS
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, Chain, project, signal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqlLedger]:
    found = open_ledger(path, code=CODE, project=project)
    for run in ("r1", "r2"):
        Chain(found, run).create().claim().append(Kind.CHECKED)
        found.post(signal(f"s-{run}", run))
    assert [finding for finding in found.verify() if finding.certain] == []
    yield found
    found.close()


def spoil(path: Path, table: str, column: str, where: str) -> None:
    owner = sqlite3.connect(path, isolation_level=None)
    for name in TRIGGERS:
        owner.execute(f"DROP TRIGGER {name}")
    owner.execute(f"UPDATE {table} SET {column} = CAST(x'616eff' AS TEXT) WHERE {where}")  # noqa: S608 - a test's own text
    for text in TRIGGERS.values():
        owner.execute(text)
    owner.close()


PLACES = [
    ("runs", "requester", "run = 'r1'"),
    ("runs", "target", "run = 'r1'"),
    ("entries", "actor", "run = 'r1' AND seq = 2"),
    ("entries", "body", "run = 'r1' AND seq = 2"),
    ("signals", "body", "run = 'r1'"),
]


@pytest.mark.parametrize("place", PLACES, ids=[f"{table}.{column}" for table, column, _ in PLACES])
def test_it_is_found_and_hides_no_other(
    ledger: SqlLedger, path: Path, tmp_path: Path, place: tuple[str, str, str]
) -> None:
    table, column, where = place
    spoil(path, table, column, where)
    found = [finding for finding in ledger.verify() if finding.certain]
    assert {finding.run for finding in found} == {"r1"}, found
    assert table in {finding.table for finding in found}, found
    assert [info.run for info in ledger.runs(Query())] == ["r2", "r1"]
    assert len(ledger.read("r2")) == 3
    assert ledger.info("r1").run == "r1"
    if table == "entries" and column == "body":
        with pytest.raises(UnsoundLedgerError):
            ledger.read("r1")
    export(ledger, tmp_path / "out.jsonl")
    again = verify_export(tmp_path / "out.jsonl", project=project)
    assert "r1" in {finding.run for finding in again if finding.certain}
