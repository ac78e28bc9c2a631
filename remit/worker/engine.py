"""The worker: takes runs that want one, drives each until it ends or waits, and gives it back."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from graph.runner import run_graph
from graph.session import Session
from remit.worker.claim import Claimant
from remit.worker.failures import MAX_FAILURES, Failures
from remit.worker.suspects import Suspects
from state.errors import FencedError, HeadMovedError, LedgerError, StorageError, UnknownCommitError
from state.holder import Holder
from state.instants import seconds_between
from state.ledger.port import Query, RunInfo, Signal
from state.task import Task

log = logging.getLogger("remit.worker")

Watch = Callable[[Task], None]
POLL_S: Final = 0.2
CLOCK_SLACK_S: Final = 2.0
STRAYED_EVERY_S: Final = 5.0
_ANY: Final = ""  # a ledger that takes no claim takes none of any run
# What ``drain`` stays for: waits that the run's own clock ends.
TIMERS: Final = frozenset({"backoff", "quarantine", "read_lag", "check", "model", "connector"})
_LOOKED_AFTER: Final = TIMERS | {"hold"}  # waits that a clock that is set back must not prolong


class Leaving(Exception):  # noqa: N818 - no error: the worker was asked to stop
    """The worker was asked to stop, and the run came to a safe point; it is given back as it stands."""


class GivenUpError(Exception):
    """A worker failed at a run so often that it leaves it to others; the message says why."""


def _unwatched(task: Task) -> None:
    """Nobody watches."""
    del task


def _always(task: Task) -> None:
    """Nothing has to be made before a claim."""
    del task


@dataclass(kw_only=True)
class Engine:
    """One worker process. ``threads``: runs at once.

    ``session`` makes what a run needs while it is held; ``ready`` makes before that whatever can fail.
    ``seconds`` reads a clock that only goes forward.
    """

    claimant: Claimant
    session: Callable[[Holder, Callable[[float], None]], Session]
    ready: Callable[[Task], object] = _always
    threads: int = 8
    drive: Callable[[Session], Task] = run_graph
    seconds: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=threading.Event)
    _active: dict[str, Future[Task | None]] = field(default_factory=dict)
    _failures: Failures = field(default_factory=Failures)
    _refusals: Failures = field(default_factory=Failures)  # of the ledger: claims that it did not take
    _refused: LedgerError | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _unsure: set[str] = field(default_factory=set)  # perhaps held here, although nobody here carries them
    _suspects: Suspects = field(init=False)
    _stray_at: float = 0.0

    def __post_init__(self) -> None:
        """Suspect nothing yet."""
        self._suspects = Suspects(recall=self.claimant.recall, clock=self.seconds)

    @property
    def worker(self) -> str:
        """The id of the worker."""
        return self.claimant.identity.worker.id

    def work(self, run: str, watch: Watch = _unwatched) -> Task | None:
        """Take ``run`` and drive it until it leaves; None where it could not be taken, was lost, or rests.

        While this worker's own lease has lapsed it takes nothing: it could only write that it may not send.
        """
        if self._failures.rests(run) or not self.claimant.lease.still_mine():
            return None
        try:
            holder = self.claimant.take(run, ready=self.ready)
        except (HeadMovedError, FencedError):
            return None  # somebody else has it
        except LedgerError as error:
            if isinstance(error, UnknownCommitError):  # the claim may stand
                self._unsure.add(run)
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing that it needs may end the worker
            self._failed(run, error)
            return None
        if holder is None:
            return None
        self._unsure.discard(run)
        self._refusals.succeeded(_ANY)
        return self._drive(holder, watch)

    def _drive(self, holder: Holder, watch: Watch) -> Task | None:
        released = True
        try:
            holder.watch = watch
            watch(holder.task)
            session = self.session(holder, self._sleep)
            session.safe_point = self._safe_point
            task = self.drive(session)
            self._failures.succeeded(holder.run)
            self._wake_others(task)
        except Leaving:
            holder.flush()
            return holder.task
        except (HeadMovedError, FencedError) as lost:
            log.warning("run %s: %s: %s", holder.run, type(lost).__name__, lost)
            released = False
            return None
        except (UnknownCommitError, StorageError) as failed:
            log.warning("run %s: the database did not answer: %s", holder.run, failed)
            self.claimant.lease.database_failed()
            return None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one run may not end the worker of the others
            self._failed(holder.run, error)
            return None
        else:
            return task
        finally:
            if holder.left_behind:
                self.claimant.left_behind.setdefault(holder.run, set()).add(holder.epoch)
            if released:
                self._release(holder)

    def _failed(self, run: str, error: BaseException) -> None:
        log.warning("run %s: the worker failed; it is hydrated again", run, exc_info=error)
        why = f"{type(error).__name__}: {error}"
        if self._failures.failed(run, why):
            log.error("run %s is left alone: %s failures in a row, the last: %s", run, MAX_FAILURES, why)

    def given_up(self, run: str) -> None:
        """Make sure that this worker still tries to carry ``run``; GivenUpError."""
        if why := self._failures.given_up(run):
            raise GivenUpError(f"the worker failed {MAX_FAILURES} times in a row, the last time with {why}")

    def _release(self, holder: Holder) -> None:
        """Every call of this claim has returned by now, or its outcome says that it was left behind.

        Where that outcome was not stored, the run is kept: given back, its sender would count as done.
        """
        if holder.left_behind:
            self._unsure.add(holder.run)
            return
        try:
            self.claimant.ledger.release(holder.run, holder.epoch)
        except LedgerError as error:
            log.warning("run %s was not released: %s; it is tried again", holder.run, error)
            self._unsure.add(holder.run)

    def look_around(self) -> None:
        """Bury who is proven dead, and give back what is held here for nobody.

        FencedError where somebody has taken this worker itself off the list; the other leaves of LedgerError.
        """
        self.claimant.bury()
        if self.claimant.lease.lost:
            self.stopping.set()
            raise FencedError(f"worker {self.worker} was taken off the list: it must not act any more")
        for run in sorted(self._unsure - set(self._active)):
            info = self.claimant.ledger.info(run)
            if info.worker == self.worker:  # nobody would take it before this worker ends
                if info.row.state is None and info.epoch in self.claimant.left_behind.get(run, ()):
                    continue  # but this one itself, which knows that a call was left behind
                self.claimant.ledger.release(run, info.epoch)
            self._unsure.discard(run)

    def _sleep(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Leaving

    def _safe_point(self, task: Task) -> None:
        """Leave here, if the worker was asked to; not before it got somewhere: an idle claim is counted."""
        if self.stopping.is_set() and not task.idle_claims and task.closed is None:
            raise Leaving

    def _wake_others(self, task: Task) -> None:
        """Whoever is in line for what this run held, or about to be, looks again at once."""
        if task.closed is None:
            return
        ledger = self.claimant.ledger
        for resource in task.resources:
            for info in ledger.runs(Query(live=True, resource=resource, limit=1000)):
                poke = f"poke/{task.run}/{info.run}"
                ledger.post(
                    Signal(id=poke, run=info.run, kind="poke", by=self.worker, at=ledger.now(), body={})
                )

    def follow(self, run: str, watch: Watch = _unwatched, *, until: float | None = None) -> Task:
        """Work and wait until ``run`` has ended or waits for a human; the task as it then stands.

        ``until``: a reading of ``time.monotonic`` behind which the run is left to others (TimeoutError).
        GivenUpError where this worker fails at it again and again.
        """
        seen = 0
        while True:
            task = self.work(run, watch)
            if task is None:
                task = self.claimant.recall.task(run)
                if task.head.seq != seen:
                    watch(task)  # another worker carries it
            seen = task.head.seq
            if task.closed is not None or task.open_escalation is not None or task.unsound:
                return task
            if task.waiting is not None and task.waiting.reason == "confirmation":
                return task
            self.given_up(run)
            self._until_due(run, seen, until)
            self.look_around()

    def _until_due(self, run: str, seen: int, until: float | None) -> None:
        """Wait until ``run`` wants a worker, or somebody else has gone on behind ``seen``, its last entry."""
        while True:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(run)
            if self.stopping.wait(POLL_S):
                raise Leaving
            info = self.claimant.ledger.info(run)
            if info.worker is not None or info.head.seq != seen:
                return
            if self._due(info) or self.claimant.ledger.signals(run):
                return

    def _due(self, info: RunInfo) -> bool:
        """Its time has come, or lies farther ahead than its wait is long: the clock was set back."""
        if info.row.due_at is None:
            return False
        ahead = seconds_between(self.claimant.ledger.now(), info.row.due_at)
        if ahead <= CLOCK_SLACK_S:
            return ahead <= 0
        if info.row.waiting_for is not None and info.row.waiting_for not in _LOOKED_AFTER:
            return False
        waits = self.claimant.recall.task(info.run).waiting
        length = seconds_between(waits.at, waits.until) if waits is not None and waits.until else 0.0
        return ahead > length + CLOCK_SLACK_S

    def _strayed(self) -> list[RunInfo]:
        """Runs whose time lies too far ahead; looked for now and then, for the ledger does not list them."""
        if self.seconds() < self._stray_at:
            return []
        self._stray_at = self.seconds() + STRAYED_EVERY_S
        return [info for info in self._live() if info.worker is None and self._due(info)]

    def drain(self, watch: Watch = _unwatched) -> None:
        """Work until nothing is runnable and nothing waits for a time of its own; then return.

        The leaves of LedgerError, where the ledger takes no claim however often it is asked.
        """
        leases: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=self.threads, thread_name_prefix="run") as pool:
            while not self.stopping.is_set():
                self.look_around()
                started = self._start(pool, watch)
                if started or self._busy():
                    self._wait_for_one()
                elif not self._worth_waiting(leases):
                    return
                else:
                    self.stopping.wait(POLL_S)

    def serve(self, watch: Watch = _unwatched, *, poll_s: float = 1.0) -> None:
        """Work until ``stopping`` is set, then let what is at work come to its next safe point.

        The leaves of LedgerError, where the ledger takes no claim however often it is asked.
        """
        with ThreadPoolExecutor(max_workers=self.threads, thread_name_prefix="run") as pool:
            while not self.stopping.is_set():
                self.look_around()
                if not self._start(pool, watch):
                    self.stopping.wait(poll_s)

    def to_take(self) -> list[tuple[RunInfo, bool]]:
        """Runs that want a worker, those first that may end it, each with whether it is such a one."""
        # Runs that were given up stay on the list, and must not crowd out those that can be carried.
        claimable = self.claimant.ledger.claimable(limit=4 * self.threads + len(self._failures))
        known = {info.run for info in claimable}
        strayed = [info for info in self._strayed() if info.run not in known]
        return self._suspects.first([*self._kept(), *claimable, *strayed])

    def _kept(self) -> list[RunInfo]:
        """Runs that this worker did not give back, and so takes again itself."""
        kept = [self.claimant.ledger.info(run) for run in sorted(self._unsure - set(self._active))]
        return [info for info in kept if info.worker == self.worker and info.row.ended_at is None]

    def _start(self, pool: ThreadPoolExecutor, watch: Watch) -> int:
        if self._refused is not None and self._refusals.given_up(_ANY):
            raise self._refused
        if self._refusals.rests(_ANY):
            return 0
        started = 0
        for info, suspected in self.to_take():
            with self._guard:
                if info.run in self._active or self._failures.rests(info.run):
                    continue
                if len(self._active) >= self.threads or self._suspects.alone:
                    break
                if suspected and not self._suspects.turn(info.run, busy=bool(self._active)):
                    break
                self._active[info.run] = pool.submit(self._one, info.run, watch)
            started += 1
        return started

    def _one(self, run: str, watch: Watch) -> Task | None:
        try:
            task = self.work(run, partial(self._seen, watch))
            if task is None:
                self._passed_over(run)
        except LedgerError as refused:
            self._not_taken(run, refused)
            return None
        else:
            return task
        finally:
            with self._guard:
                self._active.pop(run, None)
                self._suspects.clear(run)

    def _not_taken(self, run: str, refused: LedgerError) -> None:
        """The ledger took no claim: it is left alone for a moment, longer each time, and not for ever."""
        log.warning("run %s was not taken: %s", run, refused)
        self.claimant.lease.database_failed()
        with self._guard:
            self._refused = refused
            if not self._refusals.rests(_ANY):  # those that were asked for at once were refused as one
                self._refusals.failed(_ANY, str(refused))

    def _seen(self, watch: Watch, task: Task) -> None:
        if not task.idle_claims:
            with self._guard:
                self._suspects.clear(task.run)
        watch(task)

    def _passed_over(self, run: str) -> None:
        """A run that could not be taken: unsound, or another's; it is not asked for without end."""
        task = self.claimant.recall.task(run)
        if task.unsound:
            self._failures.give_up(run, task.unsound)
            log.error("run %s is stuck: %s; remit esc abort --raw %s", run, task.unsound, run)
        self.stopping.wait(POLL_S)

    def _busy(self) -> bool:
        with self._guard:
            return bool(self._active)

    def _wait_for_one(self) -> None:
        self.stopping.wait(POLL_S / 4)

    def _worth_waiting(self, leases: dict[str, str]) -> bool:
        """Some live run waits for a time of its own, or its holder showed no sign of life since we looked."""
        workers = {w.id: w.lease_until for w in self.claimant.ledger.workers()}
        for info in self._live():
            if self._failures.given_up(info.run):
                continue
            if info.worker is not None:
                until = workers.get(info.worker)
                if until is None or leases.setdefault(info.worker, until) == until:
                    return True
            elif (
                info.row.waiting_for is None
                or info.row.waiting_for in TIMERS
                or self.claimant.ledger.signals(info.run)
            ):
                return True
        return False

    def _live(self) -> list[RunInfo]:
        found: list[RunInfo] = []
        before: str | None = None
        while page := self.claimant.ledger.runs(Query(live=True, before=before, limit=500)):
            found += page
            before = page[-1].run
        return found
