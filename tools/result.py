"""How an answer's bytes become the result that a contract declares, or are refused as unreadable.

JSON is read strictly: a duplicate key, NaN, or an unpaired surrogate makes the whole answer unreadable.
Entries hold no floats, so a number without a fraction becomes an integer and any other keeps its text.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from state import canonical
from state.errors import CanonicalError
from tools.errors import UnreadableReplyError

_KINDS: Final[dict[str, type]] = {"string": str, "integer": int, "boolean": bool}
_MAX_INTEGER_DIGITS: Final = 16  # of 2**53


def parse_json(body: bytes) -> Any:
    """Parse ``body``; UnreadableReplyError for what is not strict JSON in UTF-8."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableReplyError(f"not strict JSON: {type(error).__name__}") from None


def conform(value: Any, shape: dict[str, Any]) -> dict[str, Any]:
    """Keep the declared fields of ``value``, checked; UnreadableReplyError for a missing or different one.

    An empty ``shape`` declares nothing, so any value conforms and nothing is kept.
    """
    if not shape:
        return {}
    kept: dict[str, Any] = _fit(value, shape, "result")
    try:
        canonical.dumps(kept)
    except CanonicalError as error:
        raise UnreadableReplyError(f"the result cannot stand in an entry: {error}") from None
    return kept


def _fit(value: Any, shape: Any, where: str) -> Any:
    if isinstance(shape, dict):
        return _fit_object(value, shape, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise UnreadableReplyError(f"{where} is not a list")
        return [_fit(item, shape[0], f"{where}[{place}]") for place, item in enumerate(value)]
    if shape == "any":
        return value
    if type(value) is not _KINDS[shape]:  # exactly: True is no integer
        raise UnreadableReplyError(f"{where} is not of type {shape}")
    return value


def _fit_object(value: Any, shape: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableReplyError(f"{where} is not an object")
    kept = {}
    for declared, inner in shape.items():
        name = declared.removesuffix("?")
        if name in value:
            kept[name] = _fit(value[name], inner, f"{where}.{name}")
        elif name == declared:
            raise UnreadableReplyError(f"{where}.{name} is missing")
    return kept


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("duplicate key")
    return made


def _no_constant(text: str) -> Any:
    raise ValueError(f"not a number of JSON: {text}")


def _number(text: str) -> int | str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    # adjusted() bounds the digits before int() would write them out: 1e999999999 is a number of JSON
    if (
        number.is_finite()
        and number.adjusted() < _MAX_INTEGER_DIGITS
        and number == number.to_integral_value()
    ):
        whole = int(number)
        if abs(whole) <= canonical.MAX_INTEGER:
            return whole
    return text
