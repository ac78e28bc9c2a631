"""What a judgement of the invariants comes to: what was violated where, and what could not be judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant, by number, that does not hold: in which run, at which entry, and in words how."""

    invariant: int
    run: str
    seq: int | None
    what: str

    def __str__(self) -> str:
        """Name it in one line."""
        at = f"/{self.seq}" if self.seq is not None else ""
        return f"invariant {self.invariant}: {self.run}{at}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged:
    """An invariant, or a part of one, for which the evidence is lacking."""

    invariant: int
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one invariant finds violated; the table adds its number."""

    run: str
    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """What one invariant cannot judge, and why."""

    why: str


Findings = Iterator[Found | Lacking]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings, by invariant."""

    violations: Sequence[Violation]
    not_judged: Sequence[NotJudged]

    @property
    def holds(self) -> bool:
        """Nothing that was judged is violated."""
        return not self.violations

    @property
    def tripped(self) -> frozenset[int]:
        """The numbers of the invariants that are violated."""
        return frozenset(violation.invariant for violation in self.violations)
