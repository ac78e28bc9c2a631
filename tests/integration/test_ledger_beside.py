"""What stands beside the chains and is changed and sealed anew: found by the chains, or by the key."""
# ruff: noqa: S608 - names of tables and columns are those of this file

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from state.entry import Kind
from state.errors import PayloadKeyError
from state.ledger.beside import SEALED
from state.ledger.columns import COLUMNS
from state.ledger.export import export, verify_export
from state.ledger.port import Finding, Stop
from state.ledger.seals import seal_of, tally_row
from state.ledger.sql.opening import keeps_a_key, open_ledger
from state.ledger.sql.sqlite import TRIGGERS
from state.ledger.sql.store import SqlLedger
from tests.ledger_kit import CODE, KEY, T0, Chain, project, signal, worker

OTHER = b"another key for payloads, of this test"


def opened(path: Path, key: bytes | None = KEY) -> SqlLedger:
    return open_ledger(path, code=CODE, project=project, payload_key=key)


def fill(ledger: SqlLedger) -> None:
    """Three runs: one held, one released, one never claimed; a signal folded in, two that wait."""
    ledger.register(worker("w1"))
    for run in ("r1", "r2"):
        chain = Chain(ledger, run).create(runbook="rb").claim()
        for n in ("a", "b", "c"):
            ledger.post(signal(f"{n}-{run}", run, escalation="e1"))
        chain.append(
            Kind.HYDRATED, Kind.SIGNAL, Kind.CHECKED, folds=[f"a-{run}"], body={"body": {"escalation": "e1"}}
        )
    ledger.release("r2", 1)
    Chain(ledger, "r3").create(runbook="rb")
    ledger.stop(Stop(scope="desk", by="lee", at=T0, why="storm"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqlLedger]:
    found = opened(path)
    fill(found)
    yield found
    found.close()


Change = Callable[[sqlite3.Connection], None]


def tamper(path: Path, change: Change) -> None:
    """Change the file as its owner can: every trigger dropped before, and put back behind."""
    owner = sqlite3.connect(path, isolation_level=None)
    for name in TRIGGERS:
        owner.execute(f"DROP TRIGGER {name}")
    change(owner)
    for text in TRIGGERS.values():
        owner.execute(text)
    owner.close()


def resealed(table: str, where: str, *, key: bytes | None, **values: Any) -> Change:
    """Change a row, and make its seal fit, with the key or without."""

    def change(owner: sqlite3.Connection) -> None:
        columns = COLUMNS[table]
        found = owner.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}").fetchone()
        row = {**dict(zip(columns, found, strict=True)), **values}
        row["seal"] = seal_of(*(row[name] for name in SEALED[table]), key=key)
        owner.execute(f"DELETE FROM {table} WHERE {where}")
        owner.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", tuple(row.values()))

    return change


def without(table: str, where: str) -> Change:
    return lambda owner: owner.execute(f"DELETE FROM {table} WHERE {where}") and None


def lies(ledger: SqlLedger) -> set[tuple[str, str]]:
    return {(finding.table, name) for finding in certain(ledger) for name in finding.column.split(",")}


def certain(ledger: SqlLedger) -> list[Finding]:
    return [finding for finding in ledger.verify() if finding.certain]


def test_all_of_it_is_sound_with_the_key_and_unchecked_without(ledger: SqlLedger, path: Path) -> None:
    assert certain(ledger) == []
    assert not any(finding.table == "tallies" for finding in ledger.verify())
    keyless = opened(path, None)
    found = list(keyless.verify())
    keyless.close()
    assert [finding for finding in found if finding.certain] == []
    said = " ".join(finding.what for finding in found)
    assert "seals are unchecked: that takes the payload key" in said
    assert "no whole run and no signal is missing" in said


@pytest.mark.parametrize("key", [None, KEY], ids=["without the key", "even with the key"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "unpause"),
        ("by", "somebody-else"),
        ("at", "2026-11-24T00:00:00.000000Z"),
        ("body", '{"escalation":"e2"}'),
        ("folded_seq", None),
        ("folded_seq", 1),
        ("folded_seq", 5),
    ],
)
def test_a_folded_signal_is_held_against_its_entry(
    ledger: SqlLedger, path: Path, column: str, value: Any, key: bytes | None
) -> None:
    tamper(path, resealed("signals", "id = 'a-r1'", key=key, **{column: value}))
    assert ("signals", column) in lies(ledger)


