"""Everybody around the runs of a world: who asks, who decides, who owns the desk, who knows nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from evals.invariants.evidence import Delivery
from evals.simulation.books import Shape
from evals.simulation.desk import CHANGES, Desk, approved, candidate, people
from evals.simulation.keeping import Kept
from evals.simulation.ledger import CODE, SimLedger
from evals.simulation.occurred import stop_name
from evals.simulation.scheduler import Scheduler
from evals.simulation.wire import KeptTarget
from evals.simulation.workers import Crew
from policies import decisions
from policies.approval import PRINCIPALS
from policies.moment import Moment
from policies.plan import Plan
from policies.situation import Situation
from remit.intake.principal import Asker
from remit.intake.requests import Intake, Request
from state.holder import Holder
from state.ledger.port import Query, Signal, Stop
from state.packet import senders_in_doubt
from state.reading import read_task
from state.task import Clock, Escalation, Task

GOALS: Final = (3, 5, 8)
_ACTS: Final = 14
_SOON_MS: Final = (500, 5_000, 20_000, 60_000)
_LATER_MS: Final = (2_000, 20_000, 90_000, 200_000)
_WRONG: Final = "sha256:" + "7" * 64


_STRANGER: Final = 0.05


@dataclass(kw_only=True)
class People:
    """The people of one world. ``truthful`` False: what they say of effects may be wrong.

    ``favourite``: the decision that comes to their minds first; nobody does anything new after ``until_ms``.
    """

    scheduler: Scheduler
    ledger: SimLedger
    kept: Kept
    desk: Desk
    target: KeptTarget
    crew: Crew
    rng: Random
    new_id: Callable[[], str]
    shapes: Sequence[Shape]
    things: Sequence[str]
    truthful: bool
    favourite: str
    until_ms: int
    goals: dict[str, tuple[Shape, str, int]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    # --- who asks

    def asks(self, times: int) -> None:
        """Ann asks for runs, some twice, and now and then changes her mind."""
        for number in range(times):
            self._submit(f"d{number}")
            if self.rng.random() < 0.25:  # noqa: PLR2004
                self._submit(f"d{number}" if self.rng.random() < 0.7 else "d0")  # noqa: PLR2004
            self._rest((0, 0, 500, 5_000, 60_000))

    def _submit(self, delivery: str) -> None:
        rng = self.rng
        one, thing, goal = rng.choice(self.shapes), rng.choice(self.things), rng.choice(GOALS)
        request = Request(
            asker=Asker(name="tom" if rng.random() < _STRANGER else "ann", how="as", os_user="ann"),
            source="cli",
            delivery=delivery, runbook=one.ref,
            inputs={"thing": thing, "goal": goal}, text_door=False,
        )  # fmt: skip
        intake = Intake(
            ledger=self.ledger, in_force=self.desk.now, model=self.desk.model, new_id=self.new_id,
            sealed=self.desk.sealed, code=CODE,
        )  # fmt: skip
        done = intake.submit(intake.read(request))
        conflict = done.rejected is not None and done.rejected.code == "delivery_conflict"
        what = done.rejected.code if done.rejected else "attached" if done.attached else "accepted"
        self.kept.tell(f"asks for {one.ref} on {thing} to {goal} as {delivery}: {what}, run {done.run[-4:]}")
        if request.delivery:
            answer = "conflict" if conflict else done.run
            self.kept.deliveries.append(
                Delivery(source="cli", delivery=delivery, digest=request.digest, answer=answer)
            )
        if done.run not in self.kept.accepted:
            self.kept.accepted.append(done.run)
        if done.rejected is None and not done.attached:
            self.goals[done.run] = (one, thing, goal)

    def steers(self) -> None:
        """Ann cancels, pauses and goes on."""
        for _ in range(self.rng.choice((1, 2, 4))):
            self._rest(_LATER_MS)
            run = self._any_run()
            if run is not None:
                kind = self.rng.choice(("cancel", "pause", "unpause"))
                self._say(run, kind, {"reason": "so it is wanted"}, by="ann")
                if kind == "pause":
                    self._rest(_SOON_MS)
                    self._say(run, "unpause", {"reason": "go on"}, by="ann")

    # --- who decides

    def decides(self, name: str) -> None:
        """A decider looks around, and answers what waits for a human, well or badly."""
        for _ in range(_ACTS):
            self._rest(_SOON_MS)
            if self.scheduler.clock.now_ms > self.until_ms:
                return
            for info in self.ledger.runs(Query(live=True)):
                task = read_task(self.ledger, info.run)
                if task.open_escalation is not None:
                    self._answers(name, task, task.open_escalation)
                elif task.waiting is not None and task.waiting.reason == "confirmation":
                    self._confirms(name, task)

    def _confirms(self, name: str, task: Task) -> None:
        asked = next((c for c in task.confirmations.values() if c.answer is None), None)
        if asked is None:
            return
        digest = asked.digest if self.rng.random() < 0.95 else _WRONG  # noqa: PLR2004
        answer = self.rng.choice(("yes", "yes", "yes", "no"))
        who = name if self.rng.random() < 0.9 else "tom"  # noqa: PLR2004
        self._say(task.run, "confirm", {"op": asked.op, "digest": digest, "answer": answer}, by=who)

    def _answers(self, name: str, task: Task, open_: Escalation) -> None:
        rng = self.rng
        plan, moment = self._look(task)
        if rng.random() < 0.15:  # noqa: PLR2004
            self._say(task.run, "ack", {"escalation": open_.id}, by=name)
        if senders_in_doubt(task) and rng.random() < 0.8:  # noqa: PLR2004
            self._attests(name, task, open_)
            return
        if rng.random() < 0.15:  # noqa: PLR2004
            self._repairs(task)
        seen = decisions.basis(task)
        self.scheduler.yield_()
        offered = decisions.offers(task, plan, moment)
        allowed = [o for o in offered if o.allowed]
        if rng.random() < 0.4:  # noqa: PLR2004 - each decision is somebody's first thought after any stop
            offer = next(o for o in offered if o.id == self.favourite)
        else:
            offer = rng.choice(allowed if allowed and rng.random() < 0.85 else offered)  # noqa: PLR2004
        body = {
            "escalation": open_.id,
            "choice": offer.id,
            "basis": seen if rng.random() < 0.9 else rng.choice((_WRONG, open_.basis)),  # noqa: PLR2004
            "words": self._words(task, plan, moment),
            "evidence": "seen on the screen",
            "reason": "it must go on",
        }
        self._decides(task, open_, body, by=name)
        if rng.random() < 0.1:  # noqa: PLR2004
            self._decides(task, open_, {**body, "choice": rng.choice(decisions.CHOICES)}, by="eve")

    def _decides(self, task: Task, open_: Escalation, body: dict[str, Any], *, by: str) -> None:
        stop = stop_name(open_.reason, open_.row, back=task.direction == "rolling_back")
        self.kept.proposed[self._say(task.run, "decide", body, by=by)] = (stop, body["choice"])

    def _look(self, task: Task) -> tuple[Plan, Moment]:
        """What a human who looks at a run sees of it now, on one of the hosts where it is worked on."""
        host = self.rng.choice(self.crew.hosts)
        clock = Clock(boot_id=host.boot_id, ms=self.scheduler.clock.now_ms - host.offset_ms)
        holder = Holder(ledger=self.ledger, task=task, worker="", code=CODE)
        session = self.desk.session(
            holder, clock=lambda: clock, still_mine=lambda: False, sleep=lambda _: None
        )
        return session.plan, session.moment()

    def _attests(self, name: str, task: Task, open_: Escalation) -> None:
        """State that senders are dead; who is truthful has seen to it before."""
        doubtful = senders_in_doubt(task)
        if self.truthful:
            for sender in doubtful:
                known = next(p for p in self.crew.processes if p.name == sender.claim.worker)
                if known.alive:
                    self.crew.kill(known, f"by {name}, to be sure")
        shown = [{"epoch": s.claim.epoch, "worker": s.claim.worker, "pid": s.claim.pid} for s in doubtful]
        self._say(task.run, "attest", {"escalation": open_.id, "shown": shown}, by=name)

    def _words(self, task: Task, plan: Plan, moment: Moment) -> dict[str, str]:
        situation = Situation(task=task, plan=plan, moment=moment)
        words = {}
        for operation in decisions.unsettled(situation):
            landed = any(a.applied and a.op == operation.id and a.run == task.run for a in self.kept.arrivals)
            word = "applied" if landed else "not_applied"
            if self.rng.random() < (0.1 if self.truthful else 0.4):
                word = "unknown" if self.truthful else self.rng.choice(decisions.WORDS)
            words[operation.id] = word
        return words if self.rng.random() < 0.95 else {}  # noqa: PLR2004

    def _repairs(self, task: Task) -> None:
        """Do by hand what the run was to do."""
        if task.run not in self.goals:
            return
        one, thing, goal = self.goals[task.run]
        for told in one.steps:
            name = f"{thing}-{told.suffix}"
            if name not in self.target.things or self.target.things[name].value != goal:
                self.target.change(name, goal)
        self.kept.meet("own repair")

    # --- who owns the desk, and who knows nothing of it

    def governs(self) -> None:
        """Owners stop and start, change what is approved, and withdraw it."""
        for _ in range(self.rng.choice((1, 2, 3))):
            self._rest(_LATER_MS)
            if self.scheduler.clock.now_ms > self.until_ms:
                return
            self.rng.choice((self._stops, self._changes, self._changes, self._people))()

    def _stops(self) -> None:
        scope = self.rng.choice(
            ("desk", f"runbook:{self.shapes[0].book.value.id}", f"resource:thing/{self.things[0]}-1")
        )
        self.kept.tell(f"stops {scope}")
        self.kept.meet("stop")
        self.stopped.add(scope)
        self.ledger.stop(Stop(scope=scope, by="sue", at=self.ledger.now(), why="to look"))
        self._rest(_SOON_MS)
        self.starts()

    def starts(self) -> None:
        """Lift every stop."""
        for scope in sorted(self.stopped):
            self.ledger.start(scope, by="sue", at=self.ledger.now())
            self.kept.tell(f"starts {scope}")
        self.stopped.clear()

    def _changes(self) -> None:
        one = self.rng.choice(self.shapes)
        change = self.rng.choice((*CHANGES, None))
        was = self.desk.now().digest(one.ref)
        wanted = candidate(one.number, change) if change is not None else None
        if was == (wanted.bundle.digest if wanted else None):
            return
        self.kept.tell(f"approves {one.ref}: {change or 'withdrawn'}")
        self.kept.meet(f"policy {change or 'withdrawn'}")
        self.ledger.append_desk(approved(wanted, one.ref, was), at=self.ledger.now(), code=CODE)
        self.crew.wake()

    def _people(self) -> None:
        which = self.rng.choice(("base", "without_eve"))
        was, wanted = self.desk.now().digest(PRINCIPALS), people(which)
        if was != wanted.bundle.digest:
            self.kept.tell(f"approves principals: {which}")
            self.kept.meet(f"principals {which}")
            self.ledger.append_desk(approved(wanted, PRINCIPALS, was), at=self.ledger.now(), code=CODE)

    def disturbs(self) -> None:
        """Somebody else changes things at the target."""
        for _ in range(self.rng.choice((1, 2, 4))):
            self._rest(_LATER_MS)
            name = f"{self.rng.choice(self.things)}-{self.rng.randint(1, 2)}"
            self.target.change(name, self.rng.choice((0, *GOALS, 999, 999)))
            self.kept.meet("changed by others")

    # --- what all of them do

    def _rest(self, spans: tuple[int, ...]) -> None:
        self.scheduler.sleep(self.rng.choice(spans) + self.rng.randint(0, 400))

    def _any_run(self) -> str | None:
        runs = [info.run for info in self.ledger.runs(Query(live=True))]
        return self.rng.choice(runs) if runs else None

    def _say(self, run: str, kind: str, body: dict[str, Any], *, by: str) -> str:
        """Post a signal, and now and then twice; its id."""
        told = {k: v for k, v in body.items() if k in ("choice", "answer", "words", "op", "shown")}
        self.kept.tell(f"{by} says {kind} to {run[-4:]}: {told}")
        signal = Signal(
            id=self.new_id(), run=run, kind=kind, by=by, at=self.ledger.now(),
            body={**body, "how": "as", "os_user": by},
        )  # fmt: skip
        self.ledger.post(signal)
        if self.rng.random() < 0.1:  # noqa: PLR2004
            self.ledger.post(signal)
        return signal.id
