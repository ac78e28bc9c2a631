"""What a proof says: the verdict, what was explored, the worst case, every ending, what is broken.

Values only, with their form as JSON (``remit/proof/v1``); ``report`` writes them for people.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from policies.proof.campaigns import Depth

FORMAT: Final = "remit/proof/v1"
Story = tuple[str, ...]


class Verdict(StrEnum):
    """What the exploration came to."""

    PROVED = "proved"
    COUNTEREXAMPLE = "counterexample"
    NOT_EXHAUSTED = "not_exhausted"  # nothing was found, and not everything was looked at


class RollbackReach(StrEnum):
    """Whether what a runbook declares to undo can be undone on some path."""

    NONE = "none"  # nothing is declared
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    NOT_ASKED = "not_asked"  # only a human's decision leads there, and this depth has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A law that does not hold. ``says``: the law; ``what``: what broke it here; ``campaign``: where.

    ``path``: of what is at fault in the runbook's file, where one place is.
    """

    law: str
    says: str
    what: str
    story: Story
    campaign: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One way in which a run may end, or come to wait for a human, with a shortest story of it."""

    end: str
    story: Story
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The worst case of one call.

    ``places``: operations at the most (the items of a list); ``sends``, ``takes_effect``: the most that was
    seen for each of them; ``declared``: the sends that its own budget allows.
    """

    step: str
    undo: bool
    tool: str
    resource: str
    places: int
    sends: int
    takes_effect: int
    declared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the decision table; ``why``: for what reason it was not reached, empty if there is none."""

    number: int
    name: str
    reached: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFound:
    """How far one campaign was explored, in how many ``windows`` of steps."""

    name: str
    says: str
    states: int
    windows: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to know that breaks no proof."""

    law: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All that was found. ``bounds``: why it is not exhausted; ``not_modelled``: what no proof looks at."""

    runbook: str
    depth: Depth
    verdict: Verdict
    states: int
    campaigns: tuple[CampaignFound, ...]
    broken: tuple[Broken, ...]
    endings: tuple[Ending, ...]
    effects: tuple[Effect, ...]
    rows: tuple[Row, ...]
    rollback: RollbackReach
    notes: tuple[Note, ...]
    trusted: tuple[str, ...]
    bounds: tuple[str, ...]
    not_modelled: tuple[str, ...]

    @property
    def laws(self) -> frozenset[str]:
        """The codes of all broken laws."""
        return frozenset(one.law for one in self.broken)

    def as_json(self) -> dict[str, Any]:
        """Write it as ``remit/proof/v1``: names, texts, whole numbers, lists."""
        found = asdict(self)
        return {"schema": FORMAT, **{name: _plain(value) for name, value in found.items()}}

    def text(self) -> str:
        """Write it for people."""
        from policies.proof.report import report  # noqa: PLC0415 - it reads this module's values

        return report(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, StrEnum) else value
