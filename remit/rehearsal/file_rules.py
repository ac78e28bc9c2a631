"""What a test file must be beyond its schema to be taken: words that go together, names that agree."""

from collections.abc import Iterator
from typing import Any, Final

from policies.errors import ExpressionError, Problem
from policies.expressions import compile_expression
from policies.yaml_tree import Document, Path
from remit.rehearsal.form import CaseForm, FaultForm, Given, TestFile, WorldForm
from remit.rehearsal.mishaps import HEALTHY
from remit.rehearsal.words import WORDS

STATUSES: Final = range(200, 600)
_MODIFIERS: Final = {"times": "times", "at": "at_ms", "for": "for_ms", "delay": "delay_ms", "value": "value"}


def test_file_rules(value: TestFile, document: Document) -> list[Problem]:
    """No case stands twice, and every fault and world is whole in itself."""
    found: list[Problem] = []
    names = [case.name for case in value.cases]
    for index, case in enumerate(value.cases):
        if names.index(case.name) != index:
            found.append(
                document.problem(("cases", index, "name"), f"{case.name} stands twice", "duplicate_case")
            )
        if case.fault is not None and case.faults:
            found.append(
                document.problem(("cases", index, "faults"), "either fault or faults", "fault_twice")
            )
        for place, fault in faults_of(index, case):
            found += _fault_rules(document, place, fault)
    for place, given in _givens(value):
        if isinstance(given.world, WorldForm):
            found += world_rules(given.world, document, (*place, "world"))
    return found


def _givens(value: TestFile) -> Iterator[tuple[Path, Given]]:
    yield ("given",), value.given
    for index, case in enumerate(value.cases):
        if case.given is not None:
            yield ("cases", index, "given"), case.given


def faults_of(index: int, case: CaseForm) -> Iterator[tuple[Path, FaultForm]]:
    """Every fault of a case, with its place."""
    if case.fault is not None:
        yield ("cases", index, "fault"), case.fault
    for number, fault in enumerate(case.faults):
        yield ("cases", index, "faults", number), fault


def _fault_rules(document: Document, place: Path, fault: FaultForm) -> Iterator[Problem]:
    word = WORDS[fault.kind]
    for name, attribute in _MODIFIERS.items():
        given = attribute in fault.model_fields_set
        if given and name not in word.takes:
            takes = ", ".join(sorted(word.takes)) or "none of them"
            message = f"{fault.kind} takes no {name}; it takes {takes}"
            yield document.problem((*place, name), message, "unknown_field", key=True)
        elif not given and name in word.needs:
            yield document.problem(place, f"{fault.kind} needs {name}", "missing_field")
    if fault.kind == "status" and "value" in fault.model_fields_set and fault.value not in STATUSES:
        yield document.problem((*place, "value"), "must be an HTTP status, 200 to 599", "out_of_range")
    if fault.after == HEALTHY and fault.tool != "http.get":
        message = "healthy is what http.get shows; for another tool name a step"
        yield document.problem((*place, "after"), message, "unknown_name")


def world_rules(world: WorldForm, document: Document, place: Path) -> Iterator[Problem]:
    """Every dependency is a service of the world, and every model can be parsed."""
    known = {(s.name, s.env) for s in world.services}
    for index, service in enumerate(world.services):
        for number, name in enumerate(service.dependencies):
            if (name, service.env) not in known:
                at = (*place, "services", index, "dependencies", number)
                message = f"no service {name} in {service.env}; known are {listed(n for n, _ in known)}"
                yield document.problem(at, message, "unknown_service")
    for write, reads in world.models.items():
        for read, fields in reads.items():
            for name, text in fields.items():
                try:
                    compile_expression(text)
                except ExpressionError as error:
                    at = (*place, "models", write, read, name)
                    yield document.problem(at, str(error), "bad_expression", column=error.column)


def listed(names: Any) -> str:
    """Names on one line, sorted."""
    return ", ".join(sorted(map(str, names))) or "none"
