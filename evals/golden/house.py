"""The desk at work, on a host of no name: requests, workers that die, and what humans say."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from ulid import ULID

from evals.golden import desk
from graph.runner import run_graph
from remit import bootstrap
from remit.bootstrap import App, open_app
from remit.desk import program
from remit.intake.requests import Intake, Request, Submitted
from remit.views import Views
from remit.worker import claim
from remit.worker.claim import Claimant
from remit.worker.engine import Engine
from remit.worker.identity import Identity, monotonic_ms
from remit.worker.lease import Lease
from state.fold import fold
from state.instants import after
from state.ledger.port import Signal, Worker
from state.task import Clock, Task

BOOT: Final = "00000000-0000-4000-8000-000000000001"
NO_PID: Final = 1 << 23  # above every pid that Linux gives: a worker with it is proven dead
_LEASE_S: Final = 60.0
_SETTLE_S: Final = 30.0


class _KilledError(BaseException):
    """The process dies here."""


@dataclass(kw_only=True)
class House:
    """The desk with one worker. ``dies_at``: the named point at which the present one is killed."""

    app: App
    engine: Engine
    dies_at: str = ""
    _names: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> Mapping[str, str]:
        """Every run that was asked for, by what it shows."""
        return self._names

    def ask(self, shows: str, book: str, cell: str, *, number: int = 5, by: str = "ann") -> str:
        """Ask for a run by its runbook; its id."""
        inputs = {"cell": cell, "number": number}
        return self._submit(
            shows, Request(asker=desk.asker(by), source="cli", runbook=book, inputs=inputs, text_door=False)
        )

    def say_in_words(self, shows: str, text: str, *, ref: str = "") -> str:
        """Ask for a run by a phrase; its id."""
        return self._submit(shows, Request(asker=desk.asker("ann"), source="cli", text=text, ref=ref))

    def _submit(self, shows: str, request: Request) -> str:
        intake = Intake(
            ledger=self.app.ledger, in_force=self.app.policies.now, model=self.app.model,
            new_id=lambda: str(ULID()), sealed=self.app.sealed, code=program(),
        )  # fmt: skip
        made: Submitted = intake.submit(intake.read(request))
        self._names.setdefault(shows, made.run)
        return made.run

    def work(self, run: str) -> Task:
        """Carry a run until it leaves."""
        self.engine.work(run)
        return self.task(run)

    def follow(self, run: str) -> Task:
        """Carry a run until it has ended or waits for a human."""
        return self.engine.follow(run)

    def killed_at(self, point: str, run: str, *, number: int) -> None:
        """Carry a run by another process, the ``number``-th, which is killed at a named point."""
        with _worker(self.app, f"w-killed-{number}", pid=NO_PID + number) as other:
            holder = other.claimant.take(run)
            assert holder is not None
            self.dies_at = point
            try:
                run_graph(other.session(holder, time.sleep))
            except _KilledError:
                return
        raise AssertionError(f"{run} never came to {point}")

    def paused(self, point: str) -> None:
        """Called at the named points of every run."""
        if point == self.dies_at:
            self.dies_at = ""
            raise _KilledError

    def signal(self, run: str, kind: str, *, by: str, **body: Any) -> None:
        """Say something to a run and let it be folded in."""
        posted = Signal(
            id=str(ULID()), run=run, kind=kind, by=by, at=self.app.ledger.now(), body={**body, "how": "as"}
        )
        self.app.ledger.post(posted)
        self.work(run)

    def decide(self, run: str, choice: str, **said: Any) -> Task:
        """Decide on the open escalation of a run as bob does, once no send of it can land any more."""
        sent = [a for o in self.task(run).operations for a in o.attempts]
        over = max((after(a.at, a.span_ms / 1000 + 0.3) for a in sent), default="")
        until = time.monotonic() + _SETTLE_S
        while self.app.ledger.now() <= over:
            assert time.monotonic() < until
            time.sleep(0.1)
        open_ = self.task(run).open_escalation
        assert open_ is not None
        body = {"words": {}, "evidence": None, "reason": "as it must be", **said}
        about = {"escalation": open_.id, "basis": open_.basis}
        self.signal(run, "decide", by="bob", choice=choice, **about, **body)
        return self.follow(run)

    def task(self, run: str) -> Task:
        """A run as it stands."""
        return fold(self.app.ledger.read(run), run)

    def views(self) -> Views:
        """What the command line shows."""
        return Views(self.app.ledger, self.app.policies.now())


def _clock() -> Clock:
    return Clock(boot_id=BOOT, ms=monotonic_ms())


@contextmanager
def _worker(app: App, name: str, *, pid: int) -> Iterator[Engine]:
    """A worker that says nothing of this host."""
    registered = Worker(
        id=name, boot_id=BOOT, pid_ns="pid:[1]", pid=pid, start_time=1, uid=1000,
        lock_file=f"workers/{name}.lock", lease_until=after(app.ledger.now(), _LEASE_S), lease_s=_LEASE_S,
    )  # fmt: skip
    lease = Lease(ledger=app.ledger, worker=registered)
    lease.start()
    identity = Identity(worker=registered, lock=-1)
    claimant = Claimant(ledger=app.ledger, identity=identity, lease=lease, code=program())

    def session(holder: Any, sleep: Any) -> Any:
        return app.session(holder, lease, sleep)

    try:
        yield Engine(claimant=claimant, session=session)
    finally:
        lease.stop()


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """Make the desk in ``folder`` and open it with a worker."""
    points: list[Callable[[str], None]] = []
    settings = desk.make(folder)
    with ExitStack() as stack:
        for room, name, stands_in in (
            (bootstrap, "boot_id", lambda: BOOT),
            (bootstrap, "clock", _clock),
            (claim, "clock", _clock),
        ):
            stack.enter_context(mock.patch.object(room, name, stands_in))
        app = stack.enter_context(open_app(settings, environ={}, pauses=lambda point: points[-1](point)))  # noqa: PLW0108 - the house comes later
        engine = stack.enter_context(_worker(app, "w-golden", pid=NO_PID))
        house = House(app=app, engine=engine)
        points.append(house.paused)
        yield house
