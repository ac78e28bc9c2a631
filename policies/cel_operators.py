"""What the operators and functions of expressions do, strictly typed: a pair that has no meaning is an error.

Integers are 53-bit, like everything in the ledger; a number with a fraction is an error wherever it is used.
Two values of different kinds are neither equal nor unequal, except that null may be compared with anything.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from policies.cel_syntax import MAX_INTEGER

MAX_TEXT: Final = 65_536
MAX_ITEMS: Final = 10_000
_AT_ONCE: Final = 16  # items of a list that cost no more than one step does
_TEXT_AT_ONCE: Final = 1024  # and characters
Spend = Callable[[int, int], None]
"""Takes steps that an operator needs beyond its own, at a column; UnknownError where none are left."""
_DURATION_PART: Final = re.compile(r"([0-9]{1,12})(ms|us|h|m|s)", re.ASCII)
_DURATION: Final = re.compile(r"(-?)((?:[0-9]{1,12}(?:ms|us|h|m|s))+)", re.ASCII)
_UNIT: Final = {"h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds"}
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


class UnknownError(Exception):
    """Something in an expression cannot be evaluated; the whole expression is unknown."""

    def __init__(self, why: str, column: int) -> None:
        """``column`` counts from 1 inside the expression."""
        super().__init__(f"{why} (column {column})")


def is_list(value: Any) -> bool:
    """Whether it is a list of a kind that expressions know."""
    return type(value) in (list, tuple)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    for kind, types in _KINDS.items():
        if type(value) in types:
            return kind
    return "fields" if isinstance(value, Mapping) else "other"


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "integer": (int,),
    "string": (str,),
    "list": (list, tuple),
    "timestamp": (datetime,),
    "duration": (timedelta,),
}


def _equal(left: Any, right: Any, column: int, spend: Spend) -> bool:
    kinds = (_kind(left), _kind(right))
    if "other" in kinds:
        raise UnknownError("a value of a kind that expressions do not know", column)
    if "null" in kinds:
        return kinds[0] == kinds[1]
    if kinds[0] != kinds[1]:
        raise UnknownError(f"{kinds[0]} and {kinds[1]} cannot be compared", column)
    if kinds[0] == "list":
        return len(left) == len(right) and _all_equal(zip(left, right, strict=True), len(left), column, spend)
    if kinds[0] == "fields":
        pairs = ((left[k], right[k]) for k in left)
        return left.keys() == right.keys() and _all_equal(pairs, len(left), column, spend)
    return bool(left == right)


def _all_equal(pairs: Iterable[tuple[Any, Any]], many: int, column: int, spend: Spend) -> bool:
    spend(many, column)
    # Every pair is compared, also after one that differs, so that no error is absorbed.
    return {_equal(left, right, column, spend) for left, right in pairs} <= {True}


def _contained(item: Any, container: Any, column: int, spend: Spend) -> bool:
    if isinstance(container, Mapping):
        if type(item) is not str:
            raise UnknownError("only text can be a field's name", column)
        return item in container
    if not is_list(container):
        raise UnknownError("in needs a list or fields on its right", column)
    _equal(item, None, column, spend)  # a kind that cannot be compared is an error in an empty list too
    if type(item) in _SCALARS and {*map(type, container)} <= {type(item), type(None)}:
        spend(len(container) // _AT_ONCE, column)
        return item in container
    spend(len(container), column)
    return True in {_equal(item, candidate, column, spend) for candidate in container}


_SCALARS: Final = frozenset({str, int, bool})
_ORDERED: Final = frozenset({"integer", "string", "timestamp", "duration"})
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _truncated_division(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) is (right < 0) else -quotient


_ARITHMETIC: Final[dict[tuple[str, str, str], Callable[[Any, Any], Any]]] = {
    ("integer", "+", "integer"): operator.add,
    ("integer", "-", "integer"): operator.sub,
    ("integer", "*", "integer"): operator.mul,
    ("integer", "/", "integer"): _truncated_division,
    ("integer", "%", "integer"): lambda a, b: a - b * _truncated_division(a, b),
    ("string", "+", "string"): operator.add,
    ("list", "+", "list"): lambda a, b: [*a, *b],
    ("timestamp", "+", "duration"): operator.add,
    ("duration", "+", "timestamp"): operator.add,
    ("duration", "+", "duration"): operator.add,
    ("timestamp", "-", "timestamp"): operator.sub,
    ("timestamp", "-", "duration"): operator.sub,
    ("duration", "-", "duration"): operator.sub,
}


def _copied(kind: str, left: Any, right: Any) -> int:
    """How many steps it takes to put two lists or texts together; 0 for anything else."""
    at_once = {"list": _AT_ONCE, "string": _TEXT_AT_ONCE}.get(kind)
    return 0 if at_once is None else (len(left) + len(right)) // at_once


def apply_binary(name: str, left: Any, right: Any, column: int, spend: Spend) -> Any:
    """Compute ``left name right``; UnknownError where it has none, or takes more steps than are left."""
    if name in ("&&", "||"):
        if type(left) is not bool or type(right) is not bool:
            raise UnknownError(f"{name} needs true or false on both sides", column)
        return (left and right) if name == "&&" else (left or right)
    if name in ("==", "!="):
        return _equal(left, right, column, spend) is (name == "==")
    if name == "in":
        return _contained(left, right, column, spend)
    kinds = (_kind(left), _kind(right))
    if name in _COMPARE:
        if kinds[0] != kinds[1] or kinds[0] not in _ORDERED:
            raise UnknownError(f"{kinds[0]} and {kinds[1]} have no order", column)
        return _COMPARE[name](left, right)
    found = _ARITHMETIC.get((kinds[0], name, kinds[1]))
    if found is None:
        raise UnknownError(f"{kinds[0]} {name} {kinds[1]} means nothing", column)
    spend(_copied(kinds[0], left, right), column)
    try:
        return _limited(found(left, right), column)
    except ZeroDivisionError:
        raise UnknownError("division by zero", column) from None
    except OverflowError:
        raise UnknownError("out of range", column) from None


def apply_unary(name: str, operand: Any, column: int) -> Any:
    """Compute ``!operand`` or ``-operand``; UnknownError where it has none."""
    if name == "!" and type(operand) is bool:
        return not operand
    if name == "-" and type(operand) is int:
        return _limited(-operand, column)
    raise UnknownError(f"{name} of {_kind(operand)} means nothing", column)


def _limited(value: Any, column: int) -> Any:
    if type(value) is int and abs(value) > MAX_INTEGER:
        raise UnknownError("a whole number does not fit into 53 bits", column)
    if type(value) is str and len(value) > MAX_TEXT:
        raise UnknownError(f"a text is longer than {MAX_TEXT} characters", column)
    if type(value) is list and len(value) > MAX_ITEMS:
        raise UnknownError(f"a list is longer than {MAX_ITEMS}", column)
    return value


def apply_function(name: str, arguments: list[Any], column: int, spend: Spend) -> Any:
    """Compute a function or method, the receiver first; UnknownError as of ``apply_binary``."""
    kinds = tuple(_kind(a) for a in arguments)
    if name == "size" and kinds[0] in ("string", "list", "fields"):
        return len(arguments[0])
    if kinds == ("string", "string"):
        text, part = arguments
        spend((len(text) + len(part)) // _TEXT_AT_ONCE, column)
        if name == "startsWith":
            return text.startswith(part)
        if name == "endsWith":
            return text.endswith(part)
        if name == "contains":
            return part in text
    if kinds == ("string",) and name in ("timestamp", "duration"):
        return _moment(arguments[0], column) if name == "timestamp" else _span(arguments[0], column)
    raise UnknownError(f"{name} of {' and '.join(kinds)} means nothing", column)


def _moment(text: str, column: int) -> datetime:
    if _TIMESTAMP.fullmatch(text) is None:
        raise UnknownError("a timestamp is written 2026-11-23T21:08:40Z", column)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UnknownError("there is no such time", column) from None


def _span(text: str, column: int) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UnknownError("a duration is written 1h30m", column)
    try:
        total = sum(
            (timedelta(**{_UNIT[unit]: int(number)}) for number, unit in _DURATION_PART.findall(found[2])),
            timedelta(),
        )
    except OverflowError:
        raise UnknownError("a duration is too long", column) from None
    return -total if found[1] else total


def plain(value: Any) -> Any:
    """Copy the value as plain JSON; UnknownError for what cannot stand in an entry."""
    kind = _kind(value)
    if kind in ("null", "boolean", "string"):
        return value
    if kind == "integer":
        return _limited(value, 1)
    if kind == "list":
        return [plain(item) for item in _limited(list(value), 1)]
    if kind == "fields":
        return {str(name): plain(item) for name, item in value.items()}
    raise UnknownError(f"{kind} is not a value that a run can keep", 1)
