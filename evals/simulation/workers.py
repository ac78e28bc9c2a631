"""Worker processes of a world: the real engine, claims and leases on hosts with clocks of their own.

A process can be killed at any step, be stopped and go on later, and be started anew. On one host its death
can be proven, or be made so where its lease is over; of a process on another host nothing can be proven.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from evals.simulation.desk import Desk
from evals.simulation.errors import Gone
from evals.simulation.faults import Odds
from evals.simulation.keeping import Kept
from evals.simulation.ledger import CODE, SimLedger
from evals.simulation.scheduler import Scheduler
from graph.session import Session
from remit.worker.claim import Claimant
from remit.worker.engine import Engine
from remit.worker.failures import Failures
from remit.worker.fence import Ended
from remit.worker.identity import Identity, Process
from remit.worker.lease import Lease
from state.errors import FencedError, StorageError, UnknownCommitError
from state.holder import Holder
from state.instants import after, seconds_between
from state.ledger.port import Worker
from state.task import Clock, Task

Drive = Callable[[Session], Task]
POLL_MS: Final = 5_000
PAUSES_MS: Final = (2_000, 30_000, 100_000)
POINTS: Final = (
    "before_intent", "intent_durable", "before_send", "sent", "reply", "outcome_durable", "in_reconcile",
    "in_verify", "in_package",
)  # fmt: skip
"""Where the code under test lets a process be killed or stopped between two steps."""

MEDDLERS: Final = ("sue", "somebody")
_RESTART_MS: Final = 2_000


@dataclass(kw_only=True)
class Host:
    """A machine: its boot and how far its monotonic clock is from the true time."""

    boot_id: str
    offset_ms: int


@dataclass(kw_only=True)
class SimProcess:
    """One worker process. ``point``: the last named point that a run of it came to."""

    name: str
    host: Host
    pid: int
    alive: bool = True
    frozen: bool = False
    point: str = ""
    kind: str = ""
    engine: Engine = field(init=False)
    worker: Worker = field(init=False)
    lease: Lease = field(init=False)


class _Reported(Failures):
    """Failures of runs, told to the world: a worker that fails for any reason but a fault is a finding."""

    def __init__(self, clock: Callable[[], float], report: Callable[[str, str], None]) -> None:
        super().__init__(clock=clock)
        self._report = report

    def failed(self, run: str, why: str) -> bool:
        """Count, and tell."""
        self._report(run, why)
        return super().failed(run, why)


@dataclass(kw_only=True)
class Crew:
    """All workers of a world. ``on`` False: nobody is killed or stopped any more."""

    scheduler: Scheduler
    ledger: SimLedger
    kept: Kept
    desk: Desk
    rng: Random
    odds: Odds
    hosts: tuple[Host, ...]
    drive: Drive
    lease_s: float
    longest_pause_ms: int
    meddled: float = 0.0  # how often somebody meddles between the guards' verdict and the intent
    poisoned: int = 0  # how often the first run ends its worker
    on: bool = True
    processes: list[SimProcess] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    _idle: list[Any] = field(default_factory=list)

    def start(self, host: Host, *, after_ms: int = 0) -> None:
        """Let one more process come."""
        number = len(self.processes) + 1
        process = SimProcess(name=f"w{number}", host=host, pid=100 + number)
        self.processes.append(process)
        self.scheduler.spawn(
            process.name, lambda: self._live(process), process=process.name, after_ms=after_ms
        )

    def wake(self) -> None:
        """Something may have become due: whoever idles looks."""
        for actor in self._idle:
            self.scheduler.wake(actor)
        self._idle.clear()

    # --- what happens to processes

    def come_to(self, point: str) -> None:
        """A named point of a run: others act, and the process may be killed or stopped just here."""
        process = self._mine()
        if process is None:
            return
        process.point = point
        if point == "before_intent" and self.on and self.rng.random() < self.meddled:
            self._alarm()
        self._may_fail(process, point)
        self.scheduler.yield_(0.7)

    def _alarm(self) -> None:
        """Let whoever meddles do so now: what was allowed and looked at just before may be so no longer."""
        for actor in self.scheduler.actors:
            if actor.name in MEDDLERS and not actor.doomed and not actor.ready:
                self.scheduler.wake(actor)

    def _may_fail(self, process: SimProcess, point: str) -> None:
        if not self.on:
            return
        if self.rng.random() < self.odds.kill:
            self.kill(process, point)
        dangerous = 4 if point == "before_send" else 1
        if self.rng.random() < self.odds.freeze * dangerous:
            self.freeze(process, min(self.rng.choice(PAUSES_MS), self.longest_pause_ms), point)

    def kill(self, process: SimProcess, why: str) -> None:
        """The process is no more, and whatever it was about to do."""
        self.kept.meet("killed", phase=why, kind=process.kind)
        self.kept.tell(f"{process.name} is killed: {why}")
        process.alive = False
        self.scheduler.kill(process.name)
        self.start(process.host, after_ms=_RESTART_MS)
        if self._mine() is process:
            raise Gone

    def freeze(self, process: SimProcess, ms: int, why: str) -> None:
        """The process stops where it is for ``ms``; its host's clock goes on."""
        self.kept.meet("stopped", phase=why, kind=process.kind)
        self.kept.tell(f"{process.name} is stopped for {ms} ms: {why}")
        process.frozen = True
        self.scheduler.freeze(process.name, frozen=True)
        self.scheduler.clock.after(ms, lambda: self.thaw(process))
        if self._mine() is process:
            self.scheduler.sleep(0)

    def thaw(self, process: SimProcess) -> None:
        """The process goes on, if it still is one."""
        process.frozen = False
        self.scheduler.freeze(process.name, frozen=False)
        if process.alive and not process.lease.lost:
            process.lease.may_fence()  # the thread that renews has overslept, and is the first to run

    def proves(self, process: Process, me: Process, *, lease_over: bool) -> Ended:
        """What the kernel of a host says of a process there (``remit.worker.fence.prove``)."""
        unproven = Ended.LEASE_EXPIRED if lease_over else Ended.ALIVE
        if process.boot_id != me.boot_id:
            return unproven
        if process.pid == me.pid:
            return Ended.ALIVE
        known = next(p for p in self.processes if p.pid == process.pid)
        if not known.alive:
            return Ended.EXITED
        if not lease_over:
            return unproven
        self.kill(known, "fenced")
        return Ended.EXITED

    def _mine(self) -> SimProcess | None:
        actor = self.scheduler.current
        return next((p for p in self.processes if actor is not None and p.name == actor.process), None)

    # --- one process

    def clock(self, process: SimProcess) -> Clock:
        """What the monotonic clock of its host shows."""
        return Clock(boot_id=process.host.boot_id, ms=self.scheduler.clock.now_ms - process.host.offset_ms)

    def _live(self, process: SimProcess) -> None:
        self._begin(process)
        while not process.lease.lost:
            try:
                busy = self._look(process)
            except (StorageError, UnknownCommitError):
                process.lease.database_failed()
                busy = False
            if not busy:
                self._idle.append(self.scheduler.current)
                self.scheduler.sleep(self._rest_ms())
        process.alive = False
        self.kept.tell(f"{process.name} was taken off the list, and ends")
        self.start(process.host, after_ms=_RESTART_MS)

    def _begin(self, process: SimProcess) -> None:
        host, now = process.host, self.ledger.now()
        process.worker = Worker(
            id=process.name, boot_id=host.boot_id, pid_ns=host.boot_id, pid=process.pid,
            start_time=process.pid,
            uid=1000, lock_file=f"{process.name}.lock", lease_until=after(now, self.lease_s),
            lease_s=self.lease_s,
        )  # fmt: skip
        self.ledger.register(process.worker)

        def clock() -> Clock:
            return self.clock(process)

        def seconds() -> float:
            return clock().ms / 1000

        lease = Lease(ledger=self.ledger, worker=process.worker, clock_ms=lambda: clock().ms)
        lease.may_fence()
        claimant = Claimant(
            ledger=self.ledger, identity=Identity(worker=process.worker, lock=-1), lease=lease, code=CODE,
            clock=clock, proves=self.proves,
        )  # fmt: skip
        process.lease = lease
        process.engine = Engine(
            claimant=claimant, ready=lambda task: self.desk.kit(task.pins), drive=self.drive, seconds=seconds,
            session=lambda holder, _sleep: self._session(process, holder),
            _failures=_Reported(seconds, self._failed),
        )  # fmt: skip
        self._renews(process)

    def _session(self, process: SimProcess, holder: Holder) -> Session:
        return self.desk.session(
            holder,
            clock=lambda: self.clock(process),
            still_mine=process.lease.still_mine,
            sleep=lambda seconds: self.scheduler.sleep(round(1000 * seconds)),
        )

    def _renews(self, process: SimProcess) -> None:
        """Its lease is renewed by a thread of its own, as long as the process runs."""
        if not process.alive or process.lease.lost:
            return
        if not process.frozen:
            process.lease.may_fence()
        self.scheduler.clock.after(round(self.lease_s * 1000 / 3), lambda: self._renews(process))

    def _look(self, process: SimProcess) -> bool:
        """Take what can be taken; whether anything was."""
        engine = process.engine
        process.point = "idle"
        try:
            engine.look_around()
        except FencedError:
            return False
        taken = [
            engine.work(info.run, lambda task: self._seen(process, task)) for info, _ in engine.to_take()
        ]
        return any(task is not None for task in taken)

    def _seen(self, process: SimProcess, task: Task) -> None:
        process.kind = task.operations[-1].last.tool if task.operations else ""
        if self.poisoned and task.idle_claims and task.run in self.kept.accepted[:1]:
            self.poisoned -= 1
            self.kill(process, "poisoned by its run")

    def _failed(self, run: str, why: str) -> None:
        self.kept.tell(f"the worker failed at {run}: {why}")
        self.troubles.append(f"{run}: {why}")

    def _rest_ms(self) -> int:
        due = self.ledger.next_due()
        ahead = POLL_MS if due is None else round(1000 * seconds_between(self.ledger.now(), due))
        return max(200, min(ahead, 12 * POLL_MS)) + self.rng.choice((0, 50, 700))
