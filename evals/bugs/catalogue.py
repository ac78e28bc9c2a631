"""Every seeded bug by its name."""

from collections.abc import Mapping
from typing import Final

from evals.bugs import core, doors, people
from evals.bugs.bug import Bug

BUGS: Final[Mapping[str, Bug]] = {each.name: each for each in (*core.BUGS, *doors.BUGS, *people.BUGS)}
