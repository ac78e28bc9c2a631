"""How a span of time is written (``500ms``, ``30s``, ``5m``, ``1h``, ``7d``) and held: whole milliseconds."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

UNIT_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS: Final = 366 * UNIT_MS["d"]
PATTERN: Final = r"^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$"
_WRITTEN: Final = re.compile(r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d)", re.ASCII)


def parse(text: str) -> int:
    """Milliseconds of a written duration; ValueError for anything else or for more than 366 days."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError("a duration is a whole number and a unit: 500ms, 30s, 5m, 1h, 7d")
    ms = int(found[1]) * UNIT_MS[found[2]]
    if ms > LONGEST_MS:
        raise ValueError("a duration is at most 366 days")
    return ms


def text(ms: int) -> str:
    """Write ``ms`` milliseconds the shortest way; ValueError where it is negative."""
    if ms < 0:
        raise ValueError("a duration is not negative")
    if ms == 0:
        return "0s"
    unit = next(u for u in ("d", "h", "m", "s", "ms") if ms % UNIT_MS[u] == 0)
    return f"{ms // UNIT_MS[unit]}{unit}"


def _read(value: Any, info: ValidationInfo) -> Any:
    # Files are validated as JSON and write durations as text; a bare number there leaves the unit open.
    if isinstance(value, str):
        try:
            return parse(value)
        except ValueError as error:
            raise PydanticCustomError("bad_duration", "{why}", {"why": str(error)}) from error
    if info.mode == "python" and type(value) is int:
        return value
    raise PydanticCustomError("bad_duration", "a duration is text with a unit: 500ms, 30s, 5m, 1h, 7d")


Duration = Annotated[int, BeforeValidator(_read), WithJsonSchema({"type": "string", "pattern": PATTERN})]
"""A field written ``30s`` and held as integer milliseconds (Python code may give the integer itself)."""


def _read_positive(value: Any, info: ValidationInfo) -> Any:
    ms = _read(value, info)
    if ms <= 0:
        raise PydanticCustomError("bad_duration", "this duration must be longer than nothing")
    return ms


Span = Annotated[
    int,
    BeforeValidator(_read_positive),
    WithJsonSchema({"type": "string", "pattern": PATTERN.replace("0|", "")}),
]
"""A ``Duration`` that is longer than nothing."""
