"""What the ledger must hold on Postgres beyond the contract: roles, triggers, lost servers, many writers."""

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from state import instants
from state.entry import Entry, Kind
from state.errors import (
    HeadMovedError,
    LedgerError,
    PayloadKeyError,
    SchemaError,
    StorageError,
    UnknownCommitError,
)
from state.ledger.payload import payload_of
from state.ledger.port import Finding, Stop
from state.ledger.sql import postgres
from state.ledger.sql.opening import keeps_a_key, open_ledger
from state.ledger.sql.postgres import LOCK, PostgresWriter
from state.ledger.sql.postgres_schema import TRIGGERS, grants
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, KEY, T0, Chain, project, signal
from tests.postgres_kit import Cluster

ROLE = "remit_worker"
REST = (
    "at, kind, role, actor, credential, epoch, code, fold_version, prev, body, hash"
    " FROM entries WHERE seq = 1"
)


def replaced(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body}; END'"


def opened(url: str) -> SqlLedger:
    return open_ledger(url, code=CODE, project=project, payload_key=KEY)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[SqlLedger]:
    found = opened(ledger_url)
    yield found
    found.close()


def certain(ledger: SqlLedger) -> list[Finding]:
    return [finding for finding in ledger.verify() if finding.certain]


def execute(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


# opening


def test_an_empty_database_becomes_a_ledger_and_is_one_when_opened_again(postgres: Cluster) -> None:
    name = postgres.make()
    try:
        assert not keeps_a_key(postgres.url(name))
        first = opened(postgres.url(name))
        Chain(first, "r1").create()
        first.close()
        assert keeps_a_key(postgres.url(name))
        second = opened(postgres.url(name))
        assert len(second.read("r1")) == 1
        assert certain(second) == []
        second.close()
    finally:
        postgres.drop(name)


def test_two_that_open_an_empty_database_at_once_make_one_ledger(postgres: Cluster) -> None:
    name = postgres.make()
    found: list[SqlLedger | Exception] = []

    def opens() -> None:
        try:
            found.append(opened(postgres.url(name)))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            found.append(error)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        ledgers = [ledger for ledger in found if isinstance(ledger, SqlLedger)]
        assert len(ledgers) == len(threads), found
        assert certain(ledgers[0]) == []
        for ledger in ledgers:
            ledger.close()
    finally:
        postgres.drop(name)


def test_a_database_of_somebody_else_is_left_alone(postgres: Cluster) -> None:
    name = postgres.make()
    try:
        execute(postgres.url(name), "CREATE TABLE customers (id int)")
        with pytest.raises(SchemaError, match="no ledger of remit"):
            opened(postgres.url(name))
        with psycopg.connect(postgres.url(name)) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
        assert tables == [("customers",)]
    finally:
        postgres.drop(name)


def test_another_key_is_refused(ledger_url: str) -> None:
    with pytest.raises(PayloadKeyError, match="nothing was read or stored"):
        open_ledger(ledger_url, payload_key=b"another key, of thirty-two bytes")


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(StorageError) as caught:
        opened("postgresql://remit:s3cret@/ops?host=/nowhere")
    assert "s3cret" not in str(caught.value)
    assert "cannot open postgresql://remit:***@/ops" in str(caught.value)


def test_the_clock_is_the_servers(ledger: SqlLedger, ledger_url: str) -> None:
    with psycopg.connect(ledger_url) as connection:
        before, now, after = (
            connection.execute("SELECT clock_timestamp()").fetchone(),
            ledger.now(),
            connection.execute("SELECT clock_timestamp()").fetchone(),
        )
    assert before is not None
    assert after is not None
    assert instants.iso(before[0]) <= now <= instants.iso(after[0])


def test_any_text_comes_back_as_it_was(ledger: SqlLedger) -> None:
    text = "\x00 null, \x1b[31m, \U0001f600, \u2028, ''; DROP TABLE entries; -- %s %(x)s"
    chain = Chain(ledger, "r1").create().claim()
    payload = payload_of(
        text.replace("\x00", ""), key=KEY
    )  # scrubbed of control characters, as all payloads are
    chain.append(Kind.HYDRATED, body={"text": text}, payloads=[payload])
    assert ledger.read("r1")[-1].body["text"] == text
    assert ledger.payload(payload.digest) == payload.text


# what the database refuses by itself


@pytest.mark.parametrize("table", ["entries", "heads", "runs", "signals", "claims", "tallies"])
@pytest.mark.parametrize("mode", ["origin", "replica"])
def test_even_the_owner_removes_nothing(ledger: SqlLedger, ledger_url: str, table: str, mode: str) -> None:
    chain = Chain(ledger, "r1").create().claim()
    ledger.post(signal("s1", chain.run))
    for command in (f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608 - names of this file
        with pytest.raises(psycopg.errors.RaiseException, match="remit: "):
            execute(ledger_url, f"SET session_replication_role = {mode}", command)
    assert certain(ledger) == []


@pytest.mark.parametrize("command", [
    "UPDATE entries SET body = '{}'",
    "UPDATE heads SET seq = seq - 1",
    "UPDATE heads SET epoch = epoch + 2, seq = seq + 1",
    "UPDATE claims SET worker = 'w9'",
    "UPDATE tallies SET number = number + 2",
    "UPDATE payload_key SET mark = 'x'",
    "INSERT INTO payload_key VALUES ('x')",
    f"INSERT INTO entries SELECT run, seq + 2, {REST}",
    f"INSERT INTO entries SELECT run, seq + 1, {REST} ON CONFLICT (run, seq) DO UPDATE SET body = '{{}}'",
])  # fmt: skip
def test_even_the_owner_changes_no_past(ledger: SqlLedger, ledger_url: str, command: str) -> None:
    Chain(ledger, "r1").create().claim()
    with pytest.raises(psycopg.errors.RaiseException, match="remit: "):
        execute(ledger_url, command)
    assert certain(ledger) == []


def test_a_temporary_table_of_the_same_name_deceives_no_trigger(ledger: SqlLedger, ledger_url: str) -> None:
    Chain(ledger, "r1").create()
    with pytest.raises(psycopg.errors.RaiseException, match="must continue the head"):
        execute(
            ledger_url,
            "CREATE TEMPORARY TABLE heads (run text, seq bigint, hash text, epoch bigint)",
            "INSERT INTO heads VALUES ('r1', 2, 'sha256:x', 0)",
            "INSERT INTO public.entries SELECT run, 2, at, kind, role, actor, credential, epoch, code,"
            " fold_version, hash, body, 'sha256:x' FROM entries",
        )


# roles


@pytest.fixture
def worker_url(postgres: Cluster, ledger_url: str) -> Iterator[str]:
    postgres.command(f"DROP ROLE IF EXISTS {ROLE}")
    postgres.command(f"CREATE ROLE {ROLE} LOGIN")
    execute(ledger_url, *grants(ROLE, "public"))
    yield as_role(ledger_url, ROLE)
    execute(ledger_url, f"DROP OWNED BY {ROLE}")
    postgres.command(f"DROP ROLE {ROLE}")


def test_the_role_of_a_worker_does_all_that_a_ledger_does(worker_url: str) -> None:
    ledger = opened(worker_url)
    chain = Chain(ledger, "r1").create(holds=["a"], outbox=[_notice()]).claim().append(Kind.HYDRATED)
    ledger.stop(Stop(scope="desk", by="lee", at=T0, why="a test"))
    ledger.start("desk", by="lee", at=T0)
    ledger.delivered("n1")
    ledger.release("r1", chain.epoch)
    assert certain(ledger) == []
    ledger.close()


def _notice() -> dict[str, object]:
    return {"id": "n1", "channel": "log", "to": "oncall", "body": {"text": "t"}}


@pytest.mark.parametrize("command", [
    "UPDATE entries SET body = '{}'", "DELETE FROM entries", "TRUNCATE entries", "TRUNCATE runs",
    "DELETE FROM heads", "DELETE FROM signals", "ALTER TABLE entries DISABLE TRIGGER ALL",
    "DROP TABLE entries", "SET session_replication_role = replica", "INSERT INTO payload_key VALUES ('x')",
    replaced("remit_entries_delete", "RETURN OLD"),
])  # fmt: skip
def test_the_role_of_a_worker_lacks_what_would_change_the_past(
    ledger: SqlLedger, worker_url: str, command: str
) -> None:
    Chain(ledger, "r1").create()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(worker_url, command)


# verify


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("DROP TRIGGER entries_update ON entries", "trigger entries_update was dropped"),
        ("ALTER TABLE entries DISABLE TRIGGER entries_update", "trigger entries_update was changed"),
        ("ALTER TABLE entries ENABLE TRIGGER entries_update", "trigger entries_update was changed"),
        (replaced("remit_entries_update", "RETURN NEW"), "trigger entries_update was changed"),
        ("DROP INDEX runs_due", "index runs_due was dropped"),
        ("CREATE INDEX more ON runs (lane)", "index more was added"),
        ("ALTER TABLE runs ADD COLUMN more int", "column runs.more was added"),
        ("ALTER TABLE runs ALTER COLUMN lane TYPE varchar(5)", "column runs.lane was changed"),
        ("CREATE TABLE more (id int)", "column more.id was added"),
        ("DELETE FROM alembic_version", "does not say"),
    ],
)
def test_verify_finds_what_was_changed_of_the_database_itself(
    ledger: SqlLedger, ledger_url: str, command: str, found: str
) -> None:
    execute(ledger_url, command)
    assert any(found in finding.what for finding in certain(ledger))


