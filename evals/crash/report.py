"""An enumeration in tables: what befell processes by what was written, and how the runs ended."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from evals.crash.judge import accepted
from evals.crash.places import Place
from evals.crash.play import Played
from evals.crash.rounds import Outcome

_WIDTH: Final = 50
_CELL: Final = 12
Column = Callable[[Played], str]


def render(outcome: Outcome, what: str = "killed") -> str:
    """Draw both tables and the sums below them; ``what`` befell the processes."""
    twice = sum(len(case.places) > 1 for case in outcome.cases)
    killed = what == "killed"
    return "\n".join(
        (
            *(_by_kind(outcome.cases) if killed else _by_blow(outcome.cases, what)),
            "",
            *_ends(outcome),
            "",
            f"{outcome.times} processes {what} in {len(outcome.cases)} runs"
            + (f", {twice} of them twice" if twice else ""),
            f"{outcome.seconds:.0f} s in all",
            f"findings: {len(outcome.findings)}",
            *map(str, outcome.findings),
        )
    )


def _by_kind(cases: Sequence[Played]) -> list[str]:
    """How many were killed before and behind each durable write and each send, by kind."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    kinds = list(dict.fromkeys(case.subject.kind for case in cases))
    for case, place in _met(cases):
        what, where = place.where
        counts.setdefault(what, Counter())[case.subject.kind, where] += 1
    cells = {
        what: [_pair(found[kind, "before"], found[kind, "after"]) for kind in kinds]
        for what, found in counts.items()
    }
    return _table("killed before/behind", kinds, cells, {what: sum(n.values()) for what, n in counts.items()})


def _by_blow(cases: Sequence[Played], what: str) -> list[str]:
    """How many met each blow before and behind each durable write and each send."""
    counts: dict[str, Counter[str]] = {}
    blows = list(dict.fromkeys(str(case.blow) for case in cases))
    for case, place in _met(cases):
        said, where = place.where
        counts.setdefault(f"{where} {said}", Counter())[str(case.blow)] += 1
    cells = {said: [str(found[blow] or "") for blow in blows] for said, found in counts.items()}
    return _table(what, blows, cells, {said: sum(n.values()) for said, n in counts.items()})


def _met(cases: Sequence[Played]) -> Iterator[tuple[Played, Place]]:
    for case in cases:
        for place, met in zip(case.places, case.met, strict=True):
            if met:
                yield case, place


def _pair(before: int, behind: int) -> str:
    return f"{before}/{behind}" if before or behind else ""


def _table(head: str, columns: Sequence[str], cells: dict[str, list[str]], sums: dict[str, int]) -> list[str]:
    lines = [f"{head:<{_WIDTH}}" + "".join(f"{name[: _CELL - 1]:>{_CELL}}" for name in columns)]
    for what in sorted(cells, key=lambda row: (-sums[row], row)):
        drawn = "".join(f"{cell:>{_CELL}}" for cell in cells[what])
        lines.append(f"{what[: _WIDTH - 1]:<{_WIDTH}}{drawn}".rstrip())
    return lines


def _ends(outcome: Outcome) -> list[str]:
    """How the runs of each subject ended, beside what the one that lived came to."""
    lived = {life.subject.name: _end(life) for life in outcome.lives}
    lines = [f"{'subject':<28}{'lives':<14}afterwards"]
    for name, end in lived.items():
        ends = Counter(_end(case) for case in outcome.cases if case.subject.name == name)
        lines.append(f"{name:<28}{end:<14}" + " · ".join(f"{what} {n}" for what, n in ends.most_common()))
    return lines


def _end(case: Played) -> str:
    if len(case.runs) == 1:
        return str(case.runs[0]["state"])
    return "?" if accepted(case) else "never asked"
