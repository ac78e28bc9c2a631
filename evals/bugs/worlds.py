"""Small worlds of one seed each, on the real engine in memory: all that happens there follows from the seed.

A world has one or two runs, workers that die or sleep on, faults between us and the target, humans who decide
well or badly, switches that are set meanwhile, and a model that says anything. It is much smaller than the
simulator's: bugs are hunted in it, nothing is proven by it.
"""

# ruff: noqa: SLF001, PLR2004 - it plays the worker; the numbers are how often something happens

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Self

from agents.models.scripted import ScriptedModel
from evals.bugs.books import BOTH, GOAL, KEY_WINDOW_MS, KINDS, book, connector
from evals.bugs.house import Play, open_play
from evals.bugs.recorder import KeptTarget, KeptTool, Log, kept_exchange, reached
from evals.invariants.evidence import Delivery, Evidence, Goal
from evals.invariants.evidence import World as Kept
from graph.runner import run_graph
from policies.approval import approval, proposal, target_of
from policies.decisions import basis
from policies.terms import terms_of
from remit.desk import program
from remit.intake.principal import Asker
from remit.intake.requests import Request, Submitted
from remit.rehearsal.house import Died
from state import instants
from state.errors import LedgerError, StateError
from state.fold import fold
from state.holder import Holder
from state.ledger.port import Query, Signal, Stop
from state.reading import read_task
from state.record import record_of
from state.task import Task
from state.terms import Terms
from tools.adapters.http_connector import connector_tools
from tools.sim.world import SimTool, World

_FAULTS: Final = (
    "lost_reply", "error_after", "late_dropped", "late", "claimed", "garbage", "hang", "error_before",
    "not_applied", "refused", "forbidden", "not_sent",
)  # fmt: skip
_POINTS: Final = (
    "before_intent", "intent_durable", "before_send", "sent", "reply", "outcome_durable", "in_reconcile",
    "in_verify", "in_package",
)  # fmt: skip
_MOST_CLAIMS: Final = 60
_MOST_DECISIONS: Final = 4
_SAYS: Final = ("accept", "wait", "reread", "escalate", "send", "send again now", "")


