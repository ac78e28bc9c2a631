"""Which names of resources a contract can make: its template filled in with arguments that it takes.

The gateway compares names exactly, so whoever names a resource (a stop) must name one that a call can have.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from policies import templates
from policies.contract import BooleanSpec, IntegerSpec, ToolContract, ValueSpec
from policies.errors import TemplateError
from policies.value_spec import fault_of

MAX_NAME: Final = 2_000
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)


def can_make(contract: ToolContract, name: str) -> bool:
    """Whether some call that ``contract`` takes touches the resource of that very ``name``."""
    if contract.resource is None or len(name) > MAX_NAME:
        return False
    try:
        pieces = templates.parse(contract.resource).pieces
    except TemplateError:
        return False
    return any(_made(contract, found) == name for found in _fillings(pieces, name, contract.arguments, {}))


def _made(contract: ToolContract, arguments: Mapping[str, str | int | bool]) -> str | None:
    try:
        return templates.render_resource(contract.resource or "", arguments)
    except TemplateError:
        return None


def _fillings(
    pieces: tuple[str | templates.Placeholder, ...],
    rest: str,
    specs: Mapping[str, ValueSpec],
    known: dict[str, str | int | bool],
) -> Iterator[dict[str, str | int | bool]]:
    """Every way to read ``rest`` as ``pieces``; a value never holds a slash, which is encoded."""
    if not pieces:
        if not rest:
            yield known
        return
    piece, *others = pieces
    if isinstance(piece, str):
        if rest.startswith(piece):
            yield from _fillings(tuple(others), rest[len(piece) :], specs, known)
        return
    spec = specs.get(piece.path)
    longest = len(rest.partition("/")[0])
    for length in range(longest, 0, -1) if others else (longest,):
        if others and isinstance(others[0], str) and not rest.startswith(others[0], length):
            continue
        value = _value(spec, unquote(rest[:length]))
        if spec is not None and fault_of(spec, value) is None and known.get(piece.path, value) == value:
            yield from _fillings(tuple(others), rest[length:], specs, {**known, piece.path: value})


def _value(spec: ValueSpec | None, text: str) -> str | int | bool:
    if isinstance(spec, IntegerSpec) and len(text) < MAX_NAME and _WHOLE.fullmatch(text):
        return int(text) if len(text) <= 20 else text  # noqa: PLR2004 - longer than any that fits into 53 bits
    if isinstance(spec, BooleanSpec) and text in ("true", "false"):
        return text == "true"
    return text
