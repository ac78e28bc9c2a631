"""What ``verify`` finds: each column of each table changed, whatever was cut, moved or added."""
# ruff: noqa: S608 - names of tables come from the schema

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from state.entry import DESK, Draft, Head, Kind, seal
from state.ledger.columns import COLUMNS, INTEGERS, NULLABLE
from state.ledger.export import export, verify_export
from state.ledger.payload import payload_of
from state.ledger.port import Finding, Stop
from state.ledger.sql import schema
from state.ledger.sql.opening import open_ledger
from state.ledger.sql.sqlite import TRIGGERS
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, KEY, T0, Chain, project, signal, worker

EVERY_COLUMN = [(t.name, c.name) for t in schema.metadata.sorted_tables for c in t.columns]
TEXT = payload_of("restart checkout in prod", key=KEY)
GONE = payload_of("my name is Dana", key=KEY)


def fill(ledger: SqlLedger) -> None:
    """At least one row in every table, and two of most."""
    ledger.register(worker("w1"))
    for run, resource in (("r1", "a"), ("r2", "b")):
        notice = {"id": f"n-{run}", "channel": "log", "to": "oncall", "body": "escalated"}
        values: dict[str, Any] = {
            "runbook": "rb", "version": 1, "target": "prod/x", "requester": "dana", "source": "chat",
            "delivery": run, "delivery_digest": "sha256:0", "once_key": run, "once_until": T0, "due_at": T0,
            "ended_at": None,
            "state": "escalated", "reason": "ambiguous", "waiting_for": "human", "escalation": "e1",
            "holds": [resource], "resources": [resource, "c"], "outbox": [notice],
            "attempts": [[resource, "op1", 1, T0], [resource, "op1", 2, T0]],
        }  # fmt: skip
        chain = Chain(ledger, run).create(**values).claim()
        ledger.post(signal(f"s-{run}", run))
        ledger.post(signal(f"t-{run}", run))
        chain.append(
            Kind.SIGNAL,
            folds=[f"s-{run}"],
            body={"text": TEXT.digest, "gone": GONE.digest},
            payloads=[TEXT, GONE],
        )
        chain.append(Kind.HYDRATED, Kind.INTENT, Kind.OUTCOME)
    ledger.delivered("n-r1")
    ledger.stop(Stop(scope="desk", by="lee", at=T0, why="storm"))
    ledger.append_desk([Draft(kind=Kind.APPROVED, body={"n": n}) for n in range(2)], at=T0, code=CODE)
    ledger.erase(GONE.digest, by="lee", at=T0, why="asked to")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled ledger, closed, to be copied: making one takes longer than looking through it."""
    path = tmp_path_factory.mktemp("filled") / "ledger.db"
    ledger = open_ledger(path, code=CODE, project=project, payload_key=KEY)
    fill(ledger)
    ledger.close()
    return path


@pytest.fixture
def path(tmp_path: Path, filled: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "ledger.db"))


@pytest.fixture
def ledger(path: Path) -> Iterator[SqlLedger]:
    found = open_ledger(path, code=CODE, project=project, payload_key=KEY)
    yield found
    found.close()


@pytest.fixture
def file(ledger: SqlLedger, path: Path) -> Iterator[sqlite3.Connection]:
    """The file in the hands of its owner, who has dropped every guard and put it back afterwards."""
    owner = sqlite3.connect(path, isolation_level=None)
    for name in TRIGGERS:
        owner.execute(f"DROP TRIGGER {name}")
    yield owner
    owner.close()


def restore(owner: sqlite3.Connection) -> None:
    for text in TRIGGERS.values():
        owner.execute(text)


def certain(ledger: SqlLedger) -> list[Finding]:
    return [finding for finding in ledger.verify() if finding.certain]


def names(finding: Finding, column: str) -> bool:
    return column in finding.column.split(",")


def test_a_sound_ledger_has_no_certain_finding_and_says_what_it_cannot_prove(ledger: SqlLedger) -> None:
    found = list(ledger.verify())
    assert not [finding for finding in found if finding.certain]
    said = " ".join(finding.what for finding in found)
    assert "3 chains" in said
    assert "cannot be proven" in said
    assert "shredded" in said


def test_the_columns_of_records_are_those_of_the_schema() -> None:
    assert {t.name: tuple(c.name for c in t.columns) for t in schema.metadata.sorted_tables} == dict(
        sorted(COLUMNS.items())
    )
    for table, column in EVERY_COLUMN:
        kind = schema.metadata.tables[table].c[column]
        assert (kind.type.python_type is int) == (column in INTEGERS)
        assert not kind.nullable or column in NULLABLE


@pytest.mark.parametrize(("table", "column"), EVERY_COLUMN)
def test_each_column_of_each_table_changed_is_found(
    ledger: SqlLedger, file: sqlite3.Connection, table: str, column: str
) -> None:
    """One row is changed in one column, by the owner of the file; nothing else."""
    key = [c.name for c in schema.metadata.tables[table].primary_key.columns]
    columns = ", ".join(key)
    rows = file.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}").fetchall()
    assert rows, f"no row of {table} to change: fill it"
    at = rows[len(rows) // 2]
    where = " AND ".join(f"{name} = ?" for name in key)
    is_int = schema.metadata.tables[table].c[column].type.python_type is int
    (before,) = file.execute(f"SELECT {column} FROM {table} WHERE {where}", at).fetchone()
    after = (before or 0) + 1000 if is_int else (before or "") + "x"
    assert file.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (after, *at)).rowcount == 1
    restore(file)
    found = certain(ledger)
    assert any(finding.table == table and names(finding, column) for finding in found), found


@pytest.mark.parametrize("table", [t.name for t in schema.metadata.sorted_tables])
def test_a_row_removed_from_any_table_is_found_where_anything_tells_of_it(
    ledger: SqlLedger, file: sqlite3.Connection, table: str
) -> None:
    key = [c.name for c in schema.metadata.tables[table].primary_key.columns]
    columns = ", ".join(key)
    at = file.execute(f"SELECT {columns} FROM {table} ORDER BY {columns} LIMIT 1").fetchone()
    where = " AND ".join(f"{name} = ?" for name in key)
    file.execute(f"DELETE FROM {table} WHERE {where}", at)
    restore(file)
    found = certain(ledger)
    if table == "workers":  # presence, not truth: one that left without a word looks the same
        assert found == []
        said = [finding.what for finding in ledger.verify() if finding.table == "workers"]
        assert [what[:20] for what in said] == ["run r1 is held by w1", "run r2 is held by w1"]
    else:
        assert any(finding.table == table for finding in found), found


def test_an_entry_removed_from_the_middle_is_named(ledger: SqlLedger, file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM entries WHERE run = 'r1' AND seq IN (3, 4)")
    restore(file)
    (gap,) = [finding for finding in certain(ledger) if finding.table == "entries"]
    assert (gap.run, gap.seq) == ("r1", 3)
    assert "3 to 4 is missing" in gap.what


def test_a_reordered_pair_is_named(ledger: SqlLedger, file: sqlite3.Connection) -> None:
    file.execute("UPDATE entries SET seq = 100 WHERE run = 'r1' AND seq = 4")
    file.execute("UPDATE entries SET seq = 4 WHERE run = 'r1' AND seq = 5")
    file.execute("UPDATE entries SET seq = 5 WHERE run = 'r1' AND seq = 100")
    restore(file)
    moved = {finding.seq: finding.what for finding in certain(ledger) if finding.column == "seq"}
    assert "sealed as entry 5: moved" in moved[4]
    assert "sealed as entry 4: moved" in moved[5]


def test_a_rewritten_entry_with_a_fitting_hash_is_found(ledger: SqlLedger, file: sqlite3.Connection) -> None:
    second, third = ledger.read("r1")[1:3]
    forged = seal(
        Draft(kind=second.kind, body={"worker": "w9"}, role=second.role, actor=second.actor),
        run="r1", head=Head(seq=1, hash=second.prev), at=second.at, epoch=second.epoch, code=second.code,
    )  # fmt: skip
    file.execute(
        "UPDATE entries SET body = ?, hash = ? WHERE run = 'r1' AND seq = 2", (forged.body_text, forged.hash)
    )
    restore(file)
    found = certain(ledger)
    assert any((finding.seq, finding.column) == (third.seq, "prev") for finding in found), found


def test_a_cut_tail_is_found_by_the_head_beside_it(ledger: SqlLedger, file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM entries WHERE run = 'r1' AND seq > 4")
    restore(file)
    assert any(
        "cut: the head stands at 6, the last entry is 4" in finding.what for finding in certain(ledger)
    )


def test_a_cut_tail_with_its_head_is_found_by_what_was_derived_from_it(
    ledger: SqlLedger, file: sqlite3.Connection
) -> None:
    last = ledger.read("r1")[1]
    file.execute("DELETE FROM entries WHERE run = 'r1' AND seq > 2")
    file.execute("UPDATE heads SET seq = 2, hash = ? WHERE run = 'r1'", (last.hash,))
    restore(file)
    assert any("signal s-r1 was folded in by entry 3" in finding.what for finding in certain(ledger))


def test_a_tail_cut_with_everything_is_said_to_be_beyond_proof(
    ledger: SqlLedger, file: sqlite3.Connection
) -> None:
    last = ledger.read("r1")[4]
    file.execute("DELETE FROM entries WHERE run = 'r1' AND seq > 5")
    file.execute("UPDATE heads SET seq = 5, hash = ? WHERE run = 'r1'", (last.hash,))
    restore(file)
    found = list(ledger.verify())
    assert not [finding for finding in found if finding.certain]
    assert any("cut off their ends" in finding.what for finding in found)


def test_a_whole_chain_removed_is_found(ledger: SqlLedger, file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM entries WHERE run = 'r1'")
    restore(file)
    assert any("all 6 entries" in finding.what for finding in certain(ledger))


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("INSERT INTO holds VALUES ('z', 'r1')", "holds"),
        ("INSERT INTO attempts VALUES ('r1', 3, 'a', 'op9', 1, '2026-11-23T21:08:40.000000Z')", "attempts"),
        ("INSERT INTO deliveries VALUES ('chat', 'r3', NULL, 'r3')", "deliveries"),
        ("INSERT INTO stops VALUES ('resource:a', 'eve', 'x', 'y')", "stops"),
        ("INSERT INTO payloads VALUES ('hmac-sha256:00', 'x')", "payloads"),
        ("UPDATE payloads SET text = NULL", "payloads"),
        ("UPDATE runs SET lane = 'ended/completed' WHERE run = 'r2'", "runs"),
        ("DROP TRIGGER entries_update", "sqlite_master"),
        ("CREATE TRIGGER more AFTER INSERT ON runs BEGIN SELECT 1; END", "sqlite_master"),
    ],
)
def test_a_table_that_lies_is_found(ledger: SqlLedger, path: Path, statement: str, table: str) -> None:
    with sqlite3.connect(path) as owner:
        owner.execute(statement)
    owner.close()
    assert {finding.table for finding in certain(ledger)} == {table}


def test_a_changed_payload_needs_the_key_to_be_found(ledger: SqlLedger, path: Path) -> None:
    with sqlite3.connect(path) as owner:
        owner.execute("UPDATE payloads SET text = 'restart billing in prod' WHERE text IS NOT NULL")
    owner.close()
    assert [finding.table for finding in certain(ledger)] == ["payloads"]
    keyless = open_ledger(path, code=CODE, project=project)
    found = list(keyless.verify())
    keyless.close()
    assert not [finding for finding in found if finding.certain]
    assert any("1 payloads are unchecked" in finding.what for finding in found)


def test_without_a_projection_verify_says_that_it_did_not_compare(ledger: SqlLedger, path: Path) -> None:
    blind = open_ledger(path)
    found = list(blind.verify())
    blind.close()
    assert not [finding for finding in found if finding.certain]
    assert any("no projection" in finding.what for finding in found)


# exports


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def offline(path: Path, *, key: bytes | None = KEY) -> list[Finding]:
    return list(verify_export(path, project=project, payload_key=key))


def test_an_export_holds_the_very_bytes_and_is_sound_offline(ledger: SqlLedger, tmp_path: Path) -> None:
    target = tmp_path / "export.jsonl"
    count = export(ledger, target)
    rows = [line for line in lines_of(target) if "table" in line]
    assert len(rows) == count
    bodies = [
        line["row"]["body"] for line in rows if line["table"] == "entries" and line["row"]["run"] == "r1"
    ]
    assert bodies == [entry.body_text for entry in ledger.read("r1")]
    assert target.stat().st_mode & 0o077 == 0
    assert not [finding for finding in offline(target) if finding.certain]
    assert any("unchecked" in finding.what for finding in offline(target, key=None))
    assert any("shredded" in finding.what for finding in offline(target, key=None))


def test_an_export_of_one_run_is_sound_by_itself(ledger: SqlLedger, tmp_path: Path) -> None:
    target = tmp_path / "export.jsonl"
    export(ledger, target, run="r2")
    rows = [line["row"] for line in lines_of(target) if "table" in line]
    assert {row["run"] for row in rows if "run" in row} == {"r2"}
    found = [finding for finding in offline(target) if finding.certain]
    assert found == [], found


@pytest.mark.parametrize(("table", "column"), EVERY_COLUMN)
def test_each_column_of_each_row_of_an_export_is_checked(
    ledger: SqlLedger, tmp_path: Path, table: str, column: str
) -> None:
    """Changed with the last line of the file made to fit, so that the chains alone must tell."""
    target = tmp_path / "export.jsonl"
    export(ledger, target)
    lines = lines_of(target)
    places = [n for n, line in enumerate(lines) if line.get("table") == table]
    row = lines[places[len(places) // 2]]["row"]
    value = row[column]
    row[column] = (value or 0) + 1000 if column in INTEGERS else (value or "") + "x"
    rewrite(target, lines)
    raw = target.read_bytes().splitlines(keepends=True)
    lines[-1]["sha256"] = hashlib.sha256(b"".join(raw[:-1])).hexdigest()
    rewrite(target, lines)
    found = [finding for finding in offline(target) if finding.certain]
    assert any(finding.table == table and names(finding, column) for finding in found), found


def test_an_export_cut_or_touched_anywhere_is_found(ledger: SqlLedger, tmp_path: Path) -> None:
    target = tmp_path / "export.jsonl"
    export(ledger, target)
    whole = lines_of(target)
    first = next(n for n, line in enumerate(whole) if line.get("table") == "entries")
    for broken, said in (
        (whole[:-1], "without its last line"),
        (whole[1:], "not an export"),
        ([*whole, whole[3]], "behind the last one"),
        ([whole[0], *whole[2:]], "counts"),
        ([{**whole[0], "export": "other/v9"}, *whole[1:]], "not an export"),
        ([*whole[:first], {"table": "entries", "row": {}}, *whole[first:]], "has the columns"),
        ([*whole[:first], {"table": "spies", "row": {}}, *whole[first:]], "no table"),
        ([*whole[:first], {"row": 1}, *whole[first:]], "neither a row"),
        ([*whole[:first], {"table": "entries", "row": {**whole[first]["row"], "seq": "1"}}], "cannot hold"),
    ):
        rewrite(target, broken)
        assert any(said in finding.what for finding in offline(target) if finding.certain), said
    for text in ("", "[]\n", "{", "[" * 100_000):
        target.write_text(text)
        assert any(finding.certain for finding in offline(target)), text[:10]


def test_the_desk_can_be_exported(ledger: SqlLedger, tmp_path: Path) -> None:
    target = tmp_path / "export.jsonl"
    assert export(ledger, target, run=DESK) == 6
    assert not [finding for finding in offline(target) if finding.certain]
