"""A desk whose target says whatever an attacker writes on it, and never does what it claims to have done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from agents.models.port import Model
from evals.storm.target import Target
from remit.intake.requests import Request
from tests.attacks.kit import NAME, TEXT
from tests.flow import kit

MODULE: Final = "wall_tools"
SOURCE: Final = '''"""A wall that anybody writes on; painting it is logged, and changes nothing."""

from pathlib import Path
from typing import Annotated

from remit import Pattern, tool

WALLS = Path(__file__).parent / "walls"
Name = Annotated[str, Pattern("[a-z][a-z0-9-]{1,40}")]


@tool(name="wall.read", effect="read", result={"text": "string"})
def read(thing: Name) -> dict:
    """Read what stands on a wall."""
    return {"text": (WALLS / thing).read_bytes().decode()}


@tool(name="wall.paint", effect="write", result={"text": "string"}, resource="wall:{thing}",
      dedupe="read_back", repeatable=True, longest_request_s=0.2)
def paint(thing: Name, text: Annotated[str, Pattern(".{1,200}")]) -> dict:
    """Paint a wall, it says."""
    with (WALLS / "log").open("a") as log:
        log.write(f"{thing}={text!r}\\n")
    return {"text": text}
'''
_STEP: Final = {
    "id": "paint",
    "tool": "wall.paint",
    "with": {"thing": "{inputs.thing}", "text": "{inputs.wanted}"},
    "timeout": "5s",
    "probe": {
        "observe": "seen",
        "applied_when": "seen.text == inputs.wanted",
        "absent_when": "seen.text != inputs.wanted",
    },
    "retry": {"budget": 1, "after": ["not_applied"], "backoff": kit.QUICK},
    "verify": [{"id": "painted", "expect": "seen.text == inputs.wanted"}],
    "rollback": kit.NO_UNDO,
}


def _book(name: str) -> dict[str, Any]:
    return kit.book(
        name,
        _STEP,
        inputs={"thing": NAME, "wanted": TEXT},
        observe={"seen": {"tool": "wall.read", "with": {"thing": "{inputs.thing}"}}},
        authority={"tools": ["wall.read", "wall.paint"]},
        preconditions=[{"id": "not-yet", "expect": "seen.text != inputs.wanted", "otherwise": "complete"}],
        completion=[{"id": "as-wanted", "expect": "seen.text == inputs.wanted"}],
        limits=kit.limits(2, model={"calls": 4, "tokens": 40_000, "rereads": 2}),
    )


def write_wall_desk(folder: Path, target: Target) -> None:
    """Make the desk, approved as it stands."""
    resources = {"resources": {"things/*": ["wall:*"]}}
    entries: dict[str, dict[str, Any]] = {"wall": resources, "wall-asks": {**resources, "mode": "confirm"}}
    kit.write_desk(folder, [_book("wall"), _book("wall-asks")], entries=entries, modules={MODULE: SOURCE})
    (folder / "walls").mkdir()
    kit.approve(folder, target)


class Wall:
    """The desk at work; what stands on a wall, and what was painted on it."""

    def __init__(self, house: kit.House, folder: Path) -> None:
        self.house, self._walls = house, folder / "walls"

    def says(self, thing: str, text: str) -> None:
        """Let ``text`` stand on a wall."""
        (self._walls / thing).write_bytes(text.encode())

    def painted(self, thing: str) -> list[str]:
        """Give what was really painted on it, by the target's own log."""
        log = self._walls / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line.startswith(f"{thing}=")]

    def ask(self, book: str, thing: str, wanted: str, **said: Any) -> str:
        """Ask for a run that paints; its id."""
        intake = self.house.intake()
        asker = kit.Asker(name="ann", how="as", os_user="ann")
        request = Request(
            asker=asker, source="cli", runbook=book, inputs={"thing": thing, "wanted": wanted},
            text_door=False, **said,
        )  # fmt: skip
        done = intake.submit(intake.read(request))
        assert done.rejected is None, done.rejected
        return done.run


@contextmanager
def wall_at_work(folder: Path, target: Target, *, model: Model | None = None) -> Iterator[Wall]:
    """Open the desk with a worker of its own."""
    with kit.at_work(folder, target, model=model, check=False) as house:
        yield Wall(house, folder)
