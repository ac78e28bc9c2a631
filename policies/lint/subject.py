"""What the rules look at: a runbook, its tools' contracts, its places in the file, its names with shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from policies.cel_types import ANY, Shape, infer
from policies.contract import Effect, ToolContract
from policies.errors import Problem
from policies.expressions import compile_expression
from policies.runbook import Runbook
from policies.sites import OF_OPERATION, Place, Site, sites
from policies.step import Arguments, Probe, Retry, Rollback, Step, Verify
from policies.yaml_tree import Document, Path

ENDS: Final = (
    "completed",
    "partially_completed",
    "rolled_back",
    "escalated",
    "closed_by_human",
    "cancelled",
    "rejected",
)
HISTORY: Final[Shape] = {
    "runs": "integer",
    "ends": {f"{end}?": "integer" for end in ENDS},
    "escalations": "integer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One kind of write: a step's own, or the one that undoes it (``undo``), with what it inherits."""

    path: Path
    step: Step
    index: int
    undo: bool
    tool: str
    arguments: Arguments
    timeout_ms: int | None
    probe: Probe | None
    retry: Retry
    verify: Verify | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read of a runbook: its place in the file, its tool and its arguments."""

    path: Path
    tool: str
    arguments: Arguments


class Subject:
    """One runbook under lint."""

    def __init__(self, runbook: Runbook, contracts: Mapping[str, ToolContract], document: Document) -> None:
        self.runbook = runbook
        self.contracts = contracts
        self.document = document
        self.sites = tuple(sites(runbook))

    def problem(
        self,
        path: Path,
        message: str,
        code: str,
        *,
        key: bool = False,
        column: int | None = None,
        warning: bool = False,
    ) -> Problem:
        """Say what is wrong, and where."""
        found = self.document.problem(path, message, code, key=key, column=column)
        return found if not warning else found.as_warning()

    @cached_property
    def writes(self) -> tuple[Write, ...]:
        """Every step and every undo, in the order of the file."""
        return tuple(self._writes())

    def _writes(self) -> Iterator[Write]:
        for index, step in enumerate(self.runbook.steps):
            yield Write(
                path=("steps", index),
                step=step,
                index=index,
                undo=False,
                tool=step.tool,
                arguments=step.arguments,
                timeout_ms=step.timeout_ms,
                probe=step.probe,
                retry=step.retry,
                verify=step.verify,
            )
            if isinstance(step.rollback, Rollback):
                undo = self.runbook.rollback(step.id) or step.rollback
                yield Write(
                    path=("steps", index, "rollback"),
                    step=step,
                    index=index,
                    undo=True,
                    tool=undo.tool,
                    arguments=undo.arguments,
                    timeout_ms=undo.timeout_ms,
                    probe=undo.probe,
                    retry=undo.retry,
                    verify=undo.verify,
                )

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every read that is written out as a call."""
        book = self.runbook
        found = [
            Read(path=("bindings", name), tool=b.tool, arguments=b.arguments)
            for name, b in book.bindings.items()
        ]
        found += [
            Read(path=("observe", name), tool=o.tool, arguments=o.arguments)
            for name, o in book.observe.items()
        ]
        found += [
            Read(path=("preconditions", i), tool=p.tool, arguments=p.arguments)
            for i, p in enumerate(book.preconditions)
            if p.tool is not None
        ]
        found += [
            Read(path=("diagnose", i), tool=d.tool, arguments=d.arguments)
            for i, d in enumerate(book.diagnose)
        ]
        return tuple(found)

    @property
    def calls(self) -> tuple[Read | Write, ...]:
        """Every call that is written out."""
        return (*self.reads, *self.writes)

    def result_of(self, tool: str | None) -> Shape:
        """The shape of a tool's result; anything for a tool that is not known (which is said elsewhere)."""
        contract = self.contracts.get(tool or "")
        return ANY if contract is None else dict(contract.result)

    def recorded_of(self, tool: str) -> Shape:
        """What a run keeps of a write's answer."""
        contract = self.contracts.get(tool)
        if contract is None:
            return ANY
        fields: dict[str, Any] = contract.result
        return {n: s for n, s in fields.items() if n.removesuffix("?") in contract.recorded}

    def is_write(self, tool: str) -> bool:
        """Whether a known tool writes."""
        contract = self.contracts.get(tool)
        return contract is not None and contract.effect is Effect.WRITE

    @cached_property
    def observations(self) -> dict[str, Shape]:
        """The shape of every observation by name."""
        return {name: self.result_of(o.tool) for name, o in self.runbook.observe.items()}

    @cached_property
    def bindings(self) -> dict[str, Shape]:
        """The shape of every binding by name."""
        return {name: self.result_of(b.tool) for name, b in self.runbook.bindings.items()}

    @cached_property
    def inputs(self) -> dict[str, Shape]:
        """The type of every input by name."""
        return {name: spec.type for name, spec in self.runbook.inputs.items()}

    @cached_property
    def derived(self) -> dict[str, Shape]:
        """The shape of every derived value, each seeing those before it."""
        found: dict[str, Shape] = {}
        for name, derived in self.runbook.derive.items():
            found[name] = infer(compile_expression(derived.expr).node, self._facts(found)).shape
        return found

    def _facts(self, derived: Mapping[str, Shape]) -> dict[str, Shape]:
        return {
            "inputs": self.inputs,
            **self.bindings,
            **self.observations,
            "initial": self.observations,
            "derive": dict(derived),
            "history": HISTORY,
        }

    def names_at(self, site: Site) -> dict[str, Shape]:
        """The names that a place may use, with their shapes."""
        inputs = {"inputs": self.inputs}
        match site.place:
            case Place.REFUSE:
                return inputs
            case Place.BINDING | Place.IDENTITY:
                known = list(self.bindings).index(str(site.owner)) + (site.place is Place.IDENTITY)
                return {**inputs, **dict(list(self.bindings.items())[:known])}
            case Place.OBSERVE:
                return {**inputs, **self.bindings}
            case Place.DERIVE:
                before = list(self.derived.items())[: list(self.derived).index(str(site.owner))]
                return self._facts(dict(before))
            case Place.PRECONDITION_CALL | Place.PRECONDITION:
                return {**self._facts(self.derived), **self._of_precondition(site)}
            case place if place in OF_OPERATION:
                return {**self._facts(self.derived), **self._of_operation(site)}
            case _:
                return self._facts(self.derived)

    def _of_precondition(self, site: Site) -> dict[str, Shape]:
        condition = self.runbook.preconditions[int(site.owner)]
        found = {}
        if condition.for_each is not None:
            found["item"] = self.item_of(condition.for_each.of)
        if condition.tool is not None and site.place is Place.PRECONDITION:
            found["result"] = self.result_of(condition.tool)
        return found

    def _of_operation(self, site: Site) -> dict[str, Shape]:
        step = self.runbook.steps[int(site.owner)]
        found: dict[str, Shape] = {"attempt": self.observations}
        if step.for_each is not None:
            found["item"] = self.item_of(step.for_each.of)
        if site.place not in (Place.WRITE, Place.CONFLICT):
            found["result"] = self.recorded_of(step.tool)
        return found

    def item_of(self, expression: str) -> Shape:
        """The shape of the items of a list."""
        shape = infer(compile_expression(expression).node, self._facts(self.derived)).shape
        return shape[0] if isinstance(shape, list | tuple) else ANY
