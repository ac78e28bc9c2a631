"""Fuzz by coverage: atheris, where it is installed, looks for choices that reach what none reached before.

It is no dependency: ``pip install atheris`` (Apache-2.0; there are wheels for CPython 3.11 on Linux).
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Any

from evals.fuzz.doors import Door
from evals.fuzz.examples import example
from evals.fuzz.work import watchdog


@dataclass(frozen=True, slots=True)
class Guided:
    """Choices that follow from the bytes of a fuzzer; when they are used up, every choice is the first."""

    provider: Any

    def below(self, most: int) -> int:
        """A whole number from 0 to ``most - 1``."""
        return int(self.provider.ConsumeIntInRange(0, most - 1))


def guided(doors: list[Door], seconds: float) -> int:
    """Fuzz ``doors`` for so long. What breaks one ends the process, and libFuzzer keeps it in a file."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: pip install atheris, or leave out --guided", file=sys.stderr)
        return 2
    for door in doors:
        door.examples(), door.texts()

    def attempt(content: bytes) -> None:
        choices = Guided(atheris.FuzzedDataProvider(content))
        door = doors[choices.below(len(doors))]
        with watchdog(120.0):
            door.knock(example(door, choices))

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", "-max_len=4096"], attempt)
    atheris.Fuzz()
    return 0
