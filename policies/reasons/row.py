"""What a row of the table of reasons says, and which areas there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Area(StrEnum):
    """Where a code comes up."""

    ADMISSION = "admission"  # a request is not admitted
    GUARD = "guard"  # a call is not sent
    OUTCOME = "outcome"  # how an attempt went, in remit's own words
    WAIT = "wait"  # a run goes on later
    ESCALATION = "escalation"  # a run stops for a human
    DECISION = "decision"  # a human's decision is not taken, or not offered
    END = "end"  # a run has ended
    COMMAND = "command"  # a command is not carried out
    EXIT = "exit"  # how a command ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One code: what remit does, what you see (what it means), and what to do."""

    does: str
    see: str
    do: str


def rows(does: str, told: Mapping[str, tuple[str, str]]) -> dict[str, Reason]:
    """Rows that share what remit does: code to what you see and what to do."""
    return {code: Reason(does=does, see=see, do=do) for code, (see, do) in told.items()}


def table(*parts: Mapping[str, Reason]) -> Mapping[str, Reason]:
    """One table of several parts; ValueError where two have the same code."""
    made: dict[str, Reason] = {}
    for part in parts:
        if twice := made.keys() & part.keys():
            raise ValueError(f"two rows for {', '.join(sorted(twice))}")
        made.update(part)
    return MappingProxyType(made)
