"""One seed from its first moment to the judgement: what kind of world it makes, and what became of it."""

import hashlib
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Literal

from ulid import ULID

from evals.bugs.catalogue import BUGS
from evals.invariants.evidence import Calm, Evidence, Goal, World
from evals.invariants.report import Violation
from evals.invariants.table import ALL, check
from evals.simulation import desk as desks
from evals.simulation.books import SHAPES, shape
from evals.simulation.desk import SECRETS, Desk
from evals.simulation.drivers import Driver, driver
from evals.simulation.errors import EndlessError
from evals.simulation.faults import Odds, WireFaults
from evals.simulation.keeping import Kept
from evals.simulation.ledger import SimLedger
from evals.simulation.models import KINDS, model
from evals.simulation.occurred import Met, occurred, unheard
from evals.simulation.people import People
from evals.simulation.scheduler import Scheduler
from evals.simulation.wire import KeptTarget, Wire
from evals.simulation.workers import Crew, Host
from policies.decisions import CHOICES
from policies.terms import terms_of
from state import instants
from state.entry import Kind
from state.errors import StateError
from state.fold import fold
from state.ledger.port import Query
from state.record import record_of
from state.terms import Terms
from tools.sim.world import EPOCH_MS

Mode = Literal["safety", "liveness"]
SPAN_MS: Final = 40 * 60_000
CALM_AFTER_MS: Final = 8 * 60_000
BOUND_MS: Final = 60 * 60_000
"""B: the longest deadline (30 minutes), model waits, quarantines and leases, and as much again."""

_BROKEN_PROMISES: Final = frozenset({3, 12})
"""What cannot hold where a target does not keep its contract, or a human does not say what is."""

