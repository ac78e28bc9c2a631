"""What a seeded bug is: a rule of the product, replaced by a wrong one for a while."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

Swap = tuple[Any, str, Any]
"""An object, the name of its attribute, and the wrong value in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A wrong rule: its name, the room that it is in, and in words what it breaks."""

    name: str
    room: str
    breaks: str
    swaps: Callable[[], Sequence[Swap]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Keep the wrong rule in this process's place of the right one; AssertionError where it has moved."""
        with ExitStack() as stack:
            for owner, attribute, wrong in self.swaps():
                assert hasattr(owner, attribute), f"bug {self.name}: {attribute} has moved"
                stack.enter_context(mock.patch.object(owner, attribute, wrong))
            yield


def bug(name: str, room: str, breaks: str) -> Callable[[Callable[[], Sequence[Swap]]], Bug]:
    """Make a bug of the function that says what it swaps."""

    def made(swaps: Callable[[], Sequence[Swap]]) -> Bug:
        return Bug(name=name, room=room, breaks=breaks, swaps=swaps)

    return made
