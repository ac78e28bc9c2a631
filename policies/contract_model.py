"""Whether a model means something: its assignments, typed against what the read shows and the write takes.

A model says what one applied write does to what reads of the same connector show: by read, by field, an
expression over that read's result ``before`` and the write's arguments by name. Where read and write share
an argument's name they speak of the same thing, and the write changes what the read shows if the values
are equal. What a model does not name stays as it was. Whether the target keeps to it is what its tests show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.cel_types import ANY, Shape, field_shape, infer, kind
from policies.contract import DedupeKind, Effect, ToolContract
from policies.errors import ExpressionError
from policies.expressions import compile_expression

BEFORE: Final = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFlaw:
    """What is wrong with a model: at which read and field, and for an expression in which column of it.

    ``field`` None: the read itself; ``read`` None: the tool that carries the model.
    """

    code: str
    message: str
    read: str | None = None
    field: str | None = None
    column: int | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands below the tool: ``model``, the read, the field."""
        return ("model", *(part for part in (self.read, self.field) if part is not None))


def model_flaws(contract: ToolContract, known: Mapping[str, ToolContract]) -> Iterator[ModelFlaw]:
    """List what is wrong with the model of ``contract``; ``known``: every contract by name."""
    if contract.model is None:
        return
    if contract.effect is not Effect.WRITE:
        yield ModelFlaw(code="model_of_a_read", message="only a write changes what a read shows")
        return
    if BEFORE in contract.arguments:
        message = f"an argument called {BEFORE} cannot be told from what the read showed before"
        yield ModelFlaw(code="reserved_name", message=message)
        return
    for read, fields in contract.model.items():
        flaw = _read_flaw(contract, read, known)
        if flaw is None:
            yield from _assignments(contract, known[read], fields)
        else:
            yield flaw


def _read_flaw(contract: ToolContract, read: str, known: Mapping[str, ToolContract]) -> ModelFlaw | None:
    found = known.get(read)
    if found is None:
        message = f"no tool is called {read}"
        return ModelFlaw(code="unknown_tool", message=message, read=read)
    if found.connector != contract.connector:
        message = f"{read} is of {found.connector or 'another module'}; a model speaks of its own connector"
        return ModelFlaw(code="model_of_another_connector", message=message, read=read)
    if found.effect is not Effect.READ:
        return ModelFlaw(code="model_not_of_a_read", message=f"{read} does not read", read=read)
    condition = contract.dedupe.condition
    if contract.dedupe.kind is DedupeKind.CONDITIONAL_WRITE and condition is not None:
        shown = field_shape(found.result, condition)
        if shown is not None and condition not in (contract.model or {})[read]:
            message = f"the write is refused once {condition} has moved, and the model does not move it"
            return ModelFlaw(code="model_keeps_condition", message=message, read=read)
    return None


def _assignments(
    contract: ToolContract, read: ToolContract, fields: Mapping[str, str]
) -> Iterator[ModelFlaw]:
    names: dict[str, Shape] = {name: spec.type for name, spec in contract.arguments.items()}
    names[BEFORE] = dict(read.result)
    for field, text in fields.items():
        wanted = field_shape(dict(read.result), field)
        if wanted is None:
            shown = ", ".join(name.removesuffix("?") for name in read.result) or "nothing"
            message = f"{read.name} shows no {field}; it shows {shown}"
            yield ModelFlaw(code="unknown_name", message=message, read=read.name, field=field)
            continue
        yield from _expression(text, names, wanted, read.name, field)


def _expression(
    text: str, names: Mapping[str, Shape], wanted: Shape, read: str, field: str
) -> Iterator[ModelFlaw]:
    try:
        node = compile_expression(text).node
    except ExpressionError as error:
        yield ModelFlaw(
            code="bad_expression", message=str(error), read=read, field=field, column=error.column
        )
        return
    typed = infer(node, names)
    for finding in typed.findings:
        yield ModelFlaw(
            code=finding.code, message=finding.message, read=read, field=field, column=finding.column
        )
    if not typed.findings and not _fits(typed.shape, wanted):
        message = f"{kind(wanted)} is wanted and this is {kind(typed.shape)}"
        yield ModelFlaw(code="wrong_type", message=message, read=read, field=field, column=1)


def _fits(given: Shape, wanted: Shape) -> bool:
    if ANY in (given, wanted):
        return True
    if kind(given) != kind(wanted):
        return False
    if isinstance(wanted, list | tuple):
        return _fits(_item(given), _item(wanted))
    return True


def _item(shape: Any) -> Shape:
    return shape[0] if shape else ANY