def test_verify_knows_every_trigger(ledger: SqlLedger, ledger_url: str) -> None:
    for name, trigger in TRIGGERS.items():
        execute(ledger_url, f"DROP TRIGGER {name} ON {trigger.table}")
    said = " ".join(finding.what for finding in certain(ledger))
    assert all(f"trigger {name} was dropped" in said for name in TRIGGERS)


# many writers


def test_many_processes_append_and_nothing_is_lost_or_doubled(ledger_url: str) -> None:
    ledgers = [opened(ledger_url) for _ in range(4)]
    errors: list[Exception] = []

    def appends(number: int) -> None:
        try:
            for step in range(5):
                chain = Chain(ledgers[number % 4], f"r{number}-{step}").create().claim()
                for _ in range(4):
                    chain.append(Kind.HYDRATED)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=appends, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for number in range(8):
        for step in range(5):
            assert [entry.seq for entry in ledgers[0].read(f"r{number}-{step}")] == [1, 2, 3, 4, 5, 6]
    assert certain(ledgers[0]) == []
    for ledger in ledgers:
        ledger.close()


def test_of_two_that_append_behind_one_head_one_is_told(ledger_url: str) -> None:
    first, second = opened(ledger_url), opened(ledger_url)
    chain = Chain(first, "r1").create().claim()
    append = chain.make(Kind.HYDRATED)
    told: list[Exception | None] = []
    barrier = threading.Barrier(2)

    def appends(ledger: SqlLedger) -> None:
        barrier.wait()
        try:
            ledger.append(append)
            told.append(None)
        except LedgerError as error:
            told.append(error)

    threads = [threading.Thread(target=appends, args=(ledger,)) for ledger in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(error) for error in told if error) == [HeadMovedError]
    assert len(first.read("r1")) == 3
    first.close()
    second.close()


