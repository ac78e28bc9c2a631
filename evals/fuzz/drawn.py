"""What hypothesis tries at a door: every choice is one that it can replay and shrink."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from evals.fuzz.doors import DOORS, Door
from evals.fuzz.examples import example


@dataclass(frozen=True, slots=True)
class Drawn:
    """Choices that hypothesis makes."""

    draw: Any

    def below(self, most: int) -> int:
        """A whole number from 0 to ``most - 1``."""
        return int(self.draw(st.integers(0, most - 1)))


def contents(name: str) -> st.SearchStrategy[bytes]:
    """Something to try at the door of that name. Its examples are made first, and draw on nothing."""
    DOORS[name].examples()
    return _contents(DOORS[name])


@st.composite
def _contents(draw: st.DrawFn, door: Door) -> bytes:
    return example(door, Drawn(draw))
