"""What is wrong with a case beside its runbook, world and tools: every name in it must be one of theirs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.contract import Effect, ToolContract
from policies.contract_model import model_flaws
from policies.errors import Problem
from policies.yaml_tree import Document, Path
from remit.rehearsal.file_rules import STATUSES, faults_of, listed
from remit.rehearsal.form import FaultForm
from remit.rehearsal.mishaps import DEFINITE, HEALTHY
from remit.rehearsal.play import Scene
from remit.rehearsal.stage import Stage

_STATES: Final = frozenset({"RUNNING", "STOPPED", "EXITED", "FATAL"})


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One case of a document, beside everything that it names. ``world``: where its world is named."""

    scene: Scene
    stage: Stage = field(repr=False)
    document: Document = field(repr=False)
    index: int
    world: Path

    def problems(self) -> Iterator[Problem]:
        """Every name that is none."""
        for rule in (
            self._inputs,
            self._tools,
            self._faults,
            self._crash,
            self._expected,
            self._shown,
            self._models,
            self._mended,
        ):
            yield from rule()

    @property
    def _at(self) -> Path:
        return ("cases", self.index)

    @property
    def _steps(self) -> list[str]:
        return [step.id for step in self.scene.book.value.steps]

    @property
    def _used(self) -> dict[str, ToolContract]:
        """The tools that the runbook may call, as far as they are there."""
        known = self.stage.contracts
        return {name: known[name] for name in self.scene.book.value.authority.tools if name in known}

    def _problem(self, path: Path, message: str, code: str, *, key: bool = False) -> Problem:
        return self.document.problem(path, message, code, key=key)

    def _unknown(
        self, path: Path, what: str, name: str, known: Iterable[str], *, key: bool = False
    ) -> Problem:
        message = f"no {what} {name}; known are {listed(known)}"
        return self._problem(path, message, f"unknown_{what.partition(' ')[0]}", key=key)

    def _inputs(self) -> Iterator[Problem]:
        book, case = self.scene.book.value, self.scene.case
        for name in self.scene.inputs:
            if name not in book.inputs:
                own = case.given is not None and name in case.given.inputs
                path: Path = (*self._at, "given", name) if own else ("given", name)
                yield self._unknown(path, "input", name, [*book.inputs, "world"], key=True)

    def _tools(self) -> Iterator[Problem]:
        book = self.scene.book.value
        for tool in book.authority.tools:
            if tool not in self.stage.contracts:
                message = (
                    f"{book.ref} uses {tool}, and no connector or module here has it; name one in connectors"
                )
                yield self._problem(self.world, message, "unknown_tool")

    def _crash(self) -> Iterator[Problem]:
        crash = self.scene.case.crash
        if crash is not None and crash.step is not None and crash.step not in self._steps:
            yield self._unknown((*self._at, "crash", "step"), "step", crash.step, self._steps)

    def _expected(self) -> Iterator[Problem]:
        writes = [name for name, c in self._used.items() if c.effect is not Effect.READ]
        for what in ("effects", "requests"):
            for tool in getattr(self.scene.case.expect, what) or {}:
                if tool not in writes:
                    yield self._unknown(
                        (*self._at, "expect", what, tool), "tool that writes", tool, writes, key=True
                    )

    def _shown(self) -> Iterator[Problem]:
        for kind in ("shows", "models"):
            for tool in getattr(self.scene.world, kind):
                if tool not in self.stage.contracts:
                    yield self._unknown(
                        (*self.world, kind, tool), "tool", tool, self.stage.contracts, key=True
                    )

    def _models(self) -> Iterator[Problem]:
        for write, reads in self.scene.world.models.items():
            contract = self.stage.contracts.get(write)
            for flaw in model_flaws(contract, self.stage.contracts) if contract is not None else ():
                if flaw.read in reads or flaw.read is None:
                    path = (*self.world, "models", write, *flaw.path[1:])
                    yield self.document.problem(path, flaw.message, flaw.code, column=flaw.column)

    def _mended(self) -> Iterator[Problem]:
        for number, decision in enumerate(self.scene.case.decide):
            for choice, said in decision.items():
                for service in said.mended if said is not None and isinstance(said.mended, tuple) else ():
                    if service not in self.stage.services:
                        path = (*self._at, "decide", number, choice, "mended")
                        yield self._unknown(path, "service", service, self.stage.services)

    def _faults(self) -> Iterator[Problem]:
        for path, fault in faults_of(self.index, self.scene.case):
            contract = self._used.get(fault.tool)
            if contract is None:
                yield self._unknown((*path, "tool"), "tool", fault.tool, self._used)
                continue
            if fault.after not in (None, HEALTHY, *self._steps):
                yield self._unknown((*path, "after"), "step", str(fault.after), [*self._steps, HEALTHY])
            yield from self._kind(path, fault)
            if fault.kind == "changed_by_others":
                yield from self._change(path, fault, contract)

    def _kind(self, path: Path, fault: FaultForm) -> Iterator[Problem]:
        services = self.stage.services
        about_services = not self.stage.is_played(fault.tool)
        if about_services and fault.target is not None and fault.target not in services:
            yield self._unknown((*path, "target"), "service", fault.target, services)
        if fault.kind == "flap" and not (about_services and services):
            yield self._problem((*path, "kind"), "only a service flaps", "not_allowed")
        if (
            fault.kind in DEFINITE
            and fault.tool in self.stage.targets
            and not self.stage.definite(fault.tool, fault.kind)
        ):
            message = f"no answer of {fault.tool} says {fault.kind}: its connector lists none under answers"
            yield self._problem((*path, "kind"), message, "not_allowed")
        if fault.kind == "status" and not self.stage.speaks_http(fault.tool):
            yield self._problem(
                (*path, "kind"), f"{fault.tool} is answered by no HTTP status here", "not_allowed"
            )

    def _change(self, path: Path, fault: FaultForm, contract: ToolContract) -> Iterator[Problem]:
        value, at = fault.value, (*path, "value")
        if self.stage.is_played(fault.tool) or fault.tool == "catalog.service":
            shown = {name.removesuffix("?") for name in contract.result}
            if contract.effect is not Effect.READ or not isinstance(value, Mapping):
                message = "names a tool that reads, and in value the fields that are others then"
                yield self._problem(path, message, "missing_field")
            elif unknown := sorted(set(value) - shown):
                yield self._unknown(at, f"field of {fault.tool}", ", ".join(unknown), shown)
        elif fault.tool == "http.get" and value is not None and value not in STATUSES:
            yield self._problem(at, "must be an HTTP status, 200 to 599", "out_of_range")
        elif fault.tool != "http.get" and value is not None and not _one_of(value, _STATES):
            yield self._problem(at, f"must be one of {listed(_STATES)}", "not_allowed")


def _one_of(value: Any, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known
