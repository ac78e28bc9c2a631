"""Seeds that once showed a violation: kept as files, and played again by the tests.

A seed means a world only as long as nothing that draws from it changes, so a kept seed by itself would soon
show nothing. Therefore a file says what broke and why in one sentence, which world version it was, and which
test shows the same without the simulator (``shown_by``): that one keeps its meaning, the seed is played for
what else its world may still find. A seed nobody has explained yet has no such test, and its file says so.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evals.simulation import version
from evals.simulation.drivers import Driver
from evals.simulation.play import Mode

SCHEMA: Final = "remit/simulated-seed/v1"
FOLDER: Final = Path(__file__).with_name("regressions")
UNEXPLAINED: Final = "not explained yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """One kept seed. ``world``: the version it was found in; ``showed``: its problems then."""

    seed: int
    mode: Mode
    driver: Driver
    world: str
    revision: str
    showed: tuple[str, ...]
    why: str = UNEXPLAINED
    shown_by: str = ""

    @property
    def name(self) -> str:
        """What its file is called, without the suffix."""
        return f"{self.mode}-{self.seed}"


def keep(seed: int, mode: Mode, driver: Driver, problems: Sequence[str], folder: Path = FOLDER) -> Path:
    """Write down a seed with what it showed; a file that is there already stays as it is. The file."""
    found = Regression(
        seed=seed, mode=mode, driver=driver, world=version.world(), revision=version.revision(),
        showed=tuple(problems),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.name}.json"
    if not path.exists():
        path.write_text(json.dumps({"schema": SCHEMA, **asdict(found)}, indent=1) + "\n", encoding="utf-8")
    return path


def kept(folder: Path = FOLDER) -> list[Regression]:
    """Every kept seed, by the names of the files. ValueError where one is of another schema."""
    found = []
    for path in sorted(folder.glob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        if said.pop("schema") != SCHEMA:
            raise ValueError(f"{path.name} is no {SCHEMA}")
        found.append(Regression(**{**said, "showed": tuple(said["showed"])}))
    return found
