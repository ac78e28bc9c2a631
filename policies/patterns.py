"""Whether a pattern of a schema can be used: it compiles, and no text makes it crawl."""

import re

# The standard library's own parser: the only one that reads a pattern as ``re`` will.
from re import _constants as constants
from re import _parser as parser
from typing import Any, Final

MAX_LENGTH: Final = 500
_MANY: Final = 16  # a repeat of fewer cannot multiply into trouble
_REPEATS: Final = frozenset({constants.MAX_REPEAT, constants.MIN_REPEAT})


def pattern_flaw(pattern: str) -> str | None:
    """Say why a pattern is not taken; None where it is.

    Not taken: what does not compile, back references, look-around, and repeats inside repeats (``(a+)+``),
    whose time grows exponentially with the text.
    """
    if len(pattern) > MAX_LENGTH:
        return f"a pattern has at most {MAX_LENGTH} characters"
    try:
        tree = parser.parse(pattern, re.ASCII)
        re.compile(pattern, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a pattern: {error}"
    return _walk(tree, repeated=False)


def _walk(tree: Any, *, repeated: bool) -> str | None:
    for operation, arguments in tree:
        if operation in (
            constants.ASSERT,
            constants.ASSERT_NOT,
            constants.GROUPREF,
            constants.GROUPREF_EXISTS,
        ):
            return "look-around and back references are not taken"
        inside = repeated
        if operation in _REPEATS:
            _, most, _ = arguments
            if most >= _MANY:
                if repeated:
                    return "a repeat inside a repeat can take for ever"
                inside = True
        for part in arguments if isinstance(arguments, tuple | list) else (arguments,):
            for branch in part if isinstance(part, list) else (part,):
                if isinstance(branch, parser.SubPattern):
                    found = _walk(branch, repeated=inside)
                    if found is not None:
                        return found
    return None
