"""The processes of a campaign: each plays one stretch after another, and none can take the campaign with it.

A process that dies, or says nothing of its next seed for too long, is ended and replaced: its seed counts as
one that fails, and the rest of its stretch is played by another.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, Final

from evals.simulation.campaign import lost, play
from evals.simulation.log import Line, Stretch

SILENT_S: Final = 600.0
"""How long one seed may take before its process counts as hanging."""

STRETCHES: Final = 40
"""How many stretches a process plays before a fresh one takes its place."""

_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(kw_only=True)
class _Player:
    """One process, what it plays, and since when which seed."""

    process: Any
    line: Connection
    stretch: Stretch
    seed: int
    since: float
    played: int = 0


def played(stretches: Iterable[Stretch], *, processes: int, silent_s: float = SILENT_S) -> Generator[Line]:
    """Yield the line of each stretch, as they come. Closing the generator ends every process."""
    todo = deque(stretches)
    players: list[_Player] = []
    try:
        while todo or players:
            while todo and len(players) < processes:
                players.append(_start(todo.popleft()))
            wait([player.line for player in players], timeout=1.0)
            for player in players.copy():
                yield from _hear(player, players, todo, silent_s)
    finally:
        for player in players:
            player.process.kill()
            player.process.join()


def _start(stretch: Stretch) -> _Player:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_plays, args=(theirs,), daemon=True, name="player")
    process.start()
    theirs.close()
    ours.send(stretch)
    return _Player(process=process, line=ours, stretch=stretch, seed=stretch.first, since=monotonic())


def _hear(player: _Player, players: list[_Player], todo: deque[Stretch], silent_s: float) -> Iterator[Line]:
    """Take in all that a process has said; what it leaves behind where it has ended."""
    try:
        while player.line.poll():
            said = player.line.recv()
            player.since = monotonic()
            if isinstance(said, int):
                player.seed = said
                continue
            yield said
            player.played += 1
            if not todo or player.played >= STRETCHES:
                player.line.close()  # there is nothing more for it: it ends by itself
                player.process.join()
                players.remove(player)
                return
            player.stretch = todo.popleft()
            player.seed = player.stretch.first
            player.line.send(player.stretch)
    except (EOFError, OSError):
        player.process.join()
        yield from _given_up(player, players, todo, f"its process ended ({player.process.exitcode})")
        return
    if monotonic() - player.since > silent_s:
        player.process.kill()
        player.process.join()
        yield from _given_up(player, players, todo, f"no end after {silent_s:g} s")


def _given_up(player: _Player, players: list[_Player], todo: deque[Stretch], why: str) -> Iterator[Line]:
    players.remove(player)
    stretch, seed = player.stretch, player.seed
    yield lost(stretch.driver, seed, why)
    for first, last in ((stretch.first, seed), (seed + 1, stretch.last)):
        if first < last:
            todo.append(Stretch(driver=stretch.driver, first=first, last=last))


def _plays(line: Connection) -> None:
    """Play what comes, until nothing does. ^C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            line.send(play(line.recv(), line.send))
    except (EOFError, OSError):
        return  # the campaign is over
