"""Desks that a test opens as often as it wants, closed behind it, and whoever it is at one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from remit.desk import Desk
from remit.intake.principal import Asker
from remit.settings import load


@contextmanager
def desks() -> Iterator[Callable[[Path], Desk]]:
    """What opens the desk of a folder; all that it opened are closed at the end."""
    made: list[Desk] = []

    def opens(folder: Path) -> Desk:
        made.append(Desk.open(load(folder)))
        return made[-1]

    yield opens
    for desk in made:
        desk.close()


def me(desk: Desk) -> Asker:
    """The one principal of a desk that nobody else has."""
    people = desk.in_force.people()
    assert people is not None
    (name,) = people.principals
    return Asker(name=name, how="os", os_user=name)
