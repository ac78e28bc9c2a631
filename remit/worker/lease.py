"""Whether this worker may still act for the runs that it holds, and may judge the leases of others.

A lease belongs to a worker, not to a run: one thread renews it, however busy or slow the runs are. Its end is
judged by this host's monotonic clock from *before* the renewal was asked for, so that it is never believed
for longer than the database grants it.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from remit.worker.identity import monotonic_ms
from state.errors import FencedError, StateError
from state.instants import seconds_between
from state.ledger.port import Ledger, Worker

log = logging.getLogger("remit.worker")

MARGIN: Final = 10  # the last tenth of a lease is not used
RENEWALS: Final = 3  # in the course of one lease
RETRY_S: Final = 0.5  # after an error, where a third of the lease is longer


class Lease:
    """The lease of one worker, renewed by a thread of its own from ``start`` to ``stop``."""

    def __init__(self, *, ledger: Ledger, worker: Worker, clock_ms: Callable[[], int] = monotonic_ms) -> None:
        """``clock_ms``: this host's monotonic clock."""
        self._ledger, self._worker, self._clock_ms = ledger, worker, clock_ms
        self._lease_ms = int(worker.lease_s * 1000)
        self._guard = threading.Lock()  # over the fields below
        self._renewing = threading.Lock()  # one renewal at a time, so that their answers come in order
        self._renewed_at: int | None = None  # when the newest renewal that succeeded was asked for
        self._until = worker.lease_until
        self._unsettled_since: int | None = None  # since the first renewal behind an error or a lapse
        self._unsettled = False
        self._lost = False
        self._failing = ""  # what the last renewal failed with
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{worker.id}", daemon=True)

    def start(self) -> None:
        """Register the worker and begin to renew; the leaves of LedgerError."""
        asked_at = self._clock_ms()
        self._ledger.register(self._worker)
        with self._guard:
            self._renewed_at = asked_at
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing and take the worker off the list; the runs that it held are to be released before."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._guard:
            self._renewed_at = None
        self._ledger.forget(self._worker.id)

    def still_mine(self) -> bool:
        """Say whether the lease runs, with a margin: a check before a send, no proof."""
        with self._guard:
            if self._lost or self._renewed_at is None:
                return False
            return self._clock_ms() - self._renewed_at < self._lease_ms - self._lease_ms // MARGIN

    def may_fence(self) -> bool:
        """Say whether this worker may act on it that another's lease is over.

        Behind a database error, or a lapse of its own lease, it may not before it has held a renewed lease
        for one full lease: whatever kept it from renewing may have kept the others, who are well. What is
        proven dead needs no leave. Renews first, so that the answer is not older than the question.
        """
        return self._renew() and self._settled()

    def database_failed(self) -> None:
        """Take note of a database error that somebody else in this process has met."""
        with self._guard:
            self._unsettled, self._unsettled_since = True, None

    @property
    def lost(self) -> bool:
        """Somebody took this worker off the list: it must not act any more, and cannot come back."""
        with self._guard:
            return self._lost

    def _settled(self) -> bool:
        with self._guard:
            if self._unsettled and self._unsettled_since is not None:
                self._unsettled = self._clock_ms() - self._unsettled_since < self._lease_ms
            return not self._unsettled

    def _renew(self) -> bool:
        with self._renewing:
            asked_at = self._clock_ms()
            try:
                until = self._ledger.renew(self._worker.id)
            except FencedError:
                with self._guard:
                    self._lost = True
                return False
            except StateError as error:
                if str(error) != self._failing:  # said once, not at every renewal
                    log.warning("the lease of %s was not renewed: %s", self._worker.id, error)
                self._failing = str(error)
                self.database_failed()
                return False
            self._failing = ""
            self._renewed(asked_at, until)
            return True

    def _renewed(self, asked_at: int, until: str) -> None:
        with self._guard:
            # By the database's clock, which a suspended machine finds far ahead although ours stood still.
            lapsed = seconds_between(self._until, until) > self._worker.lease_s
            late = self._renewed_at is not None and asked_at - self._renewed_at > self._lease_ms
            if lapsed or late:
                self._unsettled, self._unsettled_since = True, None
            if self._unsettled and self._unsettled_since is None:
                self._unsettled_since = asked_at
            self._renewed_at, self._until = asked_at, until

    def _run(self) -> None:
        every_s = self._worker.lease_s / RENEWALS
        pause_s = every_s
        while not self._stopping.wait(pause_s):
            pause_s = every_s if self._renew() else min(every_s, RETRY_S)
            if self.lost:
                return
