"""The ledger of a world: the one in memory, behind a database that is busy, full, or forgets to answer.

Every door asks first whether whoever comes is still alive, so that nothing a dead process does can reach it.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from evals.simulation.faults import LEDGER, Odds
from evals.simulation.keeping import Kept
from evals.simulation.scheduler import Scheduler
from state.entry import DESK, Draft, Entry, Head, Kind
from state.errors import LedgerError, StorageError, UnknownCommitError
from state.ledger.memory import MemoryLedger
from state.ledger.port import Append, RunInfo, Signal
from state.projection import project

KEY = b"simulated" * 4
CODE = "simulated"


class SimLedger(MemoryLedger):
    """Commits are turning points: others act before and behind each. ``on`` False: the database is well."""

    def __init__(
        self, *, clock: Callable[[], str], scheduler: Scheduler, kept: Kept, rng: Random, odds: Odds
    ) -> None:
        """``clock`` is the database's, which need not be true."""
        super().__init__(clock=clock, code=CODE, project=project, payload_key=KEY)
        self._scheduler, self._kept, self._rng, self._odds = scheduler, kept, rng, odds
        self.on = False  # not before the world has begun
        self.changed: Callable[[], None] = lambda: None

    @property
    def witness(self) -> Kept:
        """Who is told of every commit."""
        return self._kept

    # commits
    def create(self, append: Append) -> Head:
        """Begin the chain of a new run."""
        return self._commit(append, lambda: super(SimLedger, self).create(append))

    def claim(self, append: Append, *, worker: str) -> Head:
        """Take a run."""
        return self._commit(append, lambda: super(SimLedger, self).claim(append, worker=worker))

    def append(self, append: Append) -> Head:
        """Append as the holder."""
        return self._commit(append, lambda: super(SimLedger, self).append(append))

    def _commit(self, append: Append, store: Callable[[], Head]) -> Head:
        self._scheduler.yield_()
        fault = self._fault(append)
        if fault in ("busy", "disk_full"):
            raise StorageError(fault)
        if fault == "lost_commit_not_stored":
            raise UnknownCommitError("the reply to COMMIT was lost")
        head = store()
        self._kept.committed(append.entries)
        self.changed()
        if fault is not None:
            raise UnknownCommitError("the reply to COMMIT was lost")
        self._scheduler.yield_()
        return head

    def _fault(self, append: Append) -> str | None:
        actor = self._scheduler.current
        if not self.on or actor is None or not actor.process or self._rng.random() >= self._odds.ledger:
            return None
        fault = self._rng.choice(LEDGER)
        self._kept.meet(f"ledger {fault}", phase=_about(append))
        self._kept.tell(f"the database: {fault} at {_about(append)} of {append.run}")
        return fault

    def append_desk(self, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Append to chain ``desk``."""
        made = super().append_desk(drafts, at=at, code=code)
        self._kept.committed(made)
        return made

    def begin_desk(self, entries: Sequence[Entry]) -> None:
        """Begin chain ``desk`` with what another world has sealed and read before."""
        self._tables.chains[DESK] = list(entries)
        self._kept.committed(entries)

    def release(self, run: str, epoch: int) -> None:
        """Give a claim back."""
        self._alive()
        super().release(run, epoch)
        self.changed()

    def post(self, signal: Signal) -> bool:
        """Take a signal in."""
        self._alive()
        new = super().post(signal)
        if new:
            self._kept.posted.add(signal.id)
            self.changed()
        return new

    def stop(self, stop: Any, **who: Any) -> None:
        """Set the switch."""
        self._alive()
        super().stop(stop, **who)

    def start(self, scope: str, **who: Any) -> bool:
        """Lift a stop."""
        self._alive()
        lifted = super().start(scope, **who)
        self.changed()
        return lifted

    # reads that a dead process does not make either
    def info(self, run: str) -> RunInfo:
        """Read the derived row of a run."""
        self._alive()
        return super().info(run)

    def claimable(self, *, limit: int = 100) -> list[RunInfo]:
        """List runs that a worker may claim now."""
        self._alive()
        if self.on and self._rng.random() < self._odds.ledger:
            raise StorageError("busy")
        return super().claimable(limit=limit)

    def renew(self, worker: str) -> str:
        """Renew a lease; it is the worker's own clock that asks, between anybody's turns."""
        if self.on and self._rng.random() < self._odds.ledger:
            raise StorageError("busy")
        return super().renew(worker)

    def forget(self, worker: str) -> None:
        """Take a worker off the list."""
        self._alive()
        super().forget(worker)
        self.changed()

    def _alive(self) -> None:
        if self.on:
            self._scheduler.check()


def _about(append: Append) -> str:
    """What an append is about: its last entry."""
    return str(append.entries[-1].kind) if append.entries else str(Kind.SIGNAL)


__all__ = ["CODE", "KEY", "LedgerError", "SimLedger"]