def test_a_signal_that_waits_cannot_be_folded_by_hand(ledger: SqlLedger, path: Path) -> None:
    tamper(path, resealed("signals", "id = 'b-r1'", key=KEY, folded_seq=4))
    assert ("signals", "folded_seq") in lies(ledger)


def test_a_folded_signal_removed_is_missed_by_its_entry(ledger: SqlLedger, path: Path) -> None:
    tamper(path, without("signals", "id = 'a-r1'"))
    assert ("signals", "id") in lies(ledger)


@pytest.mark.parametrize("which", ["b-r1", "c-r1"], ids=["the middle one", "the last one"])
def test_a_waiting_signal_removed_is_missed_by_the_tally(ledger: SqlLedger, path: Path, which: str) -> None:
    tamper(path, without("signals", f"id = '{which}'"))
    assert ("tallies", "number") in lies(ledger)
    assert (("signals", "arrival") in lies(ledger)) is (which == "b-r1")


def wipe(run: str) -> Change:
    def change(owner: sqlite3.Connection) -> None:
        for table, columns in COLUMNS.items():
            if "run" in columns:
                owner.execute(f"DELETE FROM {table} WHERE run = ?", (run,))

    return change


@pytest.mark.parametrize("run", ["r3", "desk"])
def test_a_whole_chain_wiped_is_missed_by_the_tally(ledger: SqlLedger, path: Path, run: str) -> None:
    tamper(path, wipe(run))
    assert ("tallies", "number") in lies(ledger)


def test_a_tally_made_to_fit_takes_the_key(ledger: SqlLedger, path: Path) -> None:
    def change(owner: sqlite3.Connection) -> None:
        wipe("r3")(owner)
        row = tally_row("chains", ["r1", "r2", "desk"], key=None)
        owner.execute("UPDATE tallies SET number = ?, digest = ?, seal = ? WHERE name = 'chains'",
                      (row["number"], row["digest"], row["seal"]))  # fmt: skip

    tamper(path, change)
    assert ("tallies", "seal") in lies(ledger)


def test_an_older_tally_put_back_does_not_hide_another_run(path: Path) -> None:
    """The tally of one run less, as it was sealed then, is that of other runs."""
    ledger = opened(path)
    chains = [Chain(ledger, run).create(runbook="rb") for run in ("r1", "r2")]
    owner = sqlite3.connect(path)
    older = owner.execute("SELECT number, digest, seal FROM tallies WHERE name = 'chains'").fetchone()
    owner.close()
    Chain(ledger, "r3").create(runbook="rb")

    def change(owner: sqlite3.Connection) -> None:
        wipe(chains[0].run)(owner)
        owner.execute("UPDATE tallies SET number = ?, digest = ?, seal = ? WHERE name = 'chains'", older)

    tamper(path, change)
    assert lies(ledger) == {("tallies", "digest")}
    ledger.close()


def test_claims_removed_are_missed_and_are_no_release(ledger: SqlLedger, path: Path) -> None:
    tamper(path, without("claims", "true"))
    assert {finding.run for finding in certain(ledger) if finding.table == "claims"} == {"r1", "r2"}
    info = ledger.info("r1")
    assert (info.worker, info.released) == (None, False)


@pytest.mark.parametrize(
    ("column", "value"), [("worker", "w9"), ("epoch", 2), ("released_at", T0)]
)  # fmt: skip
def test_a_claim_sealed_without_the_key_is_found(
    ledger: SqlLedger, path: Path, column: str, value: Any
) -> None:
    tamper(path, resealed("claims", "run = 'r1'", key=None, **{column: value}))
    assert ("claims", column) in lies(ledger)


