"""How a stuck run is ended by a human, on every ledger: one act, for good, and provable."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from state.entry import DESK, Kind
from state.errors import (
    FencedError,
    NotStuckError,
    ResourceHeldError,
    StillHeldError,
    UnknownRunError,
)
from state.ledger import audit
from state.ledger.export import export, verify_export
from state.ledger.memory import MemoryLedger
from state.ledger.port import Finding, Ledger, Query
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, KEY, T0, Chain, Clock, project, signal, worker

STUCK = {
    "lane": "live/stuck", "holds": ["db:1"], "resources": ["db:1", "db:2"], "once_key": "need",
    "source": "cli", "delivery": "d-1", "escalation": "r1/esc-1", "due_at": T0, "waiting_for": "backoff",
    "attempts": [["db:3", "set/1", 1, T0]],
    "outbox": [{"id": "n-1", "channel": "log", "to": "x", "body": {}}],
}  # fmt: skip
SAID = {"by": "lee", "at": T0, "why": "looked by hand", "unsound": "entry 3: fold version 99"}


def stuck(ledger: Ledger, run: str = "r1", **changes: Any) -> Chain:
    chain = Chain(ledger, run).create().claim().append(Kind.CHECKED, **{**STUCK, **changes})
    ledger.release(run, chain.epoch)
    return chain


def certain(ledger: Ledger) -> list[Finding]:
    return [finding for finding in ledger.verify() if finding.certain]


def test_a_run_that_nobody_can_carry_is_ended_although_it_folds(ledger: Ledger) -> None:
    chain = Chain(ledger, "r1").create(**{**STUCK, "lane": "live/acting"})
    with pytest.raises(NotStuckError):
        ledger.close_raw("r1", **SAID)
    ledger.close_raw("r1", **SAID, without_policy=True)
    info = ledger.info("r1")
    assert (info.row.state, info.row.reason, info.row.holds) == ("closed_by_human", "aborted_raw", ())
    with pytest.raises(FencedError):
        chain.append()
    with pytest.raises(NotStuckError):
        ledger.close_raw("r1", **SAID, without_policy=True)


def test_a_stuck_run_ends_in_one_act_and_frees_what_it_had(ledger: Ledger) -> None:
    chain = stuck(ledger)
    entry = ledger.close_raw("r1", **SAID)
    assert (entry.run, entry.kind, entry.actor) == (DESK, Kind.CLOSED_RAW, "lee")
    assert entry.body == {**SAID, "run": "r1", "head": chain.head.seq, "hash": chain.head.hash}
    assert ledger.read(DESK) == [entry]
    assert ledger.read("r1") == chain.entries
    row = ledger.info("r1").row
    assert (row.lane, row.state, row.reason) == ("ended/closed_by_human", "closed_by_human", "aborted_raw")
    assert (row.ended_at, row.due_at, row.waiting_for, row.escalation) == (T0, None, None, None)
    assert (row.once_key, row.holds, row.delivery) == (None, (), "d-1")
    assert set(row.resources) == {"db:1", "db:2", "db:3"}
    assert row.attempts == (("db:3", "set/1", 1, T0),)
    assert [notice["id"] for notice in ledger.outbox()] == ["n-1"]
    assert ledger.holder("db:1") is None
    assert ledger.claimable() == []
    assert ledger.runs(Query(live=True)) == []
    assert certain(ledger) == []
    Chain(ledger, "r2").create(holds=["db:1"], once_key="need")  # both are free for another
    assert ledger.holder("db:1") == "r2"


def test_nothing_is_appended_to_it_any_more_and_no_worker_gets_it(ledger: Ledger) -> None:
    chain = stuck(ledger)
    ledger.close_raw("r1", **SAID)
    ledger.post(signal("s-1", "r1"))
    assert ledger.claimable() == []
    with pytest.raises(FencedError):
        chain.claim()
    with pytest.raises(FencedError):
        ledger.append(chain.make(Kind.CHECKED))
    with pytest.raises(NotStuckError):
        ledger.close_raw("r1", **SAID)
    assert len(ledger.read(DESK)) == 1
    assert certain(ledger) == []


@pytest.mark.parametrize("row", [{"lane": "live/acting"}, {"lane": "ended/completed", "state": "completed"}])
def test_a_sound_or_ended_run_is_not_ended_so(ledger: Ledger, row: dict[str, str]) -> None:
    stuck(ledger, **row)
    before = ledger.info("r1")
    with pytest.raises(NotStuckError):
        ledger.close_raw("r1", **SAID)
    assert ledger.info("r1") == before
    assert ledger.read(DESK) == []


def test_an_unknown_run_is_not_ended(ledger: Ledger) -> None:
    with pytest.raises(UnknownRunError):
        ledger.close_raw("r9", **SAID)
    assert ledger.read(DESK) == []


def test_a_run_that_a_worker_within_its_lease_holds_is_left_to_it(ledger: Ledger, clock: Clock) -> None:
    ledger.register(worker("w1"))
    Chain(ledger, "r1").create().claim("w1").append(Kind.CHECKED, **STUCK)
    with pytest.raises(StillHeldError) as raised:
        ledger.close_raw("r1", **SAID)
    assert raised.value.worker == "w1"
    with pytest.raises(ResourceHeldError):
        Chain(ledger, "r2").create(holds=["db:1"])
    clock.advance(16)
    ledger.close_raw("r1", **SAID)
    assert ledger.info("r1").worker is None
    assert certain(ledger) == []


def test_without_a_projection_nobody_can_say_that_it_is_stuck() -> None:
    ledger = MemoryLedger(clock=Clock(), code=CODE)
    stuck(ledger)
    with pytest.raises(NotStuckError, match="no projection"):
        ledger.close_raw("r1", **SAID)


# proof


def records(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    return [(table, dict(row)) for table, row in ledger.records()]


def lies(found: list[tuple[str, dict[str, Any]]], *, whole: bool = True) -> list[Finding]:
    audited = audit.findings(found, project=project, payload_key=KEY, whole=whole)
    return [finding for finding in audited if finding.certain]


@pytest.mark.parametrize("run", ["r1", "a1"])  # behind chain desk, and before it
@pytest.mark.parametrize(
    "change",
    [
        {"lane": "live/stuck"},
        {"reason": "aborted"},
        {"ended_at": "2026-11-23T21:08:41.000000Z"},
        {"once_key": "need"},
        {"holds": '["db:1"]'},
        {"touches": "[]"},
        {"due_at": T0},
        {"requester": "mallory"},
    ],
)
def test_only_that_very_row_is_believed(ledger: Ledger, run: str, change: dict[str, Any]) -> None:
    stuck(ledger, run)
    ledger.close_raw(run, **SAID)
    found = records(ledger)
    assert lies(found) == []
    (row,) = (row for table, row in found if table == "runs")
    row.update(change)
    assert {finding.run for finding in lies(found)} == {run}


def test_a_row_that_says_so_without_chain_desk_is_a_lie_and_alone_is_unproven(ledger: Ledger) -> None:
    stuck(ledger)
    ledger.close_raw("r1", **SAID)
    without = [(table, row) for table, row in records(ledger) if row.get("run") != DESK]
    assert [(finding.table, finding.column) for finding in lies(without)] == [
        ("tallies", "number"),
        ("runs", "state"),
    ]
    assert lies(without, whole=False) == []
    said = audit.findings(without, project=project, payload_key=KEY, whole=False)
    assert any("chain desk would have to say" in finding.what for finding in said)


def test_a_chain_that_goes_on_behind_its_end_is_found(ledger: Ledger) -> None:
    chain = stuck(ledger)
    ledger.close_raw("r1", **SAID)
    more = chain.make(Kind.CHECKED).entries[0]
    found = records(ledger)
    at = max(place for place, (table, row) in enumerate(found) if table == "entries" and row["run"] == "r1")
    last = found[at][1]
    names = ("seq", "at", "epoch", "fold_version", "prev", "hash", "actor", "credential", "code")
    after = {
        **last,
        **{name: getattr(more, name) for name in names},
        "kind": "checked",
        "body": more.body_text,
    }
    found.insert(at + 1, ("entries", after))
    for table, row in found:
        if table == "heads" and row["run"] == "r1":
            row.update(seq=more.seq, hash=more.hash)
    assert any(finding.column == "ended_at" for finding in lies(found))


def test_an_export_of_all_and_of_it_alone_is_believed(ledger: Ledger, tmp_path: Path) -> None:
    stuck(ledger)
    ledger.close_raw("r1", **SAID)
    for run in (None, "r1"):
        file = tmp_path / f"{run}.jsonl"
        export(ledger, file, run=run)
        found = list(verify_export(file, project=project, payload_key=KEY))
        assert [finding for finding in found if finding.certain] == []


def test_a_version_that_can_fold_it_says_so_but_believes_it(ledger: Ledger) -> None:
    stuck(ledger)
    ledger.close_raw("r1", **SAID)
    found = list(
        audit.findings(
            records(ledger),
            project=lambda entries: replace(project(entries), lane="live/acting"),
            payload_key=KEY,
        )
    )
    assert [finding for finding in found if finding.certain] == []
    assert any("can fold its entries" in finding.what for finding in found)


def test_the_database_itself_refuses_more(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path, clock=clock, code=CODE, project=project, payload_key=KEY)
    chain = stuck(ledger)
    ledger.close_raw("r1", **SAID)
    more = chain.make(Kind.CHECKED).entries[0]
    owner = sqlite3.connect(path, isolation_level=None)
    owner.execute("BEGIN")
    owner.execute("UPDATE heads SET seq = ?, hash = ? WHERE run = 'r1'", (more.seq, more.hash))
    with pytest.raises(sqlite3.IntegrityError, match="takes no entry"):
        owner.execute(
            "INSERT INTO entries SELECT run, ?, at, 'checked', role, actor, credential, epoch, code,"
            " fold_version, ?, ?, ? FROM entries WHERE run = 'r1' AND seq = ?",
            (more.seq, more.prev, more.body_text, more.hash, more.seq - 1),
        )
    owner.execute("ROLLBACK")
    for change in ("SET lane = 'live/acting'", "SET state = NULL", "SET reason = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            owner.execute("UPDATE runs " + change)
    owner.close()
    assert certain(ledger) == []
    ledger.close()