@dataclass(kw_only=True)
class Hunt:
    """One world at work."""

    seed: int
    draw: Random
    world: World
    log: Log
    target: KeptTarget
    house: Play
    kind: str
    deliveries: list[Delivery] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    run: str = ""  # the one that is carried
    points: int = 0
    acts: dict[int, Callable[[], None]] = field(default_factory=dict)

    @classmethod
    def open(cls, seed: int) -> Self:
        """Make the world of a seed."""
        draw = Random(seed)
        kind = draw.choice((*KINDS, BOTH, BOTH, "read_back", "native_key"))
        world = World()
        log = Log(clock=world.clock)
        target = KeptTarget(world.clock, log, key_window_ms=KEY_WINDOW_MS, leaks=draw.random() < 0.3)
        one = connector()
        reached(one, target, world.network)
        travel = kept_exchange(log, world.network.exchange)
        adapters = connector_tools(one, exchange=travel)
        tools = [KeptTool(inner=SimTool(inner=t, network=world.network), log=log) for t in adapters]
        mode = "confirm" if draw.random() < 0.2 else "delegated"
        house = open_play(world, log, tools, book(kind), mode)
        if draw.random() < 0.4:
            lines = [
                {"move": draw.choice(_SAYS), "reason": "so", "wait_s": draw.randrange(9)} for _ in range(9)
            ]
            house.model = ScriptedModel(lines, model_id="hostile")
        made = cls(seed=seed, draw=draw, world=world, log=log, target=target, house=house, kind=kind)
        made._plan()
        return made

    def _plan(self) -> None:
        draw = self.draw
        for _ in range(draw.choice((0, 1, 1, 2, 3))):
            tool = draw.choice(self._tools())
            self.world.add_fault(
                tool, draw.choice(_FAULTS), nth=draw.randint(1, 3), times=draw.choice((1, 1, 2, 3, 9)),
                delay_ms=draw.choice((200, 1_000, 2_500, 3_400)),
            )  # fmt: skip
        for _ in range(draw.choice((0, 1, 1, 2, 3))):
            self.acts[draw.randint(1, 14)] = draw.choice(
                (self._die, self._die, self._sleep_on, self._stop, self._withdraw, self._cancel, self._other,
                 self._elsewhere)
            )  # fmt: skip
        for point in _POINTS:
            self.house.at[point] = self._come_to

    def _tools(self) -> tuple[str, ...]:
        if self.kind == BOTH:
            return ("things.set", "things.add_read_back", "things.add_read_back", "things.get")
        return (f"things.add_{self.kind}", f"things.add_{self.kind}", "things.get")

    # what happens at points
    def _come_to(self) -> None:
        self.points += 1
        act = self.acts.pop(self.points, None)
        if act is not None:
            act()

    def _die(self) -> None:
        self._new_worker()
        raise Died

    def _elsewhere(self) -> None:
        """The process is gone, and nobody can prove it."""
        self.house.alive.add(self.house.ledger.info(self.run).epoch)
        self._new_worker()
        raise Died

    def _new_worker(self) -> None:
        self.house.new_worker()
        self.world.clock.advance(self.draw.choice((0, 10, 1_000, 9_000, 120_000, 400_000)))

    def _sleep_on(self) -> None:
        """Another worker takes over while this one is paused, and does all there is; then this one wakes."""
        epoch, worker, task = self.house.ledger.info(self.run).epoch, self.house._worker, self.house.task
        self.house.alive.add(epoch)
        self.world.clock.advance(20_000)
        self.house._worker = ""
        self.house._workers = iter(range(50 + self.points, 90))
        self.house.new_worker()
        self._until_it_stops(self.run)
        self.house._worker, self.house.task = worker, task

    def _stop(self) -> None:
        at = self.house.ledger.now()
        self.house.ledger.stop(Stop(scope="desk", by="sue", at=at, why="hunting"))
        self.world.clock.after(
            5_000, lambda: self.house.ledger.start("desk", by="sue", at=self.house.ledger.now())
        )

    def _withdraw(self) -> None:
        view = self.house.now_in_force()
        ref = self.house.kit.policy.runbook.ref
        if ref not in view.runbooks:
            return
        held = view.runbooks[ref].bundle
        draft = approval(
            bundle=None, scope=ref, was=held.digest, by="sue", author="tim", solo=False, contents={}
        )
        proposed = proposal(scope=ref, to=target_of(ref, None), by="tim")
        self.house.ledger.append_desk([proposed, draft], at=self.house.ledger.now(), code=program())

    def _cancel(self) -> None:
        self.say("cancel", {"reason": "not needed"}, by="ann")

    def _other(self) -> None:
        self.target.change(self.run_thing, self.draw.choice((1, 3)))

    # what people do
    @property
    def run_thing(self) -> str:
        """The thing of the world."""
        return f"t{self.seed}"

    def say(self, kind: str, body: dict[str, Any], *, by: str) -> None:
        """Post a signal, twice, as a door that retries."""
        signal = Signal(
            id=self.house.new_id(), run=self.run, kind=kind, by=by, at=self.house.ledger.now(),
            body={**body, "how": "as", "os_user": by},
        )  # fmt: skip
        self.house.ledger.post(signal)
        self.house.ledger.post(signal)

    def submit(self, delivery: str, goal: int = GOAL) -> Submitted:
        """Deliver a request."""
        request = Request(
            asker=Asker(name="ann", how="as", os_user="ann"), source="cli", delivery=delivery,
            runbook=self.house.kit.policy.runbook.ref, inputs={"thing": self.run_thing, "goal": goal},
            text_door=False,
        )  # fmt: skip
        intake = self.house.intake()
        done = intake.submit(intake.read(request))
        conflict = done.rejected is not None and done.rejected.code == "delivery_conflict"
        self.deliveries.append(
            Delivery(
                source="cli", delivery=delivery, digest=request.digest,
                answer="conflict" if conflict else done.run,
            )
        )  # fmt: skip
        return done

    def play(self) -> Evidence:
        """Let everything happen, and say what there is to judge."""
        admitted = []
        for number in range(self.draw.choice((1, 1, 1, 2))):
            done = self.submit(f"d{number}")
            self.accepted.append(done.run)
            admitted += [done.run] if done.rejected is None else []
            if self.draw.random() < 0.3:
                self.submit(f"d{number}", goal=self.draw.choice((GOAL, GOAL + 1)))
        for run in admitted[:-1]:
            self.run = run
            self._until_it_stops(run)  # it may still hold what the next one wants
        for run in reversed(admitted):
            self.run = run
            self._carry()
        return self.evidence()

    def _carry(self) -> None:
        for _ in range(_MOST_DECISIONS):
            task = self._until_it_stops(self.run)
            if task is None or task.open_escalation is None:
                return
            self._decide(task)

    def _until_it_stops(self, run: str) -> Task | None:
        for _ in range(_MOST_CLAIMS):
            try:
                task = self._carried(run)
            except Died:
                continue
            except LedgerError:
                task = read_task(self.house.ledger, run)
            if task.closed is not None or task.unsound:
                return task
            if task.open_escalation is not None and not self.house.ledger.signals(run):
                return task
            if task.waiting is not None and task.waiting.reason == "confirmation":
                self._confirm(task)
                continue
            due = self.house.ledger.info(run).row.due_at
            if due is None:
                return None
            left = instants.seconds_between(self.house.ledger.now(), due)
            self.world.clock.advance(min(max(1, round(left * 1000)), 600_000))
        return None

    def _carried(self, run: str) -> Task:
        house = self.house
        holder = house._claim(read_task(house.ledger, run))
        holder.watch = house._seen
        house._seen(holder.task)
        task = run_graph(house._session(holder))
        house.ledger.release(run, holder.epoch)
        return task

    def _confirm(self, task: Task) -> None:
        asked = next((c for c in task.confirmations.values() if c.answer is None), None)
        if asked is None:
            self.world.clock.advance(1_000)
            return
        self.world.clock.advance(self.draw.choice((500, 30_000)))
        by = self.draw.choice(("bob", "bob", "bob", "eve"))
        digest = asked.digest if self.draw.random() < 0.9 else "sha256:" + "1" * 64
        self.say(
            "confirm",
            {"op": asked.op, "digest": digest, "answer": self.draw.choice(("yes", "yes", "no"))},
            by=by,
        )

    def _decide(self, task: Task) -> None:
        open_, draw = task.open_escalation, self.draw
        if open_ is None:
            return
        self.world.clock.advance(draw.choice((0, 100, 7_000, 7_000, 60_000)))
        doubtful = {o.id: self._word(o.id) for o in task.operations if any(a.undecided for a in o.attempts)}
        if doubtful and draw.random() < 0.7:
            shown = [{"epoch": c.epoch, "worker": c.worker, "pid": c.pid} for c in task.claims]
            self.house.alive.clear()
            self.say("attest", {"escalation": open_.id, "shown": shown}, by="bob")
            self._until_it_stops(task.run)
            self.world.clock.advance(draw.choice((0, 7_000)))
            task = read_task(self.house.ledger, task.run)
        for _ in range(draw.choice((1, 1, 2))):
            body = {
                "escalation": open_.id,
                "choice": draw.choice(("resume", "retry_once", "mark_done", "roll_back", "abort")),
                "basis": self._basis(task) if draw.random() < 0.8 else "sha256:" + "7" * 64,
                "words": doubtful if draw.random() < 0.9 else {},
                "evidence": "seen on the screen" if doubtful else None, "reason": "it must go on",
            }  # fmt: skip
            self.say("decide", body, by=draw.choice(("bob", "bob", "bob", "eve")))

    def _basis(self, task: Task) -> str:
        session = self.house._session(Holder(ledger=self.house.ledger, task=task, worker="", code=""))
        return basis(task, self.house.kit.plan, session.moment())

    def _word(self, op: str) -> str:
        landed = {a.resource for a in self.log.arrivals if a.applied}
        operation = read_task(self.house.ledger, self.run).operation(op)
        return "applied" if operation.last.resource in landed else "not_applied"

    # what there is to judge
    def evidence(self) -> Evidence:
        """The ledger, and what the world kept."""
        house = self.house
        runs = [info.run for info in house.ledger.runs(Query(limit=50))]
        thing = self.run_thing
        wanted = {thing: 7, f"{thing}-x": GOAL} if self.kind == BOTH else {thing: GOAL}
        kept = Kept(
            arrivals=self.log.arrivals,
            durable=self.log.durable,
            states=self.log.states,
            goals={
                run: Goal(completed=wanted, rolled_back={thing: 0} if self.kind == BOTH else None)
                for run in runs
            },
            readers=self.log.readers,
            accepted=self.accepted,
            posted=self.log.posted,
            deliveries=self.deliveries,
            checkpoints=self.log.heads,
            canaries=[value for value in house.secrets.live() if len(value) > 12],
            shown=self._shown(runs),
        )
        return Evidence.of(house.ledger.records(), kept)

    def _shown(self, runs: list[str]) -> dict[str, Any]:
        shown = {}
        for run in runs:
            try:
                entries = self.house.ledger.read(run)
                task = fold(entries, run)
                if not task.unsound:
                    terms = terms_of(self.house.kit.policy.runbook) if task.pins else Terms()
                    shown[run] = record_of(task, entries, terms)
            except StateError:
                continue
        return shown


def play(seed: int) -> Evidence:
    """Play the world of one seed."""
    return Hunt.open(seed).play()
