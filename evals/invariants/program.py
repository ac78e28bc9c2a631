"""What ``remit ledger verify --invariants`` asks: a ledger's rows, judged, as plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evals.invariants.evidence import NOTHING, Evidence
from evals.invariants.journal import read_effects
from evals.invariants.table import INVARIANTS, check
from state.ledger.port import Record


def judge(
    records: Iterable[Record], *, whole: bool, effects: Path | None, secrets: Sequence[str]
) -> dict[str, Any]:
    """Judge all invariants; OSError and ValueError where the log of effects cannot be read."""
    world = read_effects(effects) if effects is not None else NOTHING
    report = check(Evidence.of(records, replace(world, canaries=tuple(secrets)), whole=whole))
    return {
        "judged": [{"invariant": i.number, "name": i.name, "says": i.sentence} for i in INVARIANTS],
        "violations": [asdict(violation) for violation in report.violations],
        "not_judged": [asdict(lacking) for lacking in report.not_judged],
    }
