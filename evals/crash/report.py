"""The enumeration in tables: kills by what was written, before and behind it, and how the runs ended."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from evals.crash.judge import accepted
from evals.crash.play import Played
from evals.crash.rounds import Outcome

_WIDTH: Final = 50
_CELL: Final = 12


def render(outcome: Outcome) -> str:
    """Draw both tables and the sums below them."""
    twice = sum(len(case.kills) > 1 for case in outcome.deaths)
    return "\n".join(
        (
            *_kills(outcome.deaths),
            "",
            *_ends(outcome),
            "",
            f"{outcome.kills} processes killed in {len(outcome.deaths)} runs, {twice} of them twice",
            f"{outcome.seconds:.0f} s in all",
            f"findings: {len(outcome.findings)}",
            *map(str, outcome.findings),
        )
    )


def _kills(deaths: Sequence[Played]) -> list[str]:
    """How many were killed before and behind each durable write and each send, by kind."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    kinds = list(dict.fromkeys(case.subject.kind for case in deaths))
    for case in deaths:
        for kill, died in zip(case.kills, case.died, strict=True):
            if died:
                what, where = kill.where
                counts.setdefault(what, Counter())[case.subject.kind, where] += 1
    lines = [
        f"{'killed before/behind':<{_WIDTH}}" + "".join(f"{kind[: _CELL - 1]:>{_CELL}}" for kind in kinds)
    ]
    for what, cells in sorted(counts.items(), key=lambda row: (-sum(row[1].values()), row[0])):
        drawn = [f"{cells[kind, 'before']}/{cells[kind, 'after']}" for kind in kinds]
        drawn = ["" if cell == "0/0" else cell for cell in drawn]
        lines.append(f"{what[: _WIDTH - 1]:<{_WIDTH}}" + "".join(f"{cell:>{_CELL}}" for cell in drawn))
    return [line.rstrip() for line in lines]


def _ends(outcome: Outcome) -> list[str]:
    """How the runs of each subject ended, beside what the one that lived came to."""
    lived = {life.subject.name: _end(life) for life in outcome.lives}
    lines = [f"{'subject':<28}{'lives':<14}after its kills"]
    for name, end in lived.items():
        ends = Counter(_end(case) for case in outcome.deaths if case.subject.name == name)
        lines.append(f"{name:<28}{end:<14}" + " · ".join(f"{what} {n}" for what, n in ends.most_common()))
    return lines


def _end(case: Played) -> str:
    if not accepted(case):
        return "never asked"
    return str(case.runs[0]["state"]) if len(case.runs) == 1 else "?"