def test_a_claim_of_a_run_that_nobody_claimed_is_found(ledger: SqlLedger, path: Path) -> None:
    tamper(path, resealed("claims", "run = 'r1'", key=KEY, run="r3"))
    assert {finding.run for finding in certain(ledger) if finding.table == "claims"} == {"r1", "r3"}


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE TABLE evil (x)", "table evil was added"),
        ("ALTER TABLE stops ADD COLUMN x TEXT", "table stops was changed"),
        ("DROP INDEX runs_due", "index runs_due was dropped"),
        ("CREATE INDEX more ON runs (lane)", "index more was added"),
        ("DROP TRIGGER claims_delete", "trigger claims_delete was dropped"),
        (
            "ALTER TABLE workers RENAME TO w2; CREATE VIEW workers AS SELECT * FROM w2",
            "view workers was added",
        ),
        ("DROP TABLE payloads", "table payloads was dropped"),
        ("UPDATE alembic_version SET version_num = '0000'", "does not say 0001"),
    ],
)
def test_whatever_the_database_is_made_of_is_compared(
    ledger: SqlLedger, path: Path, statement: str, what: str
) -> None:
    owner = sqlite3.connect(path, isolation_level=None)
    owner.executescript(statement)
    owner.close()
    assert any(what in finding.what for finding in certain(ledger)), certain(ledger)


def test_what_the_planner_noted_is_no_finding(ledger: SqlLedger, path: Path) -> None:
    owner = sqlite3.connect(path, isolation_level=None)
    owner.execute("ANALYZE")
    owner.close()
    assert certain(ledger) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM claims", "UPDATE claims SET worker = 'w9'", "UPDATE claims SET released_at = NULL",
        "UPDATE claims SET epoch = 0", "REPLACE INTO claims SELECT * FROM claims",
        "DELETE FROM tallies", "UPDATE tallies SET number = number - 1",
        "REPLACE INTO tallies SELECT * FROM tallies",
        "DELETE FROM payload_key", "UPDATE payload_key SET mark = 'none'",
        "INSERT INTO payload_key VALUES ('none')",
    ],
)  # fmt: skip
def test_the_database_itself_refuses_what_no_program_does(
    ledger: SqlLedger, path: Path, statement: str
) -> None:
    owner = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="remit: "):
        owner.execute(statement)
    owner.close()


# the key


def test_a_ledger_is_opened_with_the_key_that_it_was_made_with(ledger: SqlLedger, path: Path) -> None:
    assert keeps_a_key(path)
    with pytest.raises(PayloadKeyError, match="another payload key"):
        opened(path, OTHER)
    opened(path).close()


def test_without_its_key_a_ledger_can_be_read_and_not_written(ledger: SqlLedger, path: Path) -> None:
    keyless = opened(path, None)
    assert keyless.info("r1").worker == "w1"
    with pytest.raises(PayloadKeyError, match="without it"):
        keyless.post(signal("x", "r1"))
    keyless.close()
    assert certain(ledger) == []


def test_a_ledger_made_without_a_key_takes_none_later(path: Path) -> None:
    opened(path, None).close()
    assert not keeps_a_key(path)
    with pytest.raises(PayloadKeyError, match="without a payload key"):
        opened(path)


