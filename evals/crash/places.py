"""Where a process can die: read from the trace of one that lived, or of one that did."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from state.entry import Kind

AT: Final = {
    "before_commit": "before",
    "after_commit": "after",
    "before_post": "before",
    "after_post": "after",
    "reply": "after",
}
_KINDS: Final = frozenset(kind.value for kind in Kind)
SAID: Final = {
    "before_post": "a write is sent",
    "after_post": "a write is sent",
    "reply": "its reply is read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The ``number``-th time that a process comes to ``point``; ``what`` is done there."""

    point: str
    number: int
    what: str

    def __str__(self) -> str:
        """Say it as the driver's variables take it."""
        return f"{self.point}:{self.number}"

    @property
    def where(self) -> tuple[str, str]:
        """What is done, and whether this is before or behind it."""
        return SAID.get(self.point, self.what), AT[self.point]

    @property
    def entries(self) -> bool:
        """There are entries in this commit."""
        return bool(self.kinds & _KINDS)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the entries in this commit."""
        return frozenset(self.what.partition(" ")[0].split("+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a process came to, command by command, each up to its end or its death.

    ``failures``: how often its disk failed.
    """

    commands: Sequence[Sequence[Place]] = ()
    failures: int = 0

    @property
    def first(self) -> Sequence[Place]:
        """The places of its first command."""
        return self.commands[0] if self.commands else ()

    @property
    def admitted(self) -> bool:
        """It made a run durable."""
        return any(p.point == "after_commit" and "admitted" in p.kinds for p in self.first)

    @property
    def lost_an_outcome(self) -> bool:
        """Its last intent is durable, and what became of it is not."""
        lost = False
        for place in self.first:
            if place.point == "after_commit":
                lost = "intent" in place.kinds or (lost and "outcome" not in place.kinds)
        return lost

    def until(self, place: Place) -> "Trace":
        """The same, as if its first command had come to its end at ``place``."""
        known = list(self.first)
        return Trace(commands=[known[: known.index(place) + 1] if place in known else known])

    def behind(self, place: Place) -> Sequence[Place]:
        """What its first command came to behind ``place``."""
        known = list(self.first)
        return known[known.index(place) + 1 :] if place in known else ()

    def entered(self, command: int) -> bool:
        """Its command of that number made some entry durable."""
        places = self.commands[command] if command < len(self.commands) else ()
        return any(p.point == "after_commit" and p.entries for p in places)


def read_trace(path: Path) -> Trace:
    """Read what the driver wrote; nothing where the process never got there."""
    commands: list[list[Place]] = []
    failures = 0
    for line in path.read_text().splitlines() if path.exists() else ():
        said = json.loads(line)
        failures += said["point"] == "disk_failed"
        if said["point"] == "command":
            commands.append([])
        elif said["point"] in AT:
            commands[-1].append(Place(point=said["point"], number=said["n"], what=said["what"]))
    return Trace(commands=commands, failures=failures)


def commits(places: Iterable[Place]) -> int:
    """How many durable writes there are among them."""
    return sum(place.point == "before_commit" for place in places)
