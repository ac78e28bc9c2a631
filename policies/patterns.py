"""Whether a pattern of a schema can be used: it compiles, and no text makes it crawl.

``re`` backtracks: ``(a+)+`` takes exponential time, ``.*.*.*.*`` time to the fourth power. So inside a repeat
that may run long nothing may vary in length or branch, and at most two long repeats may stand where a text
can be divided between them in more than one way. Some harmless patterns are refused by this; each can be
written in another way.
"""

import importlib
import re
from collections.abc import Callable
from typing import Any, Final

# The standard library's own reader of patterns: the only one that reads them as ``re`` will.
constants: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

MAX_LENGTH: Final = 500
_LONG: Final = 16  # a repeat of fewer cannot multiply into trouble
_MAX_UNDIVIDED: Final = 2
_REPEATS: Final = frozenset({constants.MAX_REPEAT, constants.MIN_REPEAT})
_NOT_TAKEN: Final = frozenset(
    {constants.ASSERT, constants.ASSERT_NOT, constants.GROUPREF, constants.GROUPREF_EXISTS}
)
_ASCII: Final = "".join(map(chr, range(128)))


def pattern_flaw(pattern: str) -> str | None:
    """Say why a pattern is not taken; None where it is."""
    if len(pattern) > MAX_LENGTH:
        return f"a pattern has at most {MAX_LENGTH} characters"
    try:
        tree = parser.parse(pattern, re.ASCII)
        re.compile(pattern, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a pattern: {error}"
    if _inside_flaw(tree, repeated=1):
        return "a repeat or a choice inside a long repeat can take for ever"
    if any(operation in _NOT_TAKEN for operation, _ in _all(tree)):
        return "look-around and back references are not taken"
    if _undivided(list(_flat(tree))) > _MAX_UNDIVIDED:
        return "more than two long repeats that could share a text can take for ever"
    return None


def _parts(arguments: Any) -> Any:
    for part in arguments if isinstance(arguments, tuple | list) else (arguments,):
        for branch in part if isinstance(part, list) else (part,):
            if isinstance(branch, parser.SubPattern):
                yield branch


def _all(tree: Any) -> Any:
    for operation, arguments in tree:
        yield operation, arguments
        for part in _parts(arguments):
            yield from _all(part)


def _inside_flaw(tree: Any, *, repeated: int) -> bool:
    """Tell whether something varies inside a long repeat, or runs long inside any."""
    for operation, arguments in tree:
        times = repeated
        if operation in _REPEATS:
            least, most, _ = arguments
            if least != most and (repeated >= _LONG or (repeated > 1 and most >= _LONG)):
                return True
            times = max(repeated, min(most, _LONG))
        elif operation is constants.BRANCH and repeated >= _LONG:
            return True
        if any(_inside_flaw(part, repeated=times) for part in _parts(arguments)):
            return True
    return False


def _flat(tree: Any, *, sure: bool = True) -> Any:
    """List long repeats, and the characters that surely stand between them, in the order of the text."""
    for operation, arguments in tree:
        if operation in _REPEATS and arguments[1] >= _LONG:
            yield operation, arguments
        elif operation in _REPEATS or operation is constants.BRANCH:
            for part in _parts(arguments):
                yield from _flat(part, sure=False)
        elif operation is constants.SUBPATTERN:
            for part in _parts(arguments):
                yield from _flat(part, sure=sure)
        elif sure and operation in (constants.LITERAL, constants.IN, constants.NOT_LITERAL):
            yield operation, arguments


def _undivided(elements: list[tuple[Any, Any]]) -> int:
    """Count the most long repeats in a row without a character between them that none of them takes."""
    most, row, taken = 0, 0, frozenset[str]()
    for operation, arguments in elements:
        own = _characters([(operation, arguments)])
        if operation in _REPEATS:
            row, taken = row + 1, taken | own
            most = max(most, row)
        elif not own & taken:
            row, taken = 0, frozenset()
    return most


def _characters(tree: Any) -> frozenset[str]:
    """Collect the ASCII characters that some part of a pattern may take."""
    singles = (constants.LITERAL, constants.NOT_LITERAL, constants.IN, constants.ANY)
    found = set()
    for operation, arguments in _all(tree):
        if operation in singles:
            found |= {c for c in _ASCII if takes(operation, arguments, c)}
    return frozenset(found)


def takes(operation: Any, arguments: Any, character: str) -> bool:
    """Whether a single place of a pattern takes that ASCII character."""
    if operation is constants.ANY:
        return character != "\n"
    if operation is constants.LITERAL:
        return bool(ord(character) == arguments)
    if operation is constants.NOT_LITERAL:
        return bool(ord(character) != arguments)
    negated, found = False, False
    for kind, value in arguments:
        if kind is constants.NEGATE:
            negated = True
        elif kind is constants.LITERAL:
            found = found or ord(character) == value
        elif kind is constants.RANGE:
            found = found or value[0] <= ord(character) <= value[1]
        else:
            found = found or _CATEGORIES[value](character)
    return found is not negated


_CATEGORIES: Final[dict[Any, Callable[[str], bool]]] = {
    constants.CATEGORY_DIGIT: str.isdigit,
    constants.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    constants.CATEGORY_SPACE: str.isspace,
    constants.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    constants.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    constants.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}
