"""``remit demo``: three acts on a real service manager, to be seen before anything is set up.

The demo is a program of the room of evals, which stands above this one: it is found by its name when it is
asked for, so that no import goes up from here.
"""

import importlib
from typing import Any, Final

import typer

from remit.cli.door import Door, command

_PROGRAM: Final = "evals.demo.__main__"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "demo")(demo)


def demo(door: Door) -> int:
    """Play three acts on a real service manager: a retry, a kill in mid-effect, an escalation.

    It takes less than a minute. Its desk is made in a temporary folder, or in --desk, and kept.
    """
    program: Any = importlib.import_module(_PROGRAM)
    given = ["--desk", str(door.desk_given)] if door.desk_given else []
    code: int = program.main([*given, *(["--json"] if door.json else [])])
    return code
