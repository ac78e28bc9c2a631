"""How the text of an expression becomes a tree: cel-python's grammar, cut down to what remit allows.

The rest of CEL (floats, bytes, maps, conditionals, ``has``, ``matches``, ``map``) is refused when a file is
loaded. Columns count characters from 1. cel-python takes 0.1 s to load, so it is loaded at the first use.
"""

import functools
import re
import threading
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.errors import ExpressionError

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**53 - 1

FUNCTIONS: Final = {"size": 1, "timestamp": 1, "duration": 1}  # how many arguments
METHODS: Final = {"size": 0, "startsWith": 1, "endsWith": 1, "contains": 1}
MACROS: Final = ("filter", "all", "exists")
_LEFT_OUT: Final = {
    "has": "a field that is not there already makes the expression unknown",
    "matches": "use startsWith, endsWith, contains, or a pattern in the schema",
}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.|$)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_INTEGER: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A literal string, integer, boolean or null."""

    value: str | int | bool | None
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A name at the root of the values, or the variable of a macro."""

    name: str
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``of.name``."""

    of: "Node"
    name: str
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """``of[key]``."""

    of: "Node"
    key: "Node"
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list written out."""

    items: tuple["Node", ...]
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function of ``FUNCTIONS``, or a method of ``METHODS`` with its receiver as the first argument."""

    function: str
    arguments: tuple["Node", ...]
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """``of.filter(variable, body)``, ``all`` or ``exists``."""

    kind: str
    of: "Node"
    variable: str
    body: "Node"
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """``!operand`` or ``-operand``."""

    operator: Literal["!", "-"]
    operand: "Node"
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Two operands; ``||`` and ``&&`` too, which evaluate both."""

    operator: str
    left: "Node"
    right: "Node"
    column: int


Node = Constant | Variable | Member | Index | Items | Call | Macro | Unary | Binary

_THROUGH: Final = frozenset(
    {
        "expr",
        "conditionalor",
        "conditionaland",
        "relation",
        "addition",
        "multiplication",
        "unary",
        "member",
        "primary",
        "paren_expr",
    }
)  # rules that stand for their only child
_OPERATORS: Final = {
    "relation_lt": "<",
    "relation_le": "<=",
    "relation_gt": ">",
    "relation_ge": ">=",
    "relation_eq": "==",
    "relation_ne": "!=",
    "relation_in": "in",
    "addition_add": "+",
    "addition_sub": "-",
    "multiplication_mul": "*",
    "multiplication_div": "/",
    "multiplication_mod": "%",
}
_LOCK: Final = threading.Lock()  # cel-python keeps the text that it parses in the parser


@functools.cache
def _parser() -> Any:
    from celpy.celparser import CELParser  # noqa: PLC0415 - see above

    return CELParser()


