"""Which values an expression tells apart: by field of a read or an input, what it is compared with.

A field is named by where it comes from: ``(tool, field, ...)`` or ``("inputs", name)``, ``[]`` for the items
of a list. Whatever stands in one expression counts as compared; more values than needed do no harm.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies import templates
from policies.cel_syntax import Constant, Node
from policies.contract import ToolContract
from policies.contract_model import BEFORE
from policies.expressions import compile_expression
from policies.runbook import Runbook
from policies.sites import Place, Site, sites

Field = tuple[str, ...]
INPUTS: Final = "inputs"
_EARLIER: Final = frozenset({"initial", "attempt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a field is compared with: values written out, and the fields of inputs and bindings beside it."""

    values: tuple[str | int | bool, ...] = ()
    fields: tuple[Field, ...] = ()


def told(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> dict[Field, Told]:
    """Collect what every field that an expression or a template uses is compared with."""
    found: dict[Field, tuple[dict[Any, None], dict[Field, None]]] = {}
    for fields, constants in _uses(runbook, contracts):
        known = [f for f in fields if f[0] == INPUTS or _is_binding(runbook, f)]
        for field in fields:
            values, others = found.setdefault(field, ({}, {}))
            values.update(dict.fromkeys(constants))
            others.update(dict.fromkeys(f for f in known if f != field))
    return {
        field: Told(values=tuple(value for _, value in values), fields=tuple(others))
        for field, (values, others) in found.items()
    }


def _is_binding(runbook: Runbook, field: Field) -> bool:
    return any(field[0] == binding.tool for binding in runbook.bindings.values())


_Constants = list[tuple[str, str | int | bool]]  # with their type: True is not 1


def _uses(
    runbook: Runbook, contracts: Mapping[str, ToolContract]
) -> Iterator[tuple[list[Field], _Constants]]:
    for site in sites(runbook):
        if site.template:
            names = [name.parts for name in templates.parse(site.text).names()]
            yield [f for f in (field_of(runbook, site, n) for n in names) if f is not None], []
        else:
            yield _of_expression(runbook, site, site.text)
    for contract in contracts.values():
        for read, assigned in (contract.model or {}).items():
            for name, text in assigned.items():
                used = [n.parts for n in compile_expression(text).names() if n.parts[0] == BEFORE]
                fields = [(read, *parts[1:]) for parts in used]
                yield [(read, name), *fields], list(_constants(compile_expression(text).node))


def _of_expression(runbook: Runbook, site: Site, text: str) -> tuple[list[Field], _Constants]:
    expression, fields = compile_expression(text), []
    constants = list(_constants(expression.node))
    for name in expression.names():
        if name.parts[0] == "derive" and len(name.parts) > 1:
            derived = runbook.derive.get(name.parts[1])
            if derived is not None and site.text != derived.expr:
                inner, more = _of_expression(runbook, site, derived.expr)
                fields += inner
                constants += more
            continue
        field = field_of(runbook, site, name.parts)
        if field is not None:
            fields.append(field)
    return fields, constants


def field_of(runbook: Runbook, site: Site, parts: tuple[str, ...]) -> Field | None:
    """Name the field that a path reads at that place; None where it is of no read and no input."""
    if parts[0] in _EARLIER:
        parts = parts[1:]
    if not parts:
        return None
    root, *rest = parts
    source = runbook.observe.get(root) or runbook.bindings.get(root)
    if source is not None:
        return (source.tool, *rest)
    if root == "result" and site.place is Place.PRECONDITION:
        tool = runbook.preconditions[int(site.owner)].tool
        return None if tool is None else (tool, *rest)
    return (INPUTS, *rest) if root == INPUTS and rest else None


def _constants(node: Node) -> Iterator[tuple[str, str | int | bool]]:
    if isinstance(node, Constant):
        if node.value is not None:
            yield type(node.value).__name__, node.value
        return
    for part in dataclasses.fields(node):
        value = getattr(node, part.name)
        for one in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(one):
                yield from _constants(one)  # type: ignore[arg-type]
