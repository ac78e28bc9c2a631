"""The storm's table: kill phase by fault, a column for each dedupe kind, how many runs and how they ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evals.storm.cases import KINDS, Case, Phase

SIGNS: Final = {"completed": "c", "escalated": "e"}


def render(cases: Sequence[Case], records: Sequence[Mapping[str, Any]]) -> str:
    """Draw the table. In a cell ``2c 1e``: two runs completed, one waits for a human; ``?`` is neither."""
    states = {record["inputs"]["thing"]: str(record["state"]) for record in records}
    cells: dict[tuple[Phase, str, str], Counter[str]] = {}
    for case in cases:
        sign = SIGNS.get(states.get(case.thing, ""), "?")
        cells.setdefault((case.phase, case.fault.name, case.kind), Counter())[sign] += 1
    lines = [f"{'killed at':<16} {'fault':<13} " + " ".join(f"{kind:<17}" for kind in KINDS)]
    for phase in Phase:
        rows = dict.fromkeys(fault for at, fault, _ in cells if at is phase)
        for fault in rows:
            drawn = [_cell(cells.get((phase, fault, kind))) for kind in KINDS]
            lines.append(
                f"{phase.value:<16} {fault:<13} " + " ".join(f"{text:<17}" for text in drawn).rstrip()
            )
        total = sum(sum(c.values()) for (at, _, _), c in cells.items() if at is phase)
        if total:
            lines.append(f"{phase.value:<16} {'all':<13} {total} runs")
    return "\n".join(lines)


def _cell(counts: Counter[str] | None) -> str:
    return " ".join(f"{n}{sign}" for sign, n in sorted(counts.items())) if counts else ""
