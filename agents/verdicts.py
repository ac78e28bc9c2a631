"""What the verifier hands back: values that say what was seen and what that means, never what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """Whether something is so."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What a probe shows of a write."""

    APPLIED = "applied"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check, precondition or ``conflict_if``: what was expected, what was observed, and the verdict.

    ``at`` is an instant before the first read it rests on. ``facts``: name -> {value or excerpt, source}.
    ``reason`` says why the verdict is unknown.
    """

    check: str
    expected: str
    observed: str
    verdict: Standing
    at: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a fresh look says of a write: applied, absent or unknown."""

    verdict: Effect
    observed: str
    at: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A pinned field, or a whole binding, that is not as the run remembers it."""

    what: str
    expected: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindResult:
    """What the inputs stand for. Where ``refusal`` or ``problem`` is set, nothing is bound.

    ``refusal``: they stand for nothing, or for something else. ``problem``: not readable now.
    ``conflicts``: pinned fields that differ from those the run was bound to; ``bindings`` has the new values.
    """

    bindings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    conflicts: tuple[Drift, ...] = ()
    refusal: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Every binding was read and is what was asked for."""
        return not self.refusal and not self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The run's first look: what ``initial``, ``derive`` and ``for_each`` will mean for the rest of it.

    At most one of ``refusal`` (a derived value lies outside its bound, or a list is too long) and ``problem``
    (not readable now) is set.
    """

    initial: Mapping[str, Any] = field(default_factory=dict)
    derived: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Everything was read and lies inside its bounds."""
        return not self.refusal and not self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """What an operation's first send rests on: ``values`` become ``attempt`` and the intent's facts."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
