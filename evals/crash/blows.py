"""What can befall a process at a place: it is killed or stopped, or its disk fails from there on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from evals.crash.places import Place
from evals.storm.disk import HOWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """How a disk fails, and how often: 0 is for good."""

    how: str
    times: int = 0

    def __str__(self) -> str:
        """Say it as the head of a column."""
        return f"{self.how} once" if self.times else self.how

    def at(self, place: Place) -> str:
        """Say it as STORM_DISK takes it."""
        return f"{self.how}@{place}" + (f"/{self.times}" if self.times else "")

    @property
    def may_be_kept(self) -> bool:
        """A commit that failed so may be there all the same, once nobody holds the file open."""
        return self.how == "sync"


AILMENTS: Final = tuple(Ailment(how=how, times=times) for how in HOWS for times in (0, 1))


class Scene(StrEnum):
    """Where a stopped process runs, as seen from the one that takes over, and when it is continued."""

    HERE = "here"  # on the same host: it may be killed
    TAKEN = "taken"  # on another host, for all that can be known here; continued behind the takeover
    ENDED = "ended"  # the same; continued when the other has ended

    @property
    def elsewhere(self) -> bool:
        """Nobody here can tell what became of it."""
        return self is not Scene.HERE


Blow = Ailment | Scene | None
"""None: it is killed."""
