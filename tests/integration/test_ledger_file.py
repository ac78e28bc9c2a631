"""What the file itself keeps: what its triggers refuse, how it is opened, upgraded and made durable."""

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Select

from state.entry import Head, Kind
from state.errors import LedgerError, SchemaError, StorageError
from state.ledger.port import Limit, Query
from state.ledger.sql import reads, schema
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.sqlite import TRIGGERS, Sqlite
from state.ledger.sql.statement import Statement
from state.ledger.sql.store import SqlLedger
from state.ledger.sql.view import counting
from tests.ledger_kit import CODE, T0, Chain, project, signal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqlLedger]:
    found = open_ledger(path, code=CODE, project=project)
    chain = Chain(found, "r1").create().claim()
    found.post(signal("s1", "r1"))
    chain.append(Kind.SIGNAL, folds=["s1"])
    Chain(found, "r2").create()
    yield found
    assert [finding for finding in found.verify() if finding.certain] == []
    found.close()


def owner(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def entry(**said: object) -> tuple[object, ...]:
    values: dict[str, object] = {
        "run": "r1", "seq": 4, "at": T0, "kind": "checked", "role": "executor", "actor": "eve",
        "credential": "none", "epoch": 1, "code": CODE, "fold_version": 1, "prev": "", "body": "{}",
        "hash": "sha256:x",
    }  # fmt: skip
    return tuple({**values, **said}.values())


ROW = f"({', '.join('?' * 13)})"
ENTER = f"INSERT INTO entries VALUES {ROW}"  # noqa: S608 - a test's own text


def _refused(connection: sqlite3.Connection, statement: str, values: tuple[object, ...], what: str) -> None:
    connection.execute(statement, values)
    pytest.fail(f"taken: {what}")


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("UPDATE entries SET body = '{}' WHERE run = 'r1' AND seq = 2", "never changed"),
        ("UPDATE OR REPLACE entries SET seq = 1 WHERE run = 'r1' AND seq = 2", "never changed"),
        ("DELETE FROM entries WHERE run = 'r1' AND seq = 3", "never removed"),
        ("DELETE FROM entries", "never removed"),
        (
            "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE run = 'r1' AND seq = 2",
            "must continue",
        ),
        ("REPLACE INTO entries SELECT * FROM entries WHERE run = 'r2'", "must continue"),
        ("INSERT OR IGNORE INTO entries SELECT * FROM entries WHERE run = 'r2'", "must continue"),
        (
            "INSERT INTO entries SELECT * FROM entries WHERE true ON CONFLICT DO UPDATE SET body = '{}'",
            "must continue",
        ),
        ("DELETE FROM heads WHERE run = 'r1'", "never removed"),
        ("INSERT OR REPLACE INTO heads VALUES ('r1', 1, 'x', 0)", "never replaced"),
        ("UPDATE heads SET seq = 1 WHERE run = 'r1'", "forward only"),
        ("UPDATE heads SET hash = 'x' WHERE run = 'r1'", "forward only"),
        ("UPDATE heads SET seq = seq + 1, epoch = 0 WHERE run = 'r1'", "forward only"),
        ("UPDATE heads SET seq = seq + 1, epoch = 9 WHERE run = 'r1'", "forward only"),
        ("UPDATE heads SET run = 'r9', seq = seq + 1 WHERE run = 'r1'", "forward only"),
        ("DELETE FROM runs WHERE run = 'r1'", "never removed"),
        ("REPLACE INTO runs SELECT * FROM runs WHERE run = 'r1'", "never replaced"),
        ("DELETE FROM signals", "never removed"),
        ("REPLACE INTO signals SELECT * FROM signals", "never replaced"),
        ("UPDATE signals SET folded_seq = NULL", "folded once"),
        ("UPDATE signals SET body = '{}'", "folded once"),
    ],
)
def test_the_database_refuses(ledger: SqlLedger, path: Path, statement: str, because: str) -> None:
    connection = owner(path)
    with pytest.raises(sqlite3.IntegrityError, match=because):
        connection.execute(statement)
    connection.close()


