"""Which texts a pattern takes: a few, the same each time.

A repeat runs once (or its least), then two more times, a choice takes its first branches; what comes out is
matched against the pattern again, so nothing is given that it would refuse.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

from policies.patterns import constants, parser, takes
from policies.value_spec import full_match

_REPEATS: Final = frozenset({constants.MAX_REPEAT, constants.MIN_REPEAT})
_LIKED: Final = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:/@ "
_EACH: Final = 4  # ways that are followed at each place of a pattern
_MAX_TRIED: Final = 400


def texts(pattern: str, wanted: int = 2) -> tuple[str, ...]:
    """Up to ``wanted`` different texts that match ``pattern`` whole; none where none was found."""
    found: dict[str, None] = {}
    for text in itertools.islice(_sequence(list(parser.parse(pattern, re.ASCII))), _MAX_TRIED):
        if full_match(pattern, text):
            found.setdefault(text)
        if len(found) >= wanted:
            break
    return tuple(found)


def _sequence(parts: list[Any]) -> Iterator[str]:
    if not parts:
        yield ""
        return
    for head in itertools.islice(_one(*parts[0]), _EACH):
        for tail in _sequence(parts[1:]):
            yield head + tail


def _one(operation: Any, arguments: Any) -> Iterator[str]:
    if operation in _REPEATS:
        least, most, body = arguments
        for times in dict.fromkeys((max(least, min(1, most)), min(least + 2, most), least)):
            for one in itertools.islice(_sequence(list(body)), _EACH):
                yield one * times
    elif operation is constants.SUBPATTERN:
        yield from _sequence(list(arguments[-1]))
    elif operation is constants.BRANCH:
        for branch in arguments[1]:
            yield from _sequence(list(branch))
    elif operation is constants.AT:
        yield ""
    elif operation is constants.LITERAL:
        yield chr(arguments)
    else:
        yield from (character for character in _LIKED if takes(operation, arguments, character))
