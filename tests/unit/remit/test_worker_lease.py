"""A lease is believed no longer than it was granted; behind an outage nobody judges the leases of others."""

import time

import pytest

from remit.worker.lease import Lease
from state.errors import FencedError, StorageError
from state.instants import after
from state.ledger.port import Worker

NOON = "2026-11-23T12:00:00.000000Z"
LEASE_S = 15.0


class Database:
    """The part of a ledger that a lease needs, with a clock and failures to set."""

    def __init__(self):
        self.now, self.error, self.known = NOON, None, set()
        self.renewals = 0

    def register(self, worker):
        self.known.add(worker.id)

    def forget(self, worker):
        self.known.discard(worker)

    def renew(self, worker):
        if self.error is not None:
            raise self.error
        if worker not in self.known:
            raise FencedError("removed")
        self.renewals += 1
        return after(self.now, LEASE_S)


class Moment:
    """Both clocks, which run together unless a test says otherwise."""

    def __init__(self, database):
        self.ms, self._database = 1_000_000, database

    def __call__(self):
        return self.ms

    def passes(self, seconds, *, here=True):
        self._database.now = after(self._database.now, seconds)
        if here:
            self.ms += int(seconds * 1000)


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def moment(database):
    return Moment(database)


@pytest.fixture
def lease(database, moment):
    lease = Lease(ledger=database, worker=worker(LEASE_S), clock_ms=moment)
    lease.start()  # its thread first renews after five seconds: the tests renew through ``may_fence``
    yield lease
    lease.stop()


def worker(lease_s):
    return Worker(
        id="w1", boot_id="b", pid_ns="pid:[1]", pid=7, start_time=1, uid=0, lock_file="/x",
        lease_until=after(NOON, lease_s), lease_s=lease_s,
    )  # fmt: skip


def test_it_is_mine_until_a_tenth_before_its_end(lease, moment):
    assert lease.still_mine()
    moment.passes(13.4)
    assert lease.still_mine()
    moment.passes(0.2)
    assert not lease.still_mine()


def test_it_is_not_mine_before_it_is_registered(database, moment):
    assert not Lease(ledger=database, worker=worker(LEASE_S), clock_ms=moment).still_mine()


def test_a_renewal_counts_from_when_it_was_asked_for(lease, database, moment):
    slow = database.renew

    def renew(name):
        moment.passes(9)
        return slow(name)

    database.renew = renew
    lease.may_fence()
    assert lease.still_mine()
    moment.passes(5)
    assert not lease.still_mine()


def test_a_well_worker_may_fence_at_once(lease):
    assert lease.may_fence()


def test_behind_an_error_it_may_fence_after_one_full_lease(lease, database, moment):
    database.error = StorageError("disk full")
    assert not lease.may_fence()
    database.error = None
    moment.passes(1)
    assert not lease.may_fence()  # the full lease counts from this renewal
    moment.passes(14.9)
    assert not lease.may_fence()
    moment.passes(0.1)
    assert lease.may_fence()


def test_an_error_in_between_begins_the_wait_anew(lease, database, moment):
    lease.database_failed()
    assert not lease.may_fence()
    moment.passes(10)
    lease.database_failed()
    assert not lease.may_fence()
    moment.passes(14)
    assert not lease.may_fence()
    moment.passes(1)
    assert lease.may_fence()


def test_a_lapse_of_its_own_lease_counts_as_an_error(lease, moment):
    moment.passes(16)
    assert not lease.may_fence()
    assert lease.still_mine()
    moment.passes(14)
    assert not lease.may_fence()
    moment.passes(1)
    assert lease.may_fence()


def test_a_clock_of_the_database_that_jumps_makes_nobody_look_dead(lease, moment):
    moment.passes(3600, here=False)  # as behind the suspension of a machine
    assert not lease.may_fence()
    moment.passes(14)
    assert not lease.may_fence()
    moment.passes(1)
    assert lease.may_fence()


def test_a_worker_that_was_removed_is_lost_for_good(lease, database):
    database.forget("w1")
    assert not lease.may_fence()
    assert lease.lost
    assert not lease.still_mine()
    database.register(worker(LEASE_S))
    assert not lease.still_mine()


def test_when_it_stops_it_is_nobodys_and_the_worker_is_forgotten(database, moment):
    lease = Lease(ledger=database, worker=worker(LEASE_S), clock_ms=moment)
    lease.start()
    lease.stop()
    assert not lease.still_mine()
    assert database.known == set()


def test_the_thread_renews_three_times_a_lease_and_outlives_errors(database):
    lease = Lease(ledger=database, worker=worker(0.15))
    lease.start()
    try:
        wait_for(lambda: database.renewals >= 3)
        database.error = StorageError("busy")
        wait_for(lambda: not lease.still_mine())
        database.error = None
        wait_for(lease.still_mine)
    finally:
        lease.stop()


def wait_for(condition):
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "waited 5 s in vain"
        time.sleep(0.005)