# what goes wrong


def test_a_writer_stopped_inside_a_transaction_holds_up_nobody_for_long(
    ledger: SqlLedger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain(ledger, "r1").create()
    monkeypatch.setattr(postgres, "_WRITING", postgres._WRITING.replace(str(postgres.IDLE_MS), "300"))
    stopped = PostgresWriter(make_url(ledger_url))
    cursor = stopped.begin()
    cursor.execute("INSERT INTO payloads VALUES ('sha256:x', 'text')")
    began = time.monotonic()
    chain.claim()  # waits for the lock, which the server takes from the one that says nothing
    assert time.monotonic() - began < 30
    with pytest.raises(psycopg.Error):
        stopped.commit()
    assert ledger.payload("sha256:x") is None
    stopped.reopen()
    stopped.begin()
    stopped.rollback()
    stopped.close()


def test_a_lost_connection_is_told_and_the_next_append_has_another(
    ledger: SqlLedger, ledger_url: str
) -> None:
    chain = Chain(ledger, "r1").create().claim()
    _end_connections(ledger_url)
    with pytest.raises(StorageError):
        ledger.append(chain.make(Kind.HYDRATED))
    assert _eventually(lambda: ledger.read("r1")) == chain.entries
    chain.append(Kind.HYDRATED)
    assert certain(ledger) == []


def test_a_commit_without_an_answer_is_unknown_and_the_ledger_says_which_it_was(
    ledger: SqlLedger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain(ledger, "r1").create().claim()
    commit = PostgresWriter.commit

    def commits_and_loses_the_answer(self: PostgresWriter) -> None:
        commit(self)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(PostgresWriter, "commit", commits_and_loses_the_answer)
    append = chain.make(Kind.HYDRATED)
    with pytest.raises(UnknownCommitError):
        ledger.append(append)
    monkeypatch.undo()
    assert ledger.read("r1")[-1] == append.entries[-1]


def test_a_lock_that_nobody_gives_back_is_said_in_time(
    ledger: SqlLedger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        postgres, "_WRITING", postgres._WRITING.replace(str(postgres.LOCK_PATIENCE_MS), "200")
    )
    with psycopg.connect(ledger_url, autocommit=True) as other:
        other.execute(f"SELECT pg_advisory_lock({LOCK})")
        impatient = open_ledger(ledger_url, code=CODE, project=project, payload_key=KEY)
        with pytest.raises(StorageError, match="nothing was stored"):
            Chain(impatient, "r1").create()
        impatient.close()
    assert ledger.read("r1") == []


def _end_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _eventually(ask: Callable[[], list[Entry]]) -> list[Entry]:
    for _ in range(20):  # as many connections as were pooled fail once each
        try:
            return ask()
        except StorageError:
            time.sleep(0.05)
    return ask()
