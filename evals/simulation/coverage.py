"""What a campaign met: faults, moves, ends, and decisions after each stop. What never occurred is said.

What must occur is read from the tables of faults, rows and reasons, so that a new one is missed until a world
shows it. ``NEVER_HERE`` says which of them these worlds cannot show, and where they are shown instead.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from evals.simulation.desk import CHANGES
from evals.simulation.faults import LEDGER, READS, WRITES
from evals.simulation.models import KINDS as TEMPERS
from evals.simulation.occurred import APPLIED, UNHEARD, Met
from evals.simulation.workers import POINTS
from policies.decisions import CHOICES, KINDS
from policies.moves import ROWS
from state.lifecycle import ENDED

GROUPS: Final = ("entries", "moves", "stops", "ends", "decisions")
NEVER_HERE: Final[Mapping[str, str]] = {
    "tools_unavailable": "tests/flow/test_flow_wedges.py: a simulated desk can always make its tools",
    "writes_exhausted": "tests/unit/policies/test_moves_rows.py: lint refuses limits below the worst case",
}


def report(met: Met) -> Iterator[str]:
    """Yield the tables, and behind them what is missing in them."""
    yield from _counts(met, "moves of the decision table", "moves")
    yield from _counts(met, "ends", "ends")
    yield from _faults(met)
    yield from _decisions(met)
    missing = list(lacking(met))
    yield f"NEVER OCCURRED: {len(missing)}" if missing else "everything that is looked for occurred"
    yield from (f"  !! {what}" for what in missing)


def lacking(met: Met) -> Iterator[str]:
    """Yield whatever of the lists never occurred."""
    faults = {(name, phase) for name, phase, _, _ in met if name not in GROUPS}
    names = {name for name, _ in faults}
    for fault in WRITES:
        yield from (f"{fault}, {what}" for what in ("call", "undo") if (fault, what) not in faults)
    yield from (f"{fault}, read" for fault in READS if (fault, "read") not in faults)
    yield from (f"ledger {fault}" for fault in LEDGER if f"ledger {fault}" not in names)
    for what in ("killed", "stopped"):
        yield from (f"{what} at {point}" for point in POINTS if (what, point) not in faults)
    yield from (name for name in _OTHERS if name not in names)
    yield from (
        f"a model that is {temper}" for temper in sorted({*TEMPERS}) if ("model", temper) not in faults
    )
    rows = {row for group, row, _, _ in met if group == "moves"}
    numbers = dict.fromkeys(row.__name__.split("_")[1].rstrip("ab") for row in ROWS)
    yield from (f"a move of row {number}" for number in numbers if number not in rows)
    ends = {state for group, state, _, _ in met if group == "ends"}
    yield from (f"an end {state}" for state in sorted(map(str, ENDED)) if state not in ends)
    yield from (f"{choice} answered after the stop {stop}" for stop, choice in undecided(met))


def undecided(met: Met) -> Iterator[tuple[str, str]]:
    """Yield each reason of a stop with each choice that no holder took or refused behind it."""
    answered = {
        (stop.split(",")[0], choice)
        for group, stop, choice, answer in met
        if group == "decisions" and answer not in (UNHEARD, "already_decided", "no_such_escalation")
    }
    for reason in KINDS:
        if reason not in NEVER_HERE:
            yield from ((reason, choice) for choice in CHOICES if (reason, choice) not in answered)


_OTHERS: Final = (
    "clock ahead", "clock back", "clock frozen", "stop", "changed by others", "own repair",
    "policy withdrawn",
    *(f"policy {change}" for change in CHANGES), "principals base", "principals without_eve",
)  # fmt: skip


def _counts(met: Met, title: str, group: str) -> Iterator[str]:
    found: dict[str, Counter[str]] = {}
    for (name, first, second, _), count in met.items():
        if name == group:
            found.setdefault(first, Counter())[second] += count
    yield f"{title}:"
    for first in sorted(found, key=lambda word: word.zfill(2) if word.isdigit() else word):
        told = ", ".join(f"{second or '-'} {count}" for second, count in found[first].most_common())
        yield f"  {first:<20} {told}"


def _faults(met: Met) -> Iterator[str]:
    rows: dict[str, Counter[str]] = {}
    for (fault, phase, _, _), count in met.items():
        if fault not in GROUPS:
            rows.setdefault(fault, Counter())[phase] += count
    yield "faults:"
    for fault, phases in sorted(rows.items()):
        told = ", ".join(f"{phase or 'any time'} {count}" for phase, count in phases.most_common())
        yield f"  {fault:<28} {told}"


def _decisions(met: Met) -> Iterator[str]:
    rows: dict[str, dict[str, Counter[str]]] = {}
    stops = Counter[str]()
    for (group, stop, choice, answer), count in met.items():
        if group == "stops":
            stops[stop] += count
        elif group == "decisions":
            rows.setdefault(stop, {}).setdefault(choice, Counter())[answer] += count
    yield "decisions after each stop (applied/refused, of which unheard are neither):"
    yield f"  {'stop':<36} {'times':>7} " + " ".join(f"{choice:>13}" for choice in CHOICES)
    for stop in sorted({*stops, *rows}):
        cells = [rows.get(stop, {}).get(choice, Counter()) for choice in CHOICES]
        told = " ".join(f"{f'{cell[APPLIED]}/{_refused(cell)}':>13}" for cell in cells)
        yield f"  {stop:<36} {stops[stop]:>7} {told}"


def _refused(cell: Counter[str]) -> int:
    return cell.total() - cell[APPLIED] - cell[UNHEARD]