def test_the_database_refuses_entries_that_do_not_continue_the_head(ledger: SqlLedger, path: Path) -> None:
    """Even by somebody who moves the head first, as an append does."""
    head = ledger.info("r1").head
    connection = owner(path)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE heads SET seq = 4, hash = 'sha256:x' WHERE run = 'r1'")
    wrong = {
        "a gap": entry(seq=5, prev=head.hash),
        "a seq used before": entry(seq=3, prev=head.hash),
        "no seq": entry(seq=None, prev=head.hash),
        "another prev": entry(prev="sha256:y"),
        "an older epoch": entry(prev=head.hash, epoch=0),
        "a newer epoch": entry(prev=head.hash, epoch=2),
        "a claim under the old epoch": entry(prev=head.hash, kind="claimed"),
        "a hash that the head does not name": entry(prev=head.hash, hash="sha256:z"),
        "a chain that has no head": entry(run="r9", seq=1, prev=Head().hash, epoch=0),
        "a second begin": entry(run="r2", seq=1, prev=Head().hash, epoch=0),
    }
    for what, values in wrong.items():
        for verb in ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"):
            statement = f"{verb} INTO entries VALUES {ROW}"
            with pytest.raises(sqlite3.IntegrityError, match="must continue"):
                _refused(connection, statement, values, what)
    connection.execute(ENTER, entry(prev=head.hash))  # the right one is taken
    connection.execute("ROLLBACK")
    with pytest.raises(sqlite3.IntegrityError, match="must continue"):  # and not without moving the head
        connection.execute(ENTER, entry(prev=head.hash))
    connection.close()


def test_commits_are_durable_and_readers_do_not_wait(ledger: SqlLedger, path: Path) -> None:
    raw = ledger._writer._connection.raw
    found = {
        name: raw.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "page_size")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "page_size": 8192}
    blocker = owner(path)
    blocker.execute("BEGIN IMMEDIATE")
    assert len(ledger.read("r1")) == 3
    assert len(ledger.runs(Query())) == 2
    blocker.execute("ROLLBACK")
    blocker.close()


def test_reading_connections_cannot_write(ledger: SqlLedger) -> None:
    with ledger._engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM holds")


def test_the_files_are_their_owners_alone(ledger: SqlLedger, path: Path) -> None:
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"ledger.db", "ledger.db-lock", "ledger.db-wal"}
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 for file in files)


def test_a_full_disk_refuses_and_leaves_nothing_half_done(ledger: SqlLedger) -> None:
    raw = ledger._writer._connection.raw
    chain = Chain(ledger, "r3").create()
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        chain.append(Kind.INTENT, body={"much": "x" * 100_000}, holds=["a"])
    assert (ledger.read("r3"), ledger.holder("a")) == (chain.entries, None)
    raw.execute("PRAGMA max_page_count = 1000000")
    chain.append(Kind.INTENT, body={"much": "x" * 100_000}, holds=["a"])
    assert ledger.holder("a") == "r3"


def test_a_write_lock_that_somebody_keeps_is_an_error_not_a_silence(ledger: SqlLedger, path: Path) -> None:
    ledger._writer._connection.raw.execute("PRAGMA busy_timeout = 50")
    blocker = owner(path)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        Chain(ledger, "r3").create()
    blocker.execute("ROLLBACK")
    blocker.close()
    Chain(ledger, "r3").create()


