"""How one proof is spread over processes, bounded in time and states, and shown while it is at work."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

from policies.proof.campaigns import BY_NAME
from policies.proof.proof import Proof
from policies.proof.prover import Depth, Found, Part, Progress, explore_part, parts_of, proof_of
from remit.proving.subject import Subject

SECONDS: Final = 600.0
MAX_WORKERS: Final = 2
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a proof may go. ``seconds``: by the clock; ``states``: of one part (None: the prover's)."""

    seconds: float = SECONDS
    states: int | None = None
    workers: int = field(default_factory=lambda: max(1, min(MAX_WORKERS, os.cpu_count() or 1)))

    def within(self, other: "Bounds") -> bool:
        """Whether these are no wider than ``other``."""
        most = float("inf") if other.states is None else other.states
        own = float("inf") if self.states is None else self.states
        return self.seconds <= other.seconds and own <= most


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far it is. ``states``: looked at so far; ``waiting``: known, not looked at; ``now``: what of it."""

    runbook: str
    states: int
    waiting: int
    done: int
    of: int
    now: tuple[str, ...]
    seconds: float


AT_ONCE: Final = Bounds(seconds=0, workers=1)  # what needs no walk, and no more
Show = Callable[[Seen], None]


def unseen(seen: Seen) -> None:
    """Show nothing."""
    del seen


def explore_all(subject: Subject, depth: Depth, bounds: Bounds, show: Show = unseen) -> Proof:
    """Prove it, up to ``bounds``; the rest is not explored once something is broken.

    What needs no walk is asked first and whatever the bounds are; the walks are spread over processes.
    """
    parts = parts_of(subject.runbook, subject.contracts, depth=depth)
    board = _Board(subject.runbook.ref, len(parts), show)
    until = time.monotonic() + bounds.seconds
    walks = sorted((part for part in parts if part.window), key=_crashes_last)
    found = list(_alone(subject, [part for part in parts if not part.window], None, None, board))
    if not any(one.broken for one in found):
        if bounds.workers == 1 or len(walks) == 1 or bounds.seconds == 0:
            found += _alone(subject, walks, bounds.states, until, board)
        else:
            found += _together(subject, walks, bounds, until, board)
    return proof_of(subject.runbook, subject.contracts, found, depth=depth)


def _crashes_last(part: Part) -> bool:
    """What the quick proof looks at comes first: it is short, and finds the most."""
    campaign = BY_NAME.get(part.name)
    return campaign is None or campaign.depth is Depth.FULL


class _Board:
    """What is known of every part that was begun."""

    def __init__(self, runbook: str, of: int, show: Show) -> None:
        self._runbook, self._of, self._show = runbook, of, show
        self._begun = time.monotonic()
        self._parts: dict[Part, Progress] = {}
        self._done = 0
        self._states_done = 0

    def take(self, progress: Progress) -> None:
        self._parts[progress.part] = progress
        self.show()

    def end(self, found: Found) -> None:
        self._parts.pop(found.part, None)
        self._done += 1
        self._states_done += found.states
        self.show()

    def show(self) -> None:
        at_work = list(self._parts.values())
        self._show(
            Seen(
                runbook=self._runbook,
                states=self._states_done + sum(p.states for p in at_work),
                waiting=sum(p.waiting for p in at_work),
                done=self._done,
                of=self._of,
                now=tuple(dict.fromkeys(p.part.name for p in at_work)),
                seconds=time.monotonic() - self._begun,
            )
        )


def _alone(
    subject: Subject, parts: Sequence[Part], states: int | None, until: float | None, board: _Board
) -> Iterator[Found]:
    def watch(progress: Progress) -> bool:
        board.take(progress)
        return until is None or time.monotonic() < until

    for part in parts:
        if until is not None and time.monotonic() >= until:
            return
        found = explore_part(subject.runbook, subject.contracts, part, states=states, watch=watch)
        board.end(found)
        yield found
        if found.broken:
            return


def _together(
    subject: Subject, parts: Sequence[Part], bounds: Bounds, until: float, board: _Board
) -> list[Found]:
    """Parts go to whoever is free; one lost with its process is missing, which ``proof_of`` then says."""
    waiting = list(parts)
    found: list[Found] = []
    hands = [_Hand(subject, bounds.states, until) for _ in range(min(bounds.workers, len(parts)))]
    try:
        busy = {hand.pipe: hand for hand in hands if hand.give(waiting)}
        while busy:
            for pipe in connection.wait(list(busy), timeout=_LOOK_EVERY_S):
                hand = busy[pipe]  # type: ignore[index] # only connections are waited for
                said = hand.hear()
                if isinstance(said, Progress):
                    board.take(said)
                    continue
                if said is not None:
                    found.append(said)
                    board.end(said)
                    if said.broken:
                        return found
                if time.monotonic() >= until or said is None or not hand.give(waiting):
                    del busy[hand.pipe]
            board.show()
    finally:
        for hand in hands:
            hand.end()
    return found


class _Hand:
    """One process that explores parts, one after another; it ends with this one, whatever ends this one."""

    def __init__(self, subject: Subject, states: int | None, until: float) -> None:
        context = multiprocessing.get_context("spawn")  # of this process nothing is to be shared, no database
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, subject, states, until), daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, waiting: list[Part]) -> bool:
        """Give it the next part; False where none is left."""
        if not waiting:
            return False
        with contextlib.suppress(BrokenPipeError):  # its end is heard at once
            self.pipe.send(waiting.pop(0))
        return True

    def hear(self) -> Progress | Found | None:
        """What it says; None where the process is gone."""
        try:
            said: Progress | Found = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None
        return said

    def end(self) -> None:
        """End the process."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(pipe: Connection, subject: Subject, states: int | None, until: float) -> None:
    """Explore what comes through the pipe until it is closed, which the end of the parent does too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this

    def watch(progress: Progress) -> bool:
        pipe.send(progress)
        return time.monotonic() < until

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            part: Part = pipe.recv()
            pipe.send(explore_part(subject.runbook, subject.contracts, part, states=states, watch=watch))