def test_where_there_is_no_ledger_no_key_is_kept(tmp_path: Path) -> None:
    assert not keeps_a_key(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_mark_taken_away_does_not_let_another_key_in_unseen(ledger: SqlLedger, path: Path) -> None:
    tamper(path, without("payload_key", "true"))
    assert ("payload_key", "mark") in lies(ledger)
    other = opened(path, OTHER)
    assert ("payload_key", "mark") in lies(other)
    other.close()


def test_a_keyed_ledger_made_to_look_keyless_is_found_without_the_key(ledger: SqlLedger, path: Path) -> None:
    tamper(path, lambda owner: owner.execute("UPDATE payload_key SET mark = 'none'") and None)
    with pytest.raises(PayloadKeyError):
        opened(path)
    keyless = opened(path, None)
    assert ("payload_key", "mark") in lies(keyless)
    keyless.close()
    tamper(path, resealed("claims", "run = 'r1'", key=None))
    assert ("payload_key", "mark") in lies(ledger)


# exports


def altered(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> list[str]:
    """What is certain of an export whose lines, but for the last, were changed: with the last made to fit."""
    lines = change(path.read_bytes().splitlines(keepends=True)[:-1])
    closing = f'{{"rows":{len(lines) - 1},"sha256":"{hashlib.sha256(b"".join(lines)).hexdigest()}"}}\n'
    path.write_bytes(b"".join(lines) + closing.encode())
    found = verify_export(path, project=project, payload_key=KEY)
    return [finding.what for finding in found if finding.certain]


@pytest.fixture
def exported(ledger: SqlLedger, tmp_path: Path) -> Path:
    target = tmp_path / "export.jsonl"
    export(ledger, target)
    return target


def test_an_export_writes_to_no_file_that_lay_there(ledger: SqlLedger, tmp_path: Path) -> None:
    target, own = tmp_path / "export.jsonl", tmp_path / "own"
    own.write_text("mine")
    (tmp_path / "export.jsonl.part").symlink_to(own)
    export(ledger, target)
    assert own.read_text() == "mine"
    assert target.stat().st_mode & 0o777 == 0o600
    assert {*tmp_path.glob("*.part")} | {*tmp_path.glob(".*.part")} == {tmp_path / "export.jsonl.part"}
    with pytest.raises(OSError, match="directory"):
        export(ledger, own / "below")
    target.unlink()
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        export(ledger, target)
    assert not [*tmp_path.glob(".*.part")], "nothing is left behind"


def test_the_first_line_of_an_export_is_under_its_last(exported: Path) -> None:
    assert altered(exported, lambda lines: lines) == []
    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join([lines[0].replace(b"null", b'"r1"'), *lines[1:]]))
    found = [finding.what for finding in verify_export(exported, project=project) if finding.certain]
    assert any("first line" in what or "in an export of run" in what for what in found), found
    (alone := exported.with_name("alone.jsonl")).write_bytes(
        b'{"export":"remit/ledger-export/v1","run":"r1"}\n' + lines[-1]
    )
    found = [finding.what for finding in verify_export(alone, project=project) if finding.certain]
    assert any("first line or its rows" in what for what in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"run":null', b'"run":"x"', "in an export of run 'x'"),
        (b'"run":null', b'"run":7', "which run it is of"),
        (b'"run":null', b'"run":null,"note":"all good"', "and that alone"),
        (b'{"export":', b'{"export":"x","export":', "read in two ways"),
        (b',"run":null', b', "run":null', "read in two ways"),
    ],
)
def test_a_first_line_says_which_run_and_nothing_else(
    exported: Path, old: bytes, new: bytes, said: str
) -> None:
    found = altered(exported, lambda lines: [lines[0].replace(old, new), *lines[1:]])
    assert any(said in what for what in found), found


@pytest.mark.parametrize("table", [b'"entries","row":{"run":"r2"', b'"table":"workers"', b'"table":"stops"'])
def test_an_export_of_one_run_holds_no_row_of_another(
    ledger: SqlLedger, exported: Path, table: bytes
) -> None:
    more = [line for line in exported.read_bytes().splitlines(keepends=True) if table in line]
    assert more
    one = exported.with_name("one.jsonl")
    export(ledger, one, run="r1")
    assert altered(one, lambda lines: lines) == []
    found = altered(one, lambda lines: [*lines, *more])
    assert any("in an export of run 'r1'" in what for what in found), found


def test_a_row_of_an_export_cannot_be_read_in_two_ways(exported: Path) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        return [lines[0], lines[1].replace(b'{"table":', b'{"table":"evil","table":'), *lines[2:]]

    assert any("read in two ways" in what for what in altered(exported, change))


def test_a_run_left_out_of_an_export_is_missed(exported: Path) -> None:
    found = altered(exported, lambda lines: [line for line in lines if b'"run":"r3"' not in line])
    assert any("whole ones were removed" in what for what in found), found


def test_an_export_of_one_run_says_what_it_cannot_prove(ledger: SqlLedger, tmp_path: Path) -> None:
    target = tmp_path / "one.jsonl"
    export(ledger, target, run="r1")
    found = list(verify_export(target, project=project, payload_key=KEY))
    assert any("no whole run and no signal is missing" in f.what for f in found if not f.certain)
