"""What a write does to what reads show, by its contract's model, and what an expression says of that.

What no model of the runbook's writes speaks of could be anything once something was written; an expression
that reads it is taken on trust, and it is said so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from policies import templates
from policies.contract import ToolContract
from policies.contract_model import BEFORE
from policies.errors import ModelError, TemplateError
from policies.expressions import Truth, compile_expression
from policies.model_effects import shown_after, speaks_of
from policies.proof.starts import Shown, Start, value_of
from policies.runbook import Runbook
from policies.step import Rollback, Step
from state import canonical


class Said(StrEnum):
    """What an expression says here. ``TRUSTED``: it reads what no model tells."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    TRUSTED = "taken on trust"


_SAID: Final = {Truth.TRUE: Said.TRUE, Truth.FALSE: Said.FALSE, Truth.UNKNOWN: Said.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One point at which expressions are asked. ``attempt``: as read just before the send."""

    start: Start
    shown: Shown
    attempt: Shown | None = None
    local: Mapping[str, Any] | None = None

    def names(self) -> dict[str, Any]:
        """Every name with its value."""
        return self.start.names(self.shown, self.attempt, self.local)


class Book:
    """A runbook with the contracts of its tools."""

    def __init__(self, runbook: Runbook, contracts: Mapping[str, ToolContract]) -> None:
        """Hold both; KeyError where a tool of a step has no contract."""
        self.runbook, self.contracts = runbook, contracts

    @cached_property
    def writes(self) -> tuple[tuple[Step, bool, Step | Rollback, ToolContract], ...]:
        """Every step's write and every undo of one, with its contract."""
        found: list[tuple[Step, bool, Step | Rollback, ToolContract]] = []
        for step in self.runbook.steps:
            found.append((step, False, step, self.contracts[step.tool]))
            undo = self.runbook.rollback(step.id)
            if undo is not None:
                found.append((step, True, undo, self.contracts[undo.tool]))
        return tuple(found)

    @cached_property
    def modelled(self) -> frozenset[str]:
        """The reads of which some write of this runbook says what they show afterwards."""
        return frozenset(read for *_, contract in self.writes for read in contract.model or {})

    def write(self, step: str, *, undo: bool) -> tuple[Step | Rollback, ToolContract]:
        """Find a step's write, or its undo; KeyError."""
        for own, is_undo, write, contract in self.writes:
            if own.id == step and is_undo is undo:
                return write, contract
        raise KeyError(step)

    def arguments(self, write: Step | Rollback, look: Look) -> dict[str, Any] | None:
        """Fill the arguments of a write in; None where one cannot be told here."""
        try:
            filled: dict[str, Any] = templates.render_value(dict(write.arguments), look.names())
        except TemplateError:
            return None
        return filled

    def applied(
        self, contract: ToolContract, arguments: Mapping[str, Any], start: Start, shown: Shown
    ) -> Shown:
        """What the reads show once this write was applied to what they showed."""
        return tuple(
            self._after(contract, arguments, place.tool, place.arguments, before)
            for place, before in zip(start.places, shown, strict=True)
        )

    def _after(
        self,
        contract: ToolContract,
        arguments: Mapping[str, Any],
        tool: str,
        read_arguments: str,
        before: str | None,
    ) -> str | None:
        read = self.contracts[tool]
        if tool not in self.modelled or before is None:
            return None
        if contract.model is None:
            return None if read.connector == contract.connector else before
        if not speaks_of(contract, arguments, read, value_of(read_arguments)):
            return before
        try:
            return canonical.dumps(shown_after(contract, arguments, tool, value_of(before)))
        except ModelError:
            return None

    def said(self, text: str, look: Look) -> Said:
        """What an expression says here."""
        if self._untold(text, look):
            return Said.TRUSTED
        return _SAID[compile_expression(text).truth(look.names()).truth]

    def why(self, text: str, look: Look) -> str:
        """Why an expression is unknown here."""
        return compile_expression(text).truth(look.names()).reason

    def _untold(self, text: str, look: Look) -> bool:
        known = look.start.observed(look.shown)
        before = known if look.attempt is None else look.start.observed(look.attempt)
        for root, *rest in (name.parts for name in compile_expression(text).names()):
            if root in self.runbook.observe and root not in known:
                return True
            if root == "attempt" and rest and rest[0] in self.runbook.observe and rest[0] not in before:
                return True
        return False

    def fields_read(self, *texts: str) -> frozenset[tuple[str, str]]:
        """The fields, by the tool that shows them, that expressions read of their observations."""
        return frozenset(self._fields(texts))

    def _fields(self, texts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for text in texts:
            for parts in (name.parts for name in compile_expression(text).names()):
                root, *rest = parts[1:] if parts[0] in ("attempt", "initial") else parts
                if root in self.runbook.observe and rest:
                    yield self.runbook.observe[root].tool, rest[0]

    def sets(self, contract: ToolContract, *texts: str) -> bool:
        """Whether the write brings all that these expressions read of it to a value that is its own.

        A tool that adds does not: its fields depend on what was there before.
        """
        assigned = [
            text
            for tool, field in self.fields_read(*texts)
            if (text := (contract.model or {}).get(tool, {}).get(field)) is not None
        ]
        return bool(assigned) and not any(depends_on_before(text) for text in assigned)

    def alike(self, start: Start, one: Shown, other: Shown, fields: frozenset[tuple[str, str]]) -> bool:
        """Whether two states show the same in these fields; lists in any order."""
        for place, left, right in zip(start.places, one, other, strict=True):
            for tool, field in fields:
                if tool == place.tool and None not in (left, right):
                    a, b = value_of(str(left)).get(field), value_of(str(right)).get(field)
                    if _sorted(a) != _sorted(b):
                        return False
        return True


def depends_on_before(text: str) -> bool:
    """Whether an assignment of a model depends on what was shown before."""
    return any(name.parts[0] == BEFORE for name in compile_expression(text).names())


def _sorted(value: Any) -> Any:
    return sorted(map(canonical.dumps, value)) if isinstance(value, list) else value
