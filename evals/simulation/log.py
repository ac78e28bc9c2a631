"""The log of a campaign: a file that only grows, a line for each stretch of seeds, from which it goes on.

Each session begins with a line that says which code it plays. A line that was cut by a kill counts for
nothing: its seeds are played again.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from evals.simulation import version
from evals.simulation.drivers import Driver
from evals.simulation.errors import OtherCodeError

SCHEMA: Final = "remit/simulation-log/v1"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Stretch:
    """Seeds ``first`` to ``last`` (exclusive) through one driver."""

    driver: Driver
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What came of one stretch. ``failed``: seed -> what is wrong with it; ``met`` as in ``occurred``."""

    driver: Driver
    first: int
    last: int
    seconds: float
    entries: int
    runs: int
    failed: dict[str, list[str]]
    met: dict[str, int]

    @property
    def stretch(self) -> Stretch:
        """Its seeds."""
        return Stretch(driver=self.driver, first=self.first, last=self.last)


@dataclass(frozen=True, slots=True)
class Log:
    """A log at ``path``. One process writes it."""

    path: Path

    def lines(self) -> Iterator[Line]:
        """Yield every whole line, in the order in which they were written."""
        for said in self._said():
            if "driver" in said:
                yield Line(**said)

    def codes(self) -> list[str]:
        """The code of each session, with its revision, without repetitions."""
        found = {said["code"]: said["revision"] for said in self._said() if "code" in said}
        return [f"{code} (revision {revision or 'unknown'})" for code, revision in found.items()]

    def begin(self, *, began: str, any_code: bool) -> None:
        """Begin a session. OtherCodeError where the log is of other code, unless ``any_code`` will do."""
        others = [told for told in self.codes() if not told.startswith(version.code())]
        if others and not any_code:
            raise OtherCodeError(
                f"{self.path} is of other code: {', '.join(others)}; this is {version.code()}"
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._cut():
            self._write("\n")  # the last line stays as it is, and counts for nothing
        told = {
            "schema": SCHEMA, "began": began, "revision": version.revision(), "code": version.code(),
            "world": version.world(),
        }  # fmt: skip
        self._write(json.dumps(told) + "\n")

    def append(self, line: Line) -> None:
        """Add a line, durably."""
        self._write(json.dumps(asdict(line), separators=(",", ":")) + "\n")

    def _cut(self) -> bool:
        """Whether the last line has no end."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as opened:
            opened.seek(-1, os.SEEK_END)
            return opened.read() != b"\n"

    def _write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())

    def _said(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as opened:
            for text in opened:
                if text.endswith("\n"):
                    try:
                        said = json.loads(text)
                    except ValueError:
                        continue
                    if isinstance(said, dict):
                        yield said


def left(wanted: Iterable[Stretch], played: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield what of ``wanted`` was not ``played`` yet."""
    done = sorted(played)
    for stretch in wanted:
        at = stretch.first
        for known in done:
            if known.driver == stretch.driver and known.last > at and known.first < stretch.last:
                if known.first > at:
                    yield Stretch(driver=stretch.driver, first=at, last=known.first)
                at = max(at, known.last)
        if at < stretch.last:
            yield Stretch(driver=stretch.driver, first=at, last=stretch.last)


def chunked(stretches: Iterable[Stretch], size: int) -> Iterator[Stretch]:
    """Yield the same seeds in stretches of at most ``size``."""
    for one in stretches:
        for at in range(one.first, one.last, size):
            yield Stretch(driver=one.driver, first=at, last=min(at + size, one.last))
