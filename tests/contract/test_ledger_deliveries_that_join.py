"""A delivery that joins a run is kept as one, whichever store it is, and one delivery stands for one run."""

import sqlite3
from dataclasses import replace

import pytest

from state.errors import DeliveryConflictError, DuplicateNeedError
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, KEY, Chain, project, signal


def joins(run, *, body="sha256:1", delivery="d1", id=None):  # noqa: A002 - the field's name
    said = {"source": "alert", "delivery": delivery, "delivery_digest": body}
    return signal(id or f"{run}/attached/{delivery}", run, "attached", **said)


def wrong(ledger):
    return [found.what for found in ledger.verify() if found.certain]


def test_it_is_kept_in_the_transaction_of_its_signal_and_verified_against_it(ledger):
    one = Chain(ledger, "a").create(source="alert", delivery="d0", delivery_digest="sha256:0")
    assert ledger.post(joins("a"))
    assert not ledger.post(joins("a"))
    assert not ledger.post(joins("a", id="under-another-name"))
    assert not ledger.post(joins("a", delivery="d0", body="sha256:0"))  # the one that made the run
    one.claim().append(folds=["a/attached/d1"], body={"kind": "attached"})
    kept = [row for table, row in ledger.records() if table == "deliveries"]
    assert [(row["delivery"], row["digest"], row["run"]) for row in kept] == [
        ("d0", "sha256:0", "a"), ("d1", "sha256:1", "a"),
    ]  # fmt: skip


def test_it_stands_for_one_run_and_one_body(ledger):
    Chain(ledger, "a").create()
    Chain(ledger, "b").create()
    assert ledger.post(joins("a"))
    with pytest.raises(DeliveryConflictError) as conflict:
        ledger.post(joins("a", body="sha256:2", id="x"))
    assert conflict.value.run == "a"
    with pytest.raises(DuplicateNeedError) as other:
        ledger.post(joins("b"))
    assert other.value.run == "a"
    with pytest.raises(DuplicateNeedError):
        Chain(ledger, "c").create(source="alert", delivery="d1", delivery_digest="sha256:1")
    with pytest.raises(DeliveryConflictError):
        Chain(ledger, "c").create(source="alert", delivery="d1", delivery_digest="sha256:2")
    assert ledger.signals("b") == []
    assert wrong(ledger) == []


def test_it_outlives_what_the_run_itself_becomes(ledger):
    one = Chain(ledger, "a").create()
    ledger.post(joins("a"))
    one.append(source="alert", delivery="d9", delivery_digest="sha256:9")
    one.append(source="alert", delivery="d8", delivery_digest="sha256:8")
    with pytest.raises(DuplicateNeedError):
        Chain(ledger, "c").create(source="alert", delivery="d1", delivery_digest="sha256:1")
    assert wrong(ledger) == []


def test_what_tells_of_no_delivery_joins_without_one(ledger):
    Chain(ledger, "a").create()
    assert ledger.post(signal("s1", "a", "attached", source="chat"))
    assert ledger.post(replace(joins("a"), kind="poke"))
    assert [row for table, row in ledger.records() if table == "deliveries"] == []


def test_the_database_itself_keeps_one_row_a_delivery_and_verify_misses_a_removed_one(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path, code=CODE, project=project, payload_key=KEY)
    Chain(ledger, "a").create()
    ledger.post(joins("a"))
    with sqlite3.connect(path) as raw:
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("INSERT INTO deliveries VALUES ('alert', 'd1', 'sha256:2', 'b')")
        raw.execute("DELETE FROM deliveries")
    assert any("alert/d1 is missing" in what for what in wrong(ledger))
    ledger.close()
