"""What was found: by bug, the invariants that it trips, each with the first seed in whose world it does."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from evals.bugs.hunt import Catch

PATH: Final = Path(__file__).with_name("found.json")


def recorded() -> Mapping[str, Mapping[int, int]]:
    """What stands in the record."""
    found = json.loads(PATH.read_text(encoding="utf-8"))
    return {name: {int(number): seed for number, seed in seeds.items()} for name, seeds in found.items()}


def keep(catches: Iterable[Catch]) -> None:
    """Write the record anew for these bugs; those of other names stay."""
    before = dict(recorded()) if PATH.is_file() else {}
    after = {**before, **{catch.bug: dict(sorted(catch.seeds.items())) for catch in catches}}
    PATH.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n", encoding="utf-8")