def parse(text: str) -> Node:
    """Read the text of an expression; ExpressionError with the column of what is wrong."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    if "//" in re.sub(r"\"[^\"]*\"|'[^']*'", "", text):
        raise ExpressionError("comments belong outside of expressions", text.find("//") + 1)
    with _LOCK:
        from celpy.celparser import CELParseError  # noqa: PLC0415

        try:
            tree = _parser().parse(text)
        except CELParseError as error:
            raise ExpressionError("not an expression", _offset(text, error.line, error.column)) from error
        except Exception as error:  # the grammar's own library raises more than it says
            raise ExpressionError("not an expression") from error
    return _Reader().node(tree, 0)


def _offset(text: str, line: int | None, column: int | None) -> int:
    if line is None or column is None or line < 1:
        return max(1, len(text))  # the text ends too early
    before = text.split("\n")[: line - 1]
    return sum(len(part) + 1 for part in before) + column


def _column(tree: Any) -> int:
    start = getattr(tree, "start_pos", None)
    if start is None:
        start = getattr(getattr(tree, "meta", None), "start_pos", None)
    return 1 if start is None else int(start) + 1


class _Reader:
    """Turns the grammar's tree into ours, one method a rule; a rule without a method is refused."""

    def node(self, tree: Any, depth: int) -> Node:
        while tree.data in _THROUGH and len(tree.children) == 1:
            tree = tree.children[0]
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", _column(tree))
        method = getattr(self, f"_{tree.data}", None)
        if method is None:
            raise ExpressionError("outside the expressions that a runbook may use", _column(tree))
        found: Node = method(tree, depth + 1)
        return found

    def _ident(self, tree: Any, _depth: int) -> Node:
        return Variable(name=str(tree.children[0]), column=_column(tree.children[0]))

    def _literal(self, tree: Any, _depth: int) -> Node:
        token = tree.children[0]
        return Constant(value=_literal(token, _column(tree)), column=_column(tree))

    def _list_lit(self, tree: Any, depth: int) -> Node:
        listed = tree.children[0].children if tree.children else []
        return Items(items=tuple(self.node(c, depth) for c in listed), column=_column(tree))

    def _member_dot(self, tree: Any, depth: int) -> Node:
        of, name = tree.children
        return Member(of=self.node(of, depth), name=str(name), column=_column(name))

    def _member_index(self, tree: Any, depth: int) -> Node:
        of, key = tree.children
        return Index(of=self.node(of, depth), key=self.node(key, depth), column=_column(key))

    def _ident_arg(self, tree: Any, depth: int) -> Node:
        name, *rest = tree.children
        given = rest[0].children if rest else []
        return self._call(name, FUNCTIONS, [self.node(c, depth) for c in given])

    def _member_dot_arg(self, tree: Any, depth: int) -> Node:
        of, name, *rest = tree.children
        given = rest[0].children if rest else []
        if str(name) in MACROS:
            return self._macro(of, name, given, depth)
        receiver = self.node(of, depth)
        called = self._call(name, METHODS, [self.node(c, depth) for c in given])
        return Call(function=called.function, arguments=(receiver, *called.arguments), column=called.column)

    def _call(self, name: Any, known: dict[str, int], arguments: list[Node]) -> Call:
        column = _column(name)
        if str(name) not in known:
            why = _LEFT_OUT.get(str(name), "known are " + ", ".join(sorted({*FUNCTIONS, *METHODS, *MACROS})))
            raise ExpressionError(f"{name} is not a function here: {why}", column)
        if len(arguments) != known[str(name)]:
            raise ExpressionError(
                f"{name} takes {known[str(name)]} and not {len(arguments)} arguments", column
            )
        return Call(function=str(name), arguments=tuple(arguments), column=column)

    def _macro(self, of: Any, name: Any, given: list[Any], depth: int) -> Node:
        column = _column(name)
        variable = self.node(given[0], depth) if len(given) == 2 else None  # noqa: PLR2004
        if not isinstance(variable, Variable):
            raise ExpressionError(f"{name} takes a variable and an expression: {name}(x, x > 0)", column)
        return Macro(
            kind=str(name),
            of=self.node(of, depth),
            variable=variable.name,
            body=self.node(given[1], depth),
            column=column,
        )

    def _unary(self, tree: Any, depth: int) -> Node:
        operator, operand = tree.children
        return Unary(
            operator="!" if operator.data == "unary_not" else "-",
            operand=self.node(operand, depth),
            column=_column(tree),
        )

    def _conditionalor(self, tree: Any, depth: int) -> Node:
        left, right = tree.children
        return self._pair("||", left, right, depth)

    def _conditionaland(self, tree: Any, depth: int) -> Node:
        left, right = tree.children
        return self._pair("&&", left, right, depth)

    def _operation(self, tree: Any, depth: int) -> Node:
        operator, right = tree.children
        return self._pair(_OPERATORS[operator.data], operator.children[0], right, depth)

    _relation = _addition = _multiplication = _operation

    def _pair(self, operator: str, left: Any, right: Any, depth: int) -> Node:
        return Binary(
            operator=operator,
            left=self.node(left, depth),
            right=self.node(right, depth),
            column=_column(left),
        )


def _literal(token: Any, column: int) -> str | int | bool | None:
    text = str(token)
    if token.type == "BOOL_LIT":
        return text == "true"
    if token.type == "NULL_LIT":
        return None
    if token.type == "INT_LIT" and _INTEGER.fullmatch(text) and abs(int(text)) <= MAX_INTEGER:
        return int(text)
    if token.type == "STRING_LIT" and text[0] in "\"'":
        return _ESCAPE.sub(lambda found: _unescape(found, column), text[1:-1])
    raise ExpressionError(f"{text:.40} is not a string, a whole number, true, false or null", column)


def _unescape(found: re.Match[str], column: int) -> str:
    escape = found[1]
    if escape.startswith("u") and len(escape) > 1:
        return chr(int(escape[1:], 16))
    if escape not in _ESCAPED:
        raise ExpressionError(f"\\{escape} is not an escape", column + found.start() + 1)
    return _ESCAPED[escape]
