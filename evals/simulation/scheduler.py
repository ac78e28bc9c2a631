"""Who runs next, and what time it is: actors that take turns, in an order that follows from the seed.

Each actor has a thread, and only the one that holds the baton runs; it gives the baton on where it sleeps or
yields. Time stands still while an actor runs, and moves when it yields or when everybody sleeps. A dead actor
is never handed the baton again but to be unwound, by ``Gone``, which no code under test catches.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from random import Random
from typing import Final

from evals.simulation.errors import EndlessError, Gone
from tools.sim.clock import ManualClock

MAX_TURNS: Final = 60_000
STEP_MS: Final = (0, 1, 1, 3)


class Actor:
    """Somebody who acts. ``frozen``: gets no turn until thawed; ``doomed``: gets none any more."""

    __slots__ = ("baton", "body", "doomed", "error", "frozen", "name", "process", "ready", "seat")

    def __init__(self, name: str, body: Callable[[], object], process: str) -> None:
        """``process``: whose death is this actor's too; empty for those who cannot die."""
        self.name, self.body, self.process = name, body, process
        self.ready = self.frozen = self.doomed = False
        self.error: BaseException | None = None
        self.seat = 0  # counts its sleeps, so that an alarm of an earlier one wakes nobody
        self.baton: _Seat | None = None


class _Seat:
    """A thread that lends itself to one actor after another."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.job: Callable[[], threading.Lock] | None = None
        threading.Thread(target=self._run, name="actor", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.lock.acquire()
            job, self.job = self.job, None
            if job is not None:
                following = job()
                _FREE.append(self)
                following.release()


_FREE: Final[list[_Seat]] = []


class WorldClock(ManualClock):
    """The true time. Whoever lets it pass inside a call sleeps, and others act meanwhile."""

    def __init__(self, now_ms: int, scheduler: "Scheduler") -> None:
        """Start at ``now_ms``."""
        super().__init__(now_ms)
        self._scheduler = scheduler

    def advance(self, ms: int) -> None:
        """Sleep through ``ms`` milliseconds."""
        self._scheduler.sleep(ms)


class Scheduler:
    """One world's turns. ``rng`` decides who is next; ``until_ms`` ends the world."""

    def __init__(self, rng: Random, now_ms: int) -> None:
        """Begin with nobody."""
        self._rng = rng
        self.clock = WorldClock(now_ms, self)
        self.actors: list[Actor] = []
        self.until_ms = now_ms
        self.turns, self.most_turns = 0, MAX_TURNS
        self.stopping = False
        self.trouble: BaseException | None = None
        self._main = threading.Lock()
        self._main.acquire()
        self._order = itertools.count()
        self._alarms: list[tuple[int, int, Actor, int]] = []
        self.current: Actor | None = None

    # --- for those who set a world up

    def spawn(self, name: str, body: Callable[[], object], *, process: str = "", after_ms: int = 0) -> Actor:
        """Let somebody act from ``after_ms`` on."""
        actor = Actor(name, body, process)
        self.actors.append(actor)
        if after_ms:
            self._alarm(actor, after_ms)
        else:
            actor.ready = True
        return actor

    def run(self) -> None:
        """Let everybody act until ``until_ms``, or until nobody has anything left to do."""
        following = self._next()
        if following is not None:
            self._hand_to(following)
            self._main.acquire()
        self.stopping = True
        for actor in self.actors:  # unwound, each alone
            actor.doomed = True
            if actor.baton is not None:
                self._hand_to(actor)
                self._main.acquire()
        for actor in self.actors:
            if actor.error is not None and self.trouble is None:
                self.trouble = actor.error
        if self.trouble is not None:
            raise self.trouble

    # --- for actors

    def yield_(self, stay: float = 0.5) -> None:
        """Let others act, perhaps; a little time passes."""
        self.check()
        self._pass(self._rng.choice(STEP_MS))
        if self._rng.random() >= stay:
            me = self._me()
            me.ready = True
            self._give_on(me)

    def sleep(self, ms: int) -> None:
        """Act again ``ms`` from now, or when somebody wakes this actor."""
        self.check()
        me = self._me()
        me.ready = False
        self._alarm(me, max(0, ms))
        self._give_on(me)

    def check(self) -> None:
        """Gone where the present actor is dead; every door of a world asks."""
        if self.current is None or self.current.doomed:
            raise Gone

    def wake(self, actor: Actor) -> None:
        """Let a sleeper act now."""
        actor.seat += 1
        actor.ready = True

    def freeze(self, process: str, *, frozen: bool) -> None:
        """Stop every actor of a process between two of its steps, or let them go on."""
        for actor in self.actors:
            if actor.process == process:
                actor.frozen = frozen

    def kill(self, process: str) -> None:
        """No actor of a process runs any more. The present one is gone at its next step."""
        for actor in self.actors:
            if actor.process == process:
                actor.doomed = True

    # --- whose turn it is

    def _me(self) -> Actor:
        assert self.current is not None
        return self.current

    def _alarm(self, actor: Actor, ms: int) -> None:
        actor.seat += 1
        heapq.heappush(self._alarms, (self.clock.now_ms + ms, next(self._order), actor, actor.seat))

    def _pass(self, ms: int) -> None:
        if ms:
            self.clock.pass_to(self.clock.now_ms + ms)
            self._ring()

    def _ring(self) -> None:
        while self._alarms and self._alarms[0][0] <= self.clock.now_ms:
            _, _, actor, seat = heapq.heappop(self._alarms)
            if actor.seat == seat:
                actor.ready = True

    def _next(self) -> Actor | None:
        """Who acts now; time passes until somebody can. None: the world is over."""
        self.turns += 1
        if self.turns > self.most_turns:
            self.trouble = EndlessError(f"no rest after {self.most_turns} turns")
            return None
        while self.clock.now_ms < self.until_ms and self.trouble is None:
            able = [a for a in self.actors if a.ready and not a.frozen and not a.doomed]
            if able:
                return able[int(self._rng.random() * len(able))]
            due = [self.clock.next_due_ms] if self.clock.next_due_ms is not None else []
            due += [self._alarms[0][0]] if self._alarms else []
            if not due:
                return None
            self.clock.pass_to(max(self.clock.now_ms, min(due)))
            self._ring()
        return None

    def _give_on(self, me: Actor) -> None:
        following = self._next()
        if following is not me:
            if following is None:
                self._main.release()
            else:
                self._hand_to(following)
            assert me.baton is not None
            me.baton.lock.acquire()
        self.current = me
        if me.doomed:
            raise Gone

    def _hand_to(self, actor: Actor) -> None:
        self.current = actor
        if actor.baton is None:
            actor.baton = _FREE.pop() if _FREE else _Seat()
            actor.baton.job = lambda: self._act(actor)
        actor.baton.lock.release()

    def _act(self, actor: Actor) -> threading.Lock:
        """Let ``actor`` act to its end; whose lock is to be released then."""
        try:
            actor.body()
        except Gone:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the world was run
            actor.error = self.trouble = error
        actor.baton, actor.ready, actor.doomed = None, False, True
        if self.stopping:
            return self._main
        following = self._next()
        if following is None:
            return self._main
        self.current = following
        if following.baton is None:
            following.baton = _FREE.pop() if _FREE else _Seat()
            following.baton.job = lambda: self._act(following)
        return following.baton.lock