_LOOK_MS: Final = 20_000
_TURNS_OF_BUGS: Final = 6_000
_JUMPS_MS: Final = (-3_600_000, -90_000, -1_500, 1_500, 90_000, 3_600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a seed. ``digest`` is of every chain and of everything that came to targets.

    ``problems``: what violates an invariant, and what no worker should ever meet. ``ends``: how runs ended.
    """

    seed: int
    driver: str
    mode: str
    digest: str
    problems: tuple[str, ...]
    violations: tuple[Violation, ...]
    entries: int
    runs: int
    turns: int
    met: Counter[tuple[str, str, str, str]] = field(repr=False)
    ends: Counter[str] = field(repr=False)
    story: Any = field(repr=False, default=None)

    @property
    def holds(self) -> bool:
        """Nothing is wrong with it."""
        return not self.problems


@dataclass(kw_only=True)
class Play:
    """A world at work."""

    seed: int
    mode: Mode
    driver: Driver
    draw: Random = field(init=False)
    scheduler: Scheduler = field(init=False)
    kept: Kept = field(init=False)
    ledger: SimLedger = field(init=False)
    wire: Wire = field(init=False)
    crew: Crew = field(init=False)
    people: People = field(init=False)
    honest: bool = field(init=False)
    _offset_ms: int = 0
    _frozen_ms: int | None = None
    _shown_ms: int = -1  # what the database's clock showed last
    _shown_at: str = ""
    _ids: int = 0
    _calm_at: int | None = None

    def __post_init__(self) -> None:
        """Draw the world of the seed."""
        draw = self.draw = self._random("world")
        self.scheduler = Scheduler(self._random("turns"), EPOCH_MS)
        self.kept = Kept(clock=self.scheduler.clock, scheduler=self.scheduler)
        self.honest = draw.random() < 0.85  # noqa: PLR2004
        odds = Odds.draw(draw)
        shapes = tuple(sorted({draw.randrange(SHAPES) for _ in range(draw.choice((1, 1, 2)))}))
        books = tuple(map(shape, shapes))
        self.ledger = SimLedger(
            clock=self._database_clock, scheduler=self.scheduler, kept=self.kept,
            rng=self._random("ledger"), odds=odds,
        )  # fmt: skip
        window_ms = min(one.window_ms for one in books)
        faults = WireFaults(
            self._random("wire"), odds, longest_ms=min(one.longest_ms for one in books),
            lag_ms=min(one.lag_ms for one in books), honest=self.honest,
        )  # fmt: skip
        self.wire = Wire(
            scheduler=self.scheduler, kept=self.kept, faults=faults, rng=self._random("latency"),
            ledger=self.ledger,
            target=KeptTarget(self.kept, key_window_ms=window_ms, leaks=draw.random() < 0.1),  # noqa: PLR2004
        )  # fmt: skip
        temper = draw.choice(KINDS)
        self.kept.meet("model", phase=temper)
        desk = Desk(
            ledger=self.ledger, wire=self.wire, shapes=shapes, pauses=self._come_to,
            model=model(temper, self._random("model")),
        )  # fmt: skip
        self._open(draw, desk, odds, books)

    def _open(self, draw: Random, desk: Desk, odds: Odds, books: Any) -> None:
        hosts = tuple(
            Host(boot_id=f"boot-{n}", offset_ms=draw.randrange(EPOCH_MS // 2))
            for n in range(draw.choice((1, 1, 2)))
        )
        window_ms = min(one.window_ms for one in books)
        self.crew = Crew(
            scheduler=self.scheduler, ledger=self.ledger, kept=self.kept, desk=desk, rng=self._random("crew"),
            odds=odds, hosts=hosts, lease_s=draw.choice((15.0, 60.0)),
            drive=driver(self.driver, self.kept.met), meddled=draw.choice((0.0, 0.0, 0.2, 0.5)),
            longest_pause_ms=min(window_ms // 3, 600_000), poisoned=draw.choice((0,) * 12 + (2, 9)),
        )  # fmt: skip
        self.people = People(
            scheduler=self.scheduler, ledger=self.ledger, kept=self.kept, desk=desk, target=self.wire.target,
            crew=self.crew, rng=self._random("people"), new_id=self._new_id, shapes=books,
            things=("t1", "t2")[: draw.choice((1, 1, 2))], truthful=self.honest,
            favourite=CHOICES[self.seed % len(CHOICES)],
            until_ms=EPOCH_MS + (CALM_AFTER_MS + 30 * 60_000 if self.mode == "liveness" else SPAN_MS),
        )  # fmt: skip
        desk.open()
        self.ledger.changed = self.crew.wake
        spawn, people = self.scheduler.spawn, self.people
        spawn("ann", lambda: people.asks(draw.choice((1, 1, 2, 3))))
        for number in range(draw.choice((1, 1, 2, 3))):
            self.crew.start(hosts[number % len(hosts)])
        if draw.random() < 0.85:  # noqa: PLR2004 - else nobody answers at all
            spawn("bob", lambda: people.decides("bob"))
        for name, odd, body in (
            ("eve", 0.3, lambda: people.decides("eve")),
            ("ann2", 0.2, people.steers),
            ("sue", 0.3, people.governs),
            ("somebody", 0.3, people.disturbs),
        ):
            if draw.random() < odd:
                spawn(name, body)
        if odds.jump:
            spawn("time", self._jumps)
        spawn("pager", self._looks)

    def _random(self, what: str) -> Random:
        return Random(f"{self.seed}/{what}")

    def play(self) -> None:
        """Let everything happen."""
        self.ledger.on = True
        span_ms = CALM_AFTER_MS + BOUND_MS + 60_000 if self.mode == "liveness" else SPAN_MS
        self.scheduler.until_ms = EPOCH_MS + span_ms
        if self.mode == "liveness":
            self.scheduler.clock.after(CALM_AFTER_MS, self._calm)
        try:
            self.scheduler.run()
        finally:
            self.ledger.on = False
            self._deliver()

    # --- the world's own doings

    def _come_to(self, point: str) -> None:
        self.crew.come_to(point)

    def _database_clock(self) -> str:
        ms = self.scheduler.clock.now_ms + self._offset_ms if self._frozen_ms is None else self._frozen_ms
        if ms != self._shown_ms:
            self._shown_ms, self._shown_at = ms, instants.iso(datetime.fromtimestamp(ms / 1000, UTC))
        return self._shown_at

    def _new_id(self) -> str:
        self._ids += 1
        ms = self.scheduler.clock.now_ms
        return str(ULID(ms.to_bytes(6, "big") + self._ids.to_bytes(10, "big")))

    def _jumps(self) -> None:
        """The database's clock is set ahead, set back, or stands still for a while."""
        rng = self._random("time")
        for _ in range(rng.choice((1, 2))):
            self.scheduler.sleep(rng.choice((1_000, 30_000, 120_000)))
            if self._calm_at is not None:
                return
            if rng.random() < 0.3:  # noqa: PLR2004
                self._frozen_ms = self.scheduler.clock.now_ms + self._offset_ms
                self.kept.tell("the database's clock stands still")
                self.kept.meet("clock frozen")
                self.scheduler.sleep(rng.choice((2_000, 60_000)))
                self._frozen_ms = None
            else:
                by = rng.choice(_JUMPS_MS)
                self._offset_ms += by
                self.kept.tell(f"the database's clock jumps by {by} ms")
                self.kept.meet("clock ahead" if by > 0 else "clock back")

    def _looks(self) -> None:
        """Pages go out; and a world in which nothing can happen any more is at its end."""
        while True:
            self.scheduler.sleep(_LOOK_MS)
            self._deliver()
            if self.mode == "safety" and self._at_rest():
                self.scheduler.until_ms = self.scheduler.clock.now_ms

    def _at_rest(self) -> bool:
        busy = ("bob", "eve", "ann2", "sue", "somebody", "ann")
        waiting = [i for i in self.ledger.runs(Query(live=True)) if i.row.escalation is None]
        if not waiting and all(i.row.state for i in self.ledger.runs(Query())):
            return True
        return not waiting and all(a.doomed for a in self.scheduler.actors if a.name in busy)

    def _deliver(self) -> None:
        for notice in self.ledger.outbox():
            self.kept.told.add(str(notice["body"]["escalation"]))
            self.ledger.delivered(str(notice["id"]))

    def _calm(self) -> None:
        """From now on nothing goes wrong any more."""
        self._calm_at = self.scheduler.clock.now_ms
        self._frozen_ms = None
        self.wire.faults.on = self.crew.on = False
        self.ledger.on = False
        self.crew.poisoned = 0
        for process in self.crew.processes:
            if process.frozen:
                self.crew.thaw(process)
        self.kept.tell("from now on nothing goes wrong", who="world")

    # --- the judgement

    def evidence(self) -> Evidence:
        """The ledger, and what the world kept beside it."""
        runs = [info.run for info in self.ledger.runs(Query(limit=100))]
        calm = None
        if self._calm_at is not None:
            calm = Calm(since_ms=self._calm_at, now_ms=self.scheduler.clock.now_ms, bound_ms=BOUND_MS)
        kept = self.kept
        world = World(
            arrivals=kept.arrivals, durable=kept.durable, states=kept.states, goals=self._goals(),
            readers=kept.readers, told=kept.told, accepted=kept.accepted, posted=kept.posted,
            deliveries=kept.deliveries, checkpoints=kept.heads,
            canaries=tuple(value.removeprefix("Bearer ") for value in SECRETS.values()),
            sinks={"story": "\n".join(told.what for told in kept.story)}, calm=calm, shown=self._shown(runs),
        )  # fmt: skip
        return Evidence.of(self.ledger.records(), world)

    def _goals(self) -> dict[str, Goal]:
        goals = {}
        for run, (one, thing, goal) in self.people.goals.items():
            undone = {
                e.body["arguments"]["thing"]: 0
                for e in self.ledger.read(run)
                if e.kind is Kind.INTENT and e.body["undoes"]
            }
            wanted = {f"{thing}-{told.suffix}": goal for told in one.steps}
            goals[run] = Goal(completed=wanted, rolled_back=undone)
        return goals

    def _shown(self, runs: list[str]) -> dict[str, Any]:
        shown = {}
        for run in runs:
            try:
                entries = self.ledger.read(run)
                task = fold(entries, run)
                if not task.unsound:
                    book = self.people.goals[run][0].book.value if run in self.people.goals else None
                    terms = terms_of(book) if task.pins and book is not None else Terms()
                    shown[run] = record_of(task, entries, terms)
            except StateError:
                continue
        return shown

    def _met(self, runs: list[str]) -> Met:
        chains = [self.ledger.read(run) for run in runs]
        proposed = self.kept.proposed
        met = sum((occurred(entries, proposed) for entries in chains), start=Met(self.kept.met))
        heard = (e.body["id"] for entries in chains for e in entries if e.kind is Kind.SIGNAL)
        return met + unheard(proposed, heard)

    def outcome(self) -> Outcome:
        """Judge what came of it."""
        judged = ALL if self.honest else ALL - _BROKEN_PROMISES
        report = check(self.evidence(), judged)
        problems = [str(v) for v in report.violations]
        problems += [f"a worker failed: {why}" for why in self.crew.troubles]
        infos = self.ledger.runs(Query(limit=100))
        digest = hashlib.sha256()
        for run in sorted({*self.people.goals, *(i.run for i in infos), "desk"}):
            for entry in self.ledger.read(run):
                digest.update(f"{entry.run}/{entry.seq}/{entry.hash}\n".encode())
        for arrival in self.kept.arrivals:
            digest.update(f"{arrival}\n".encode())
        return Outcome(
            seed=self.seed, driver=self.driver, mode=self.mode, digest=digest.hexdigest(),
            problems=tuple(problems), violations=tuple(report.violations),
            entries=sum(self.ledger.length(i.run) for i in infos), runs=len(infos),
            turns=self.scheduler.turns, met=self._met([i.run for i in infos]),
            ends=Counter(i.row.state or i.row.lane for i in infos), story=self,
        )  # fmt: skip


def run_seed(
    seed: int, *, driver: Driver = "fast", mode: Mode = "safety", bugs: Collection[str] = ()
) -> Outcome:
    """Play the world of ``seed`` and judge it. ``bugs``: seeded ones, by name, to be in it."""
    with ExitStack() as stack:
        if bugs:
            desks.forget()
            stack.callback(desks.forget)
            for name in bugs:
                stack.enter_context(BUGS[name].planted())
        play = Play(seed=seed, mode=mode, driver=driver)
        if bugs:
            play.scheduler.most_turns = _TURNS_OF_BUGS  # a wrong rule may never come to rest
        try:
            play.play()
        except EndlessError as endless:
            play.crew.troubles.append(str(endless))
        except Exception as error:
            if not bugs:
                raise
            play.crew.troubles.append(f"the world broke: {error!r}")  # a wrong rule may break anything
        return play.outcome()
