"""How a body becomes bytes: sorted compact JSON over a closed set of values.

For strings, integers below 2**53, booleans, null, lists and objects with ASCII keys this is byte-equal
to RFC 8785 (JCS), because the two differ only in floats and in the order of non-ASCII keys.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from state.errors import CanonicalError

MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 32
MAX_TEXT_BYTES: Final = 1 << 20
MAX_DIGITS: Final = 17
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii() and _LONE_SURROGATE.search(value):
            raise CanonicalError("a string holds a lone surrogate")
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise CanonicalError("an integer does not fit into 53 bits")
    elif kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                raise CanonicalError(f"an object's key must be ASCII text: {key!r:.60}")
        _check_inside(value.values(), depth + 1)
    elif kind in (list, tuple):
        _check_inside(value, depth + 1)
    elif not (value is None or kind is bool):
        raise CanonicalError(
            f"a body holds strings, integers, booleans, null, lists and objects only, not {kind.__name__}"
        )


def _check_inside(values: Iterable[Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
    for value in values:
        if type(value) is not str or not value.isascii():  # most are, and nothing is wrong with them
            _check(value, depth)


def size_of(text: str) -> int:
    """How many bytes of UTF-8 a text has, a lone surrogate counted as three."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def dumps(value: Any) -> str:
    """Canonical JSON text of ``value``; CanonicalError for what cannot stand in an entry."""
    _check(value, 0)
    text = _ENCODER.encode(value)
    if size_of(text) > MAX_TEXT_BYTES:
        raise CanonicalError(f"a body is larger than {MAX_TEXT_BYTES} bytes")
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CanonicalError("an object names a key twice")
    return found


def _no_float(text: str) -> Any:
    raise CanonicalError(f"not a whole number: {text:.40}")


def _integer(text: str) -> int:
    value = int(text) if len(text) <= MAX_DIGITS else MAX_INTEGER + 1
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise CanonicalError("an integer does not fit into 53 bits")
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_float=_no_float, parse_int=_integer, parse_constant=_no_float
)


def loads(text: str | bytes) -> Any:
    """Parse JSON as strictly as it is written: no duplicate key, float, NaN, big integer or depth.

    CanonicalError for anything else; never RecursionError or ValueError.
    """
    size = len(text) if isinstance(text, bytes) else size_of(text)
    if size > MAX_TEXT_BYTES:
        raise CanonicalError(f"larger than {MAX_TEXT_BYTES} bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error}") from error
    # Of what is plain ASCII, written without escapes and hardly nested, the decoder has asked everything.
    if not text.isascii() or "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
        _check(value, 0)
    return value


def digest(value: Any) -> str:
    """``sha256:`` and the hex digest of the canonical text of ``value``."""
    return "sha256:" + hashlib.sha256(dumps(value).encode()).hexdigest()


def digest_text(text: str) -> str:
    """``sha256:`` and the hex digest of ``text`` as UTF-8."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
