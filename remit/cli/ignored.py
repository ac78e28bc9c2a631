"""What says that the files of a desk are not what is in force; nothing of them is executed."""

from remit.cli.door import Door, columns
from state.wording import wrapped


def say_ignored(door: Door, runbook: str | None = None) -> None:
    """Say on stderr which files differ from what is in force, for one runbook (its id) or for all of them."""
    said = door.desk().ignored(runbook)
    if said:
        held = "what was approved last stays in force"
        line = f"ignored, for it is not approved: {'; '.join(said)}; {held} (next: remit runbook diff)"
        door.say(*wrapped(line, columns(), hang=2))
