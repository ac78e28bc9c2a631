"""Rules on tools and arguments: that they are known, granted, used for what they do, given what they ask."""

from collections.abc import Iterator

from policies import templates
from policies.cel_types import ANY, Shape, field_shape, kind
from policies.contract import Effect, ToolContract, ValueSpec
from policies.errors import Problem
from policies.lint.subject import Read, Subject, Write
from policies.value_spec import fault_of


def tools_known(subject: Subject) -> Iterator[Problem]:
    """Every tool of the authority exists, and stands there once."""
    tools = subject.runbook.authority.tools
    for index, tool in enumerate(tools):
        path = ("authority", "tools", index)
        if tool not in subject.contracts:
            yield subject.problem(path, f"no tool is called {tool}", "unknown_tool")
        if tool in tools[:index]:
            yield subject.problem(path, f"{tool} stands twice", "duplicate_tool")


def tools_granted(subject: Subject) -> Iterator[Problem]:
    """Every tool that is used is in the authority."""
    granted = set(subject.runbook.authority.tools)
    for call in subject.calls:
        if call.tool not in granted:
            message = f"{call.tool} is not in authority.tools"
            yield subject.problem((*call.path, "tool"), message, "tool_not_in_authority")


def reads_only_read(subject: Subject) -> Iterator[Problem]:
    """What stands where something is read does not write, and a step writes."""
    for call in subject.reads:
        contract = subject.contracts.get(call.tool)
        if contract is not None and contract.effect is not Effect.READ:
            yield subject.problem((*call.path, "tool"), f"{call.tool} does not read", "read_would_write")
    for write in subject.writes:
        contract = subject.contracts.get(write.tool)
        if contract is not None and contract.effect is not Effect.WRITE:
            yield subject.problem(
                (*write.path, "tool"), f"{write.tool} does not write", "step_does_not_write"
            )


def arguments_fit(subject: Subject) -> Iterator[Problem]:
    """Every call gives exactly the arguments that its tool's contract asks for, each of its type."""
    shapes = {s.path: subject.names_at(s) for s in subject.sites if s.template}
    for call in subject.calls:
        contract = subject.contracts.get(call.tool)
        if contract is not None:
            yield from _arguments(subject, call, contract, shapes)


def _arguments(
    subject: Subject,
    call: Read | Write,
    contract: ToolContract,
    shapes: dict[tuple[str | int, ...], dict[str, Shape]],
) -> Iterator[Problem]:
    for name in contract.arguments:
        if name not in call.arguments:
            message = f"{call.tool} needs the argument {name}"
            yield subject.problem((*call.path, "with"), message, "missing_argument", key=True)
    for name, value in call.arguments.items():
        path = (*call.path, "with", name)
        spec = contract.arguments.get(name)
        if spec is None:
            known = ", ".join(contract.arguments) or "none"
            message = f"{call.tool} has no argument {name}; it has {known}"
            yield subject.problem(path, message, "unknown_argument", key=True)
            continue
        why = _misfit(spec, value, shapes.get(path, {}))
        if why is not None:
            yield subject.problem(path, f"{call.tool} takes {name} otherwise: it {why}", "argument_misfit")


def _misfit(spec: ValueSpec, value: str | int | bool, names: dict[str, Shape]) -> str | None:  # noqa: FBT001
    """Say why a value cannot be what the argument asks for; None where it may be."""
    if not isinstance(value, str) or not templates.parse(value).names():
        fault = fault_of(spec, value)
        return None if fault is None else fault.message
    whole = templates.parse(value).whole
    if whole is None:
        return None if spec.type == "string" else f"is text, and {spec.type} is wanted"
    given = shape_of_path(names, whole.parts)
    if given is None or given == ANY or kind(given) == spec.type:
        return None
    return f"is {kind(given)}, and {spec.type} is wanted"


def shape_of_path(names: dict[str, Shape], parts: tuple[str, ...]) -> Shape | None:
    """Tell the shape at a dotted path, None where there is nothing."""
    found: Shape | None = names
    for part in parts:
        if found is None:
            return None
        found = field_shape(found, part)
    return found
