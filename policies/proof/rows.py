"""Which rows of the decision table a proof reached, and why it is right that it did not reach the others."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from policies.contract import DedupeKind
from policies.moves import ROWS
from policies.plan import ABSORBING, WritePlan
from policies.proof.campaigns import Depth
from policies.proof.case import Case
from policies.proof.proof import Row

_FULL_ONLY: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "nobody cancels or pauses at this depth",
        3: "no worker is lost at this depth",
        5: "nobody decides at this depth",
        6: "nobody decides at this depth",
        12: "nobody cancels at this depth",
        19: "no guard denies at this depth",
        20: "nothing is to be confirmed at this depth",
    }
)


def rows_of(reached: Iterable[int], case: Case, depth: Depth) -> tuple[Row, ...]:
    """Every row by its number: reached, or why not."""
    known = frozenset(reached)
    found = []
    for number, name in _names().items():
        why = "" if number in known else _why_not(number, case, depth)
        found.append(Row(number=number, name=name, reached=number in known, why=why))
    return tuple(found)


def _names() -> dict[int, str]:
    """The rows' names by their numbers; the first of those that share one."""
    names: dict[int, str] = {}
    for row in ROWS:
        number, _, words = row.__name__.removeprefix("row_").partition("_")
        names.setdefault(int(number.rstrip("b")), words.replace("_", " "))
    return dict(sorted(names.items()))


def _why_not(number: int, case: Case, depth: Depth) -> str:
    """Why no path of this runbook needs the row; empty where one should."""
    if depth is Depth.QUICK and number in _FULL_ONLY:
        return _FULL_ONLY[number]
    asks = _NEEDS.get(number)
    return "" if asks is None else asks(case, depth)


def writes_of(case: Case) -> tuple[WritePlan, ...]:
    """Every write of a case, and every undo."""
    return tuple(w for s in case.plan.steps for w in (s.write, s.undo) if w is not None)


def _sends_again(case: Case, depth: Depth) -> str:  # noqa: ARG001
    if any(w.kind in ABSORBING and w.budget for w in writes_of(case)):
        return ""
    return "no call with a key, a unique name or a condition has a retry"


def _finds_out(case: Case, depth: Depth) -> str:  # noqa: ARG001
    told = any(w.has_probe or (w.absorbs and w.checks) for w in writes_of(case))
    return "" if told else "no call has a probe"


def _meets_conflicts(case: Case, depth: Depth) -> str:  # noqa: ARG001
    kinds = {w.kind for w in writes_of(case)}
    met = case.conflicts or DedupeKind.CONDITIONAL_WRITE in kinds
    return "" if met else "no step looks for a conflict, and none writes under a condition"


def _checks(case: Case, depth: Depth) -> str:  # noqa: ARG001
    return "" if any(w.checks for w in writes_of(case)) else "no step has a check"


def _runs_out(case: Case, depth: Depth) -> str:
    bind = case.writes_bind or case.attempts_bind
    return (
        "" if bind or depth is Depth.FULL else "the limits are enough, and no deadline passes at this depth"
    )


def _preconditions(case: Case, depth: Depth) -> str:  # noqa: ARG001
    return "" if case.plan.preconditions else "the runbook has no precondition"


def _rolls_back(case: Case, depth: Depth) -> str:
    if all(step.undo is None for step in case.plan.steps):
        return "the runbook declares nothing to undo"
    return "" if depth is Depth.FULL or case.turns_by_itself else "only a human turns this runbook back"


_NEEDS: Final[Mapping[int, Callable[[Case, Depth], str]]] = MappingProxyType(
    {
        7: _sends_again,
        8: _finds_out,
        10: _meets_conflicts,
        13: _checks,
        16: _runs_out,
        18: _preconditions,
        22: _rolls_back,
    }
)