@pytest.mark.parametrize(
    "question",
    [
        reads.listing(Query()),
        reads.listing(Query(live=True)),
        reads.listing(Query(lanes=("live/acting",))),
        reads.listing(Query(runbook="rb", before="r9")),
        reads.listing(Query(target="prod/x")),
        reads.listing(Query(resource="a")),
        reads.listing(Query(requester="dana")),
        reads.listing(Query(state="completed")),
        reads.escalated_on("a"),
        counting(Limit(kind="concurrency", runbook="rb", most=1, targets=("prod/*",))),
        counting(Limit(kind="rate", runbook="rb", most=1, since=T0)),
    ],
)
def test_no_question_reads_a_whole_table(ledger: SqlLedger, question: Select[Any]) -> None:
    with ledger._engine.connect() as connection:
        sql = str(question.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    scans = [
        step
        for step in plan
        if step.startswith("SCAN") and not step.startswith("SCAN runs USING INDEX runs_live")
    ]
    # the newest runs are read from the end of their key: a scan that its limit ends
    assert [step for step in scans if step != "SCAN runs"] == [], plan
    assert ("SCAN runs" in plan) == (question is not None and "WHERE" not in sql), plan


def test_no_glance_reads_a_whole_table(ledger: SqlLedger, path: Path) -> None:
    asked = [value for value in vars(ledger._glances).values() if isinstance(value, Statement)]
    assert len(asked) >= 4
    connection = owner(path)
    for statement in asked:
        sql, _ = statement._compiled
        values = [""] * sql.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        scans = [step for step in plan if step.startswith("SCAN") and step != "SCAN stops"]
        assert scans == [], plan
    connection.close()


def test_a_question_to_a_closed_ledger_is_an_error_of_the_ledger(path: Path) -> None:
    ledger = open_ledger(path)
    assert ledger.holder("a") is None
    ledger.close()
    with pytest.raises(StorageError):
        ledger.holder("a")


# opening


def test_an_empty_file_becomes_a_ledger_of_the_present_schema(path: Path) -> None:
    path.touch()
    open_ledger(path).close()
    engine = Sqlite(path).upgrading()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == schema.REVISION
        assert compare_metadata(context, schema.metadata) == []
        names = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        assert dict(tuple(row) for row in names) == dict(TRIGGERS)
        migrated = _objects(connection)
    engine.dispose()
    assert migrated == _from_metadata(path.with_name("other.db"))


def _objects(connection: object) -> list[str]:
    query = "SELECT sql FROM sqlite_master WHERE type <> 'trigger' AND sql > '' AND name NOT GLOB 'alembic*'"
    return sorted(" ".join(sql.split()) for (sql,) in connection.exec_driver_sql(query))  # type: ignore[attr-defined]


def _from_metadata(path: Path) -> list[str]:
    engine = Sqlite(path).upgrading()
    with engine.begin() as connection:
        schema.metadata.create_all(connection)
        found = _objects(connection)
    engine.dispose()
    return found


def test_a_ledger_is_opened_again_by_path_and_by_address(ledger: SqlLedger, path: Path) -> None:
    for where in (path, str(path), f"sqlite:///{path}"):
        again = open_ledger(where, project=project)
        assert len(again.read("r1")) == 3
        again.close()


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    open_ledger(path).close()
    connection = owner(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match=r"9999.*0001.*nothing was changed"):
        open_ledger(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.execute("DELETE FROM alembic_version")
    with pytest.raises(SchemaError, match="does not say"):
        open_ledger(path)
    connection.close()


def test_somebody_elses_database_is_refused(path: Path) -> None:
    connection = owner(path)
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(SchemaError, match="no ledger"):
        open_ledger(path)


@pytest.mark.parametrize(
    "where",
    ["postgresql://localhost/remit", "sqlite://", "sqlite:///:memory:", "x://", "/no/such/folder/ledger.db"],
)
def test_what_is_no_place_for_a_ledger_is_refused(where: str) -> None:
    with pytest.raises(StorageError):
        open_ledger(where)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but a letter to somebody" * 100)
    with pytest.raises(StorageError):
        open_ledger(path)


def test_an_upgrade_that_fails_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(TRIGGERS, "signals_delete", "CREATE TRIGGER but not like this")
        with pytest.raises(StorageError):
            open_ledger(path)
    assert owner(path).execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    open_ledger(path).close()


def _open_at_once(path: Path, barrier: object, answers: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        ledger = open_ledger(path)
        Chain(ledger, f"r{multiprocessing.current_process().pid}").create()
        ledger.close()
    except LedgerError as error:
        answers.put(repr(error))  # type: ignore[attr-defined]
    else:
        answers.put("")  # type: ignore[attr-defined]


def test_many_processes_may_make_one_ledger_at_once(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_open_at_once, args=(path, barrier, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=60) for _ in processes] == [""] * 4
    for process in processes:
        process.join(10)
    ledger = open_ledger(path, project=project)
    assert len(ledger.runs(Query())) == 4
    assert [finding for finding in ledger.verify() if finding.certain] == []
    ledger.close()


def test_closing_twice_is_closing_once_and_a_closed_ledger_takes_nothing(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError, match="closed"):
        Chain(ledger, "r1").create()
