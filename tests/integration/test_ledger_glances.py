"""How many connections the questions of every move keep open, however many threads ask them."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from state.ledger.sql import glance, sqlite
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.sqlite import reading_connection
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, Chain, project


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    found = open_ledger(tmp_path / "ledger.db", code=CODE, project=project)
    Chain(found, "r1").create().claim()
    yield found
    found.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    found: list[sqlite3.Connection] = []

    def opens(path: Path) -> sqlite3.Connection:
        found.append(reading_connection(path))
        return found[-1]

    monkeypatch.setattr(sqlite, "reading_connection", opens)
    return found


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018 - what is closed raises
    except sqlite3.ProgrammingError:
        return False
    return True


def test_threads_that_come_one_after_another_share_a_connection(
    ledger: SqlLedger, opened: list[sqlite3.Connection]
) -> None:
    for _ in range(3 * glance.MAX_IDLE):
        with ThreadPoolExecutor(max_workers=1) as one:
            assert one.submit(ledger.length, "r1").result() == 2
    assert len(opened) <= 1


def test_of_many_that_were_needed_at_once_few_stay_open(
    ledger: SqlLedger, opened: list[sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = 2 * glance.MAX_IDLE
    together = threading.Barrier(many, timeout=30)
    asks = ledger._glances._length.rows

    def all_at_once(*given: Any, **values: str) -> list[tuple[Any, ...]]:
        together.wait()
        return asks(*given, **values)

    monkeypatch.setattr(ledger._glances._length, "rows", all_at_once)
    with ThreadPoolExecutor(max_workers=many) as threads:
        assert set(threads.map(ledger.length, ["r1"] * many)) == {2}
    assert len(opened) >= many - 1
    assert sum(map(is_open, opened)) <= glance.MAX_IDLE


def test_a_connection_that_comes_back_to_a_closed_ledger_is_closed(ledger: SqlLedger) -> None:
    taken = ledger._glances._take()
    ledger._glances.close()
    ledger._glances._give(taken)
    with pytest.raises(sqlite3.ProgrammingError):
        taken.execute("SELECT 1")
