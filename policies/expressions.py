"""What an expression of a runbook says of given values: true, false, unknown, or a value.

CEL absorbs errors (``bad || true`` is true, and so is ``!(a && b)`` where ``b`` is missing). Here nothing is
absorbed: both sides of ``||`` and ``&&`` and every item of a macro are evaluated, and any error anywhere
makes the whole expression *unknown*, which is never true. ``all`` of an empty list is true, as in CEL, once
all else in it is known; whoever must not accept an empty list says ``size(x) > 0`` too. Evaluation
is pure and shares nothing, so any number of threads may evaluate one expression.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from policies import cel_syntax
from policies.cel_operators import UnknownError, apply_binary, apply_function, apply_unary, is_list, plain
from policies.cel_syntax import Binary, Call, Constant, Index, Items, Macro, Member, Node, Unary, Variable

MAX_STEPS: Final = 100_000
MAX_CACHED: Final = 4096


class Truth(StrEnum):
    """What is known of a statement."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A truth and, where it is unknown, the reason (with its column). Not usable as a boolean."""

    truth: Truth
    reason: str = ""

    def __bool__(self) -> bool:
        raise TypeError("an answer has three values: compare its truth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A computed JSON value, or None with the reason why it is not ``known``."""

    known: bool
    value: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameUse:
    """A dotted path that an expression reads, with ``[]`` for an item of a list, and where it stands."""

    parts: tuple[str, ...]
    column: int

    @property
    def path(self) -> str:
        """``svc.dependencies[].name``."""
        return ".".join(self.parts).replace(".[]", "[]")


@dataclass(frozen=True, slots=True)
class Expression:
    """One parsed expression; equal where the text is."""

    text: str
    node: Node = field(compare=False, repr=False)

    def names(self) -> tuple[NameUse, ...]:
        """Every path that is read, the variables of macros resolved to items of their list, in order."""
        return _names_of(self)

    def truth(self, values: Mapping[str, Any]) -> Answer:
        """Whether it holds for these values; anything but a boolean, and any error, is unknown."""
        found = self._evaluate(values)
        if not found.known:
            return Answer(truth=Truth.UNKNOWN, reason=found.reason)
        if type(found.value) is not bool:
            return Answer(truth=Truth.UNKNOWN, reason="neither true nor false")
        return Answer(truth=Truth.TRUE if found.value else Truth.FALSE)

    def value(self, values: Mapping[str, Any]) -> Value:
        """Give what it computes for these values, as plain JSON; not known on any error."""
        found = self._evaluate(values)
        if not found.known:
            return found
        try:
            return Value(known=True, value=plain(found.value))
        except (UnknownError, RecursionError) as error:
            return Value(known=False, reason=str(error))

    def _evaluate(self, values: Mapping[str, Any]) -> Value:
        try:
            return Value(known=True, value=_Evaluation(values).of(self.node))
        except UnknownError as error:
            return Value(known=False, reason=str(error))
        except Exception as error:  # noqa: BLE001 - any error in any part is unknown
            return Value(known=False, reason=f"could not be evaluated: {type(error).__name__}")


@functools.lru_cache(maxsize=MAX_CACHED)
def _names_of(expression: Expression) -> tuple[NameUse, ...]:
    return tuple(_names(expression.node, {}))


@functools.lru_cache(maxsize=MAX_CACHED)
def compile_expression(text: str) -> Expression:
    """Parse that text, once; ExpressionError where it is not in the subset."""
    return Expression(text, cel_syntax.parse(text))


class _Evaluation:
    """One evaluation: its values and the steps it has left."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._bound: dict[str, Any] = {}
        self._steps = MAX_STEPS

    def _spend(self, steps: int, column: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise UnknownError(f"takes more than {MAX_STEPS} steps", column)

    def of(self, node: Node) -> Any:
        self._steps -= 1
        if self._steps < 0:
            raise UnknownError(f"takes more than {MAX_STEPS} steps", node.column)
        found: Any = _EVALUATE[type(node)](self, node)
        return found

    def _variable(self, node: Variable) -> Any:
        if node.name in self._bound:
            return self._bound[node.name]
        if node.name not in self._values:
            raise UnknownError(f"{node.name} is not known", node.column)
        return self._values[node.name]

    def _macro(self, node: Macro) -> Any:
        items = self.of(node.of)
        if not is_list(items):
            raise UnknownError(f"{node.kind} needs a list", node.column)
        if not items:  # no item will evaluate the body, so what does not depend on one is evaluated here
            self._require(node.body, frozenset({node.variable}))
        outer, verdicts = dict(self._bound), []
        for item in items:
            self._bound[node.variable] = item
            verdict = self.of(node.body)
            if type(verdict) is not bool:
                raise UnknownError(f"{node.kind} needs true or false for each item", node.column)
            verdicts.append(verdict)
        self._bound = outer
        if node.kind == "filter":
            return [item for item, kept in zip(items, verdicts, strict=True) if kept]
        return all(verdicts) if node.kind == "all" else any(verdicts)

    def _require(self, node: Node, bound: frozenset[str]) -> None:
        if not _variables(node) & bound:
            self.of(node)
            return
        inner = bound | {node.variable} if isinstance(node, Macro) else bound
        for child in _children(node):
            self._require(child, inner)

    def _member(self, node: Member) -> Any:
        return _field(self.of(node.of), node.name, node.column)

    def _index(self, node: Index) -> Any:
        return _item(self.of(node.of), self.of(node.key), node.column)

    def _items(self, node: Items) -> Any:
        return [self.of(item) for item in node.items]

    def _unary(self, node: Unary) -> Any:
        return apply_unary(node.operator, self.of(node.operand), node.column)

    def _binary(self, node: Binary) -> Any:
        return apply_binary(node.operator, self.of(node.left), self.of(node.right), node.column, self._spend)

    def _call(self, node: Call) -> Any:
        return apply_function(node.function, [self.of(a) for a in node.arguments], node.column, self._spend)


_EVALUATE: Final[dict[type, Callable[[_Evaluation, Any], Any]]] = {
    Constant: lambda _evaluation, node: node.value,
    Variable: _Evaluation._variable,  # noqa: SLF001
    Member: _Evaluation._member,  # noqa: SLF001
    Index: _Evaluation._index,  # noqa: SLF001
    Items: _Evaluation._items,  # noqa: SLF001
    Unary: _Evaluation._unary,  # noqa: SLF001
    Binary: _Evaluation._binary,  # noqa: SLF001
    Call: _Evaluation._call,  # noqa: SLF001
    Macro: _Evaluation._macro,  # noqa: SLF001
}


def _field(of: Any, name: str, column: int) -> Any:
    if not isinstance(of, Mapping):
        raise UnknownError(f"there is no {name} in something that has no fields", column)
    if name not in of:
        raise UnknownError(f"there is no {name}", column)
    return of[name]


def _item(of: Any, key: Any, column: int) -> Any:
    if isinstance(of, Mapping) and type(key) is str:
        return _field(of, key, column)
    if is_list(of) and type(key) is int:
        if not 0 <= key < len(of):
            raise UnknownError(f"there is no item {key}", column)
        return of[key]
    raise UnknownError("an index is text into fields or a whole number into a list", column)


_Path = tuple[str, ...]


def _path(node: Node, bound: Mapping[str, _Path | None]) -> _Path | None:
    """Tell the path that a node reads, None where it computes something."""
    match node:
        case Variable():
            return bound.get(node.name, (node.name,))
        case Member(of=of, name=name):
            base = _path(of, bound)
            return None if base is None else (*base, name)
        case Index(of=of, key=key):
            base = _path(of, bound)
            last = key.value if isinstance(key, Constant) and type(key.value) is str else "[]"
            return None if base is None else (*base, last)
        case _:
            return None


def _list_path(node: Node, bound: Mapping[str, _Path | None]) -> _Path | None:
    """Where the items of a list come from: a filter gives items of what it filters."""
    while isinstance(node, Macro) and node.kind == "filter":
        node = node.of
    return _path(node, bound)


def _names(node: Node, bound: Mapping[str, _Path | None]) -> Iterator[NameUse]:
    path = _path(node, bound)
    if path is not None:
        yield NameUse(parts=path, column=_start(node))
        while isinstance(node, Member | Index):
            if isinstance(node, Index):
                yield from _names(node.key, bound)
            node = node.of
        return
    if isinstance(node, Macro):
        yield from _names(node.of, bound)
        listed = _list_path(node.of, bound)
        yield from _names(node.body, {**bound, node.variable: None if listed is None else (*listed, "[]")})
        return
    for child in _children(node):
        yield from _names(child, bound)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Member(of=of):
            return (of,)
        case Index(of=of, key=key):
            return (of, key)
        case Items(items=parts) | Call(arguments=parts):
            return parts
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Macro(of=of, body=body):
            return (of, body)
        case _:
            return ()


def _variables(node: Node) -> frozenset[str]:
    if isinstance(node, Variable):
        return frozenset({node.name})
    return frozenset().union(*(_variables(child) for child in _children(node)))


def _start(node: Node) -> int:
    while isinstance(node, Member | Index):
        node = node.of
    return node.column
