"""Whether one copy of a ledger holds all that another, kept elsewhere, holds: what no copy shows by itself.

A chain proves that nothing before its end was changed, not that its end was not: a suffix written anew, an
old copy put back and two copies that each went on are each sound. Held against another copy they are not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from state.ledger.port import Finding, Record

Chains = Mapping[str, Mapping[int, str]]


class Verdict(StrEnum):
    """How a copy stands to the one that it is held against, the worst of its chains first."""

    CONTRADICTS = "contradicts"  # one of them was rewritten, or both went on from one copy
    LACKS = "lacks"  # an old copy was put back, or what was there was cut off
    CONTINUES = "continues"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one copy is to another. ``findings``: each chain of which that is not as it should be, and where.

    ``compared``: how many chains both hold; ``longer``: how many the first holds more of, or alone.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    compared: int
    longer: int


def chains_of(records: Iterable[Record]) -> Chains:
    """Which hash stands at which seq, for each chain among ``records``."""
    chains: dict[str, dict[int, str]] = {}
    for table, row in records:
        if table == "entries":
            chains.setdefault(str(row["run"]), {})[int(row["seq"])] = str(row["hash"])
    return chains


def compare(one: Chains, other: Chains, *, only: str | None = None) -> Comparison:
    """Hold ``one`` against ``other``, of which it should have everything; ``only``: of that run alone."""
    runs = sorted(set(other) if only is None else set(other) & {only})
    found = [finding for run in runs if (finding := _of_chain(run, one.get(run, {}), other[run]))]
    mine = set(one) if only is None else set(one) & {only}
    longer = sum(len(one[run]) > len(other.get(run, ())) for run in mine)
    verdict = Verdict.CONTINUES if longer else Verdict.SAME
    if found:
        apart = any(finding.column == "hash" for finding in found)
        verdict = Verdict.CONTRADICTS if apart else Verdict.LACKS
    return Comparison(verdict=verdict, findings=tuple(found), compared=len(mine & set(runs)), longer=longer)


def _of_chain(run: str, one: Mapping[int, str], other: Mapping[int, str]) -> Finding | None:
    both = sorted(one.keys() & other.keys())
    apart = next((seq for seq in both if one[seq] != other[seq]), None)
    if apart is not None:
        what = (
            f"is another entry from seq {apart} on than in the copy held against it ({_short(one[apart])}, "
            f"there {_short(other[apart])}): one was written anew from there, or each went on by itself"
        )
        return Finding(run=run, seq=apart, table="entries", column="hash", what=what)
    missing = min(other.keys() - one.keys(), default=None)
    if missing is None:
        return None
    what = (
        f"ends before seq {missing}, which the copy it is held against has, up to {max(other)}: "
        "it is an older copy, or its end was cut off"
    )
    if not one:
        what = f"is not there, and the copy it is held against has it, up to seq {max(other)}"
    return Finding(run=run, seq=missing, table="entries", column="seq", what=what)


def _short(hashed: Any) -> str:
    return str(hashed).removeprefix("sha256:")[:12]
