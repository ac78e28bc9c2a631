"""A lease on a real ledger: renewed while its worker lives, gone when it stops, lost when taken away."""

import time
from contextlib import suppress

import pytest

from remit.worker.fence import Ended, prove
from remit.worker.identity import Identity
from remit.worker.lease import Lease
from state.errors import StorageError
from state.instants import seconds_between
from state.ledger.sql.opening import open_ledger
from state.projection import project

LEASE_S = 0.6


@pytest.fixture
def ledger(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.db", code="test", project=project, payload_key=b"k" * 32)
    yield ledger
    ledger.close()


@pytest.fixture
def identity(ledger, tmp_path):
    with Identity.take(tmp_path / "workers", id="w1", lease_s=LEASE_S, now=ledger.now()) as identity:
        yield identity


@pytest.fixture
def lease(ledger, identity):
    lease = Lease(ledger=ledger, worker=identity.worker)
    lease.start()
    yield lease
    with suppress(StorageError):  # one test closes the ledger before
        lease.stop()


def registered(ledger):
    return {worker.id: worker for worker in ledger.workers()}


def test_it_outlives_its_first_term_and_is_gone_when_it_stops(ledger, lease):
    first = registered(ledger)["w1"].lease_until
    time.sleep(LEASE_S * 1.5)
    assert lease.still_mine()
    assert lease.may_fence()
    assert seconds_between(first, registered(ledger)["w1"].lease_until) >= LEASE_S
    lease.stop()
    assert registered(ledger) == {}


def test_the_row_says_enough_to_prove_the_end(ledger, identity, lease, tmp_path):
    row = registered(ledger)["w1"]
    with Identity.take(tmp_path / "workers", id="w2", lease_s=LEASE_S, now=ledger.now()) as other:
        assert prove(row, other.worker, lease_over=True) is Ended.ALIVE  # it is this very process
    assert (row.pid, row.start_time, row.lock_file) == (
        identity.worker.pid,
        identity.worker.start_time,
        identity.worker.lock_file,
    )


def test_who_was_taken_off_the_list_is_out(ledger, lease):
    ledger.forget("w1")
    until = time.monotonic() + 5
    while not lease.lost:
        assert time.monotonic() < until, "it never noticed"
        time.sleep(0.02)
    assert not lease.still_mine()


def test_a_closed_database_is_an_error_and_no_end(ledger, lease):
    ledger.close()
    assert not lease.may_fence()
    assert not lease.lost
