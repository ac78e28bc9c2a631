"""Which type an expression has, and what in it can never be known, told before anything is read.

Types are the shapes of result schemas (``string``, ``integer``, ``boolean``, ``any``, a list of one shape,
fields with shapes) and ``null``, ``timestamp``, ``duration``. ``any`` is taken everywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.cel_syntax import (
    Binary,
    Call,
    Constant,
    Index,
    Items,
    Macro,
    Member,
    Node,
    Unary,
    Variable,
)

Shape = Any
ANY: Final = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in an expression that makes it unknown for ever: ``unknown_name`` or ``wrong_type``."""

    code: str
    message: str
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The shape of a result, and all findings."""

    shape: Shape
    findings: tuple[Finding, ...]


def infer(node: Node, names: Mapping[str, Shape]) -> Typed:
    """Tell the type of an expression over ``names`` with their shapes."""
    checker = _Checker(names)
    shape = checker.of(node)
    return Typed(shape=shape, findings=tuple(checker.findings))


def field_shape(shape: Shape, name: str) -> Shape | None:
    """Tell the shape of a field, None where there is no such field."""
    if shape == ANY:
        return ANY
    if not isinstance(shape, Mapping):
        return None
    return shape.get(name, shape.get(f"{name}?"))


def kind(shape: Shape) -> str:
    """Name a shape in one word: its scalar, ``list`` or ``fields``."""
    if isinstance(shape, str):
        return shape
    return "fields" if isinstance(shape, Mapping) else "list"


_ORDERED: Final = frozenset({"integer", "string", "timestamp", "duration"})
_ARITHMETIC: Final = {
    ("timestamp", "+", "duration"): "timestamp",
    ("duration", "+", "timestamp"): "timestamp",
    ("duration", "+", "duration"): "duration",
    ("timestamp", "-", "timestamp"): "duration",
    ("timestamp", "-", "duration"): "timestamp",
    ("duration", "-", "duration"): "duration",
    ("string", "+", "string"): "string",
    **{("integer", operator, "integer"): "integer" for operator in "+-*/%"},
}
_FUNCTIONS: Final = {
    "startsWith": (("string", "string"), "boolean"),
    "endsWith": (("string", "string"), "boolean"),
    "contains": (("string", "string"), "boolean"),
    "timestamp": (("string",), "timestamp"),
    "duration": (("string",), "duration"),
}
_SIZED: Final = frozenset({"string", "list", "fields", ANY})


class _Checker:
    def __init__(self, names: Mapping[str, Shape]) -> None:
        self.findings: list[Finding] = []
        self._names = dict(names)

    def of(self, node: Node) -> Shape:
        return _INFER[type(node)](self, node)

    def _wrong(self, message: str, column: int) -> None:
        self.findings.append(Finding(code="wrong_type", message=message, column=column))

    def _unknown(self, message: str, column: int) -> None:
        self.findings.append(Finding(code="unknown_name", message=message, column=column))

    def _expect(self, node: Node, wanted: str) -> None:
        given = kind(self.of(node))
        if given not in (wanted, ANY):
            self._wrong(f"{wanted} is wanted and this is {given}", node.column)

    def constant(self, node: Constant) -> Shape:
        return {str: "string", int: "integer", bool: "boolean"}.get(type(node.value), "null")

    def variable(self, node: Variable) -> Shape:
        if node.name in self._names:
            return self._names[node.name]
        known = ", ".join(sorted(self._names)) or "no names"
        self._unknown(f"{node.name} is not known here; known are {known}", node.column)
        return ANY

    def member(self, node: Member) -> Shape:
        return self._field(self.of(node.of), node.name, node.column)

    def _field(self, shape: Shape, name: str, column: int) -> Shape:
        found = field_shape(shape, name)
        if found is not None:
            return found
        has = ", ".join(n.removesuffix("?") for n in shape) if isinstance(shape, Mapping) else ""
        why = f"known are {has}" if has else f"{kind(shape)} has no fields"
        self._unknown(f"there is no {name}; {why}", column)
        return ANY

    def index(self, node: Index) -> Shape:
        of, key = self.of(node.of), self.of(node.key)
        if isinstance(of, Mapping):
            if isinstance(node.key, Constant) and isinstance(node.key.value, str):
                return self._field(of, node.key.value, node.column)
            return ANY
        fits = {"list": ("integer", ANY), ANY: ("integer", "string", ANY)}  # of any kind, it may have fields
        if kind(key) not in fits.get(kind(of), ()):
            self._wrong(f"{kind(of)} has no item by {kind(key)}", node.column)
        return of[0] if isinstance(of, list | tuple) else ANY

    def items(self, node: Items) -> Shape:
        shapes = [self.of(item) for item in node.items]
        return [shapes[0] if shapes and all(s == shapes[0] for s in shapes) else ANY]

    def unary(self, node: Unary) -> Shape:
        wanted = "boolean" if node.operator == "!" else "integer"
        self._expect(node.operand, wanted)
        return wanted

    def binary(self, node: Binary) -> Shape:
        if node.operator in ("&&", "||"):
            self._expect(node.left, "boolean")
            self._expect(node.right, "boolean")
            return "boolean"
        left, right = self.of(node.left), self.of(node.right)
        if node.operator == "in":
            return self._contained(left, right, node)
        kinds = (kind(left), kind(right))
        if node.operator in ("==", "!="):
            if kinds[0] != kinds[1] and not {ANY, "null"} & set(kinds):
                self._wrong(f"{kinds[0]} is never compared with {kinds[1]}", node.column)
            return "boolean"
        if node.operator in ("<", "<=", ">", ">="):
            if not self._alike(kinds) or not set(kinds) <= {*_ORDERED, ANY}:
                self._wrong(f"{kinds[0]} and {kinds[1]} have no order", node.column)
            return "boolean"
        return self._arithmetic(left, right, node)

    def _alike(self, kinds: tuple[str, str]) -> bool:
        return kinds[0] == kinds[1] or ANY in kinds

    def _contained(self, item: Shape, container: Shape, node: Binary) -> Shape:
        if kind(container) not in ("list", "fields", ANY):
            self._wrong(f"nothing is in {kind(container)}", node.column)
        inner = container[0] if isinstance(container, list | tuple) else "string"
        if container != ANY and kind(item) != "null" and not self._alike((kind(item), kind(inner))):
            self._wrong(f"{kind(item)} is never in a list of {kind(inner)}", node.column)
        return "boolean"

    def _arithmetic(self, left: Shape, right: Shape, node: Binary) -> Shape:
        kinds = (kind(left), kind(right))
        if kinds == ("list", "list") and node.operator == "+":
            return left if left == right else [ANY]
        if ANY in kinds:
            return ANY
        found = _ARITHMETIC.get((kinds[0], node.operator, kinds[1]))
        if found is None:
            self._wrong(f"{kinds[0]} {node.operator} {kinds[1]} means nothing", node.column)
        return found or ANY

    def call(self, node: Call) -> Shape:
        if node.function == "size":
            given = kind(self.of(node.arguments[0]))
            if given not in _SIZED:
                self._wrong(f"{given} has no size", node.column)
            return "integer"
        wanted, result = _FUNCTIONS[node.function]
        for argument, one in zip(node.arguments, wanted, strict=True):
            self._expect(argument, one)
        return result

    def macro(self, node: Macro) -> Shape:
        of = self.of(node.of)
        if kind(of) not in ("list", ANY):
            self._wrong(f"{node.kind} needs a list and this is {kind(of)}", node.column)
        outer = dict(self._names)
        self._names[node.variable] = of[0] if isinstance(of, list | tuple) else ANY
        self._expect(node.body, "boolean")
        self._names = outer
        return of if node.kind == "filter" else "boolean"


_INFER: Final[dict[type, Callable[[_Checker, Any], Shape]]] = {
    Constant: _Checker.constant,
    Variable: _Checker.variable,
    Member: _Checker.member,
    Index: _Checker.index,
    Items: _Checker.items,
    Unary: _Checker.unary,
    Binary: _Checker.binary,
    Call: _Checker.call,
    Macro: _Checker.macro,
}
