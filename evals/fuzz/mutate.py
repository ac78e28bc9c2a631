"""How a valid document is spoilt: every way in which a hand, an editor or an enemy changes one.

All chance comes through ``Choices``, so that whoever drives (hypothesis, a coverage-guided fuzzer) can replay
and shrink what it found.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

MOST_CHANGES: Final = 4
_DEEP: Final = (2, 12, 40, 400)
_LONG: Final = (300, 5_000, 70_000)
_LOOK_ALIKE: Final = {
    "a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "/": "\u2044", ".": "\uff0e", "-": "\u2010"
}  # fmt: skip
_HIDDEN: Final = (
    "\x00", "\x07", "\x1b[2J", "\r", "\u200b", "\u202e", "\u2028", "\ufeff", "\x85", "\ud800", "\U000e0041"
)  # fmt: skip
_SCALARS: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**53 - 1, 2**53, -(2**63), 10**30, 1.5, float("inf"), "", " ", "0", "null",
    "true", "1e9", "-0", "0x10", "~", "<<", "*a", "&a", "!!python/object:os.system", "2026-11-23T21:08:40Z",
    "0001-01-01T00:00:00+23:59", "5m", "0s", "999999999d", "{", "}", "{inputs.", "{{inputs.service}}",
    "{inputs.service}{item}", "${HOME}", "${}", "../../etc/passwd", "http://[::1", "http://a:99999", "a" * 64,
    "(a+)+$", "((((", "[[[[", "a.b.c[", "size(", "x in", "1 +", "!!!!x", "'\\", "a ? b : c", "[1, 2][",
    "x.all(y, y.all(z, z))", "((" * 60 + "1" + "))" * 60, "!" * 300 + "x", "a" + ".b" * 300,
    "1" + " + 1" * 300, "^(a|a)*$", "^\\d{1,99999}$", "\\", "Fri 16:00", "role:", "id@0", "id@1",
    "id@99999999", "unix:///", "GET", "%2e%2e%2f", "a\tb", "\n", "- a\n- b",
    [], {}, [[]], [None], {"": ""}, {"a": {"b": {}}},
)  # fmt: skip


class Choices(Protocol):
    """Where chance comes from."""

    def below(self, most: int) -> int:
        """A whole number from 0 to ``most - 1``."""
        ...


def spoilt(document: Any, choices: Choices) -> Any:
    """``document`` with one to four things changed in it."""
    value = copy.deepcopy(document)
    for _ in range(1 + choices.below(MOST_CHANGES) * (choices.below(3) == 0)):
        value = _changed(value, choices)
    return value


def spoilt_text(content: bytes, choices: Choices) -> bytes:
    """The text of a file with something cut out, put in or written twice."""
    for _ in range(1 + choices.below(3)):
        content = _TEXTS[choices.below(len(_TEXTS))](content, choices)
    return content


def as_json(value: Any) -> bytes:
    """A document as the text of a file: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _changed(root: Any, choices: Choices) -> Any:
    places = list(_places(root, ()))
    path = places[choices.below(len(places))]
    return _CHANGES[choices.below(len(_CHANGES))](root, path, choices)


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _places(inner, (*path, number))


def _at(root: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        root = root[part]
    return root


def _with(root: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    _at(root, path[:-1])[path[-1]] = value
    return root


def _drop(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    del choices
    if path:
        del _at(root, path[:-1])[path[-1]]
    return root


def _double(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    if not path:
        return root
    holder, name = _at(root, path[:-1]), path[-1]
    if isinstance(holder, list):
        holder.insert(choices.below(len(holder) + 1), copy.deepcopy(holder[name]))
    else:
        holder[f"{name}{('2', '_', ' ', '')[choices.below(4)]}"] = copy.deepcopy(holder[name])
    return root


def _retype(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    return _with(root, path, copy.deepcopy(_SCALARS[choices.below(len(_SCALARS))]))


def _nest(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    value, as_list = copy.deepcopy(_at(root, path)), choices.below(2)
    for _ in range(_DEEP[choices.below(len(_DEEP))]):
        value = [value] if as_list else {"a": value}
    return _with(root, path, value)


def _giant(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    value, times = _at(root, path), _LONG[choices.below(len(_LONG))]
    if isinstance(value, list) and value:
        return _with(root, path, [copy.deepcopy(value[0]) for _ in range(min(times, 2_000))])
    if isinstance(value, dict) and value:
        first = next(iter(value.values()))
        return _with(root, path, {f"k{n}": copy.deepcopy(first) for n in range(min(times, 2_000))})
    if isinstance(value, str) and value:
        return _with(root, path, value * (times // len(value) + 1))
    return _with(root, path, "x" * times)


def _respell(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    """Look-alikes and characters that do not show, in a value or in the name of a field."""
    value = _at(root, path)
    if isinstance(value, str):
        return _with(root, path, _other(value, choices))
    if path and isinstance(path[-1], str):
        holder = _at(root, path[:-1])
        holder[_other(path[-1], choices)] = holder.pop(path[-1])
    return root


def _other(text: str, choices: Choices) -> str:
    alike = [n for n, character in enumerate(text) if character in _LOOK_ALIKE]
    if alike and choices.below(2):
        at = alike[choices.below(len(alike))]
        return text[:at] + _LOOK_ALIKE[text[at]] + text[at + 1 :]
    at = choices.below(len(text) + 1)
    return text[:at] + _HIDDEN[choices.below(len(_HIDDEN))] + text[at:]


def _move(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    places = list(_places(root, ()))
    other = copy.deepcopy(_at(root, places[choices.below(len(places))]))
    return _with(root, path, other)


def _trade(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    """Another value of the same type in its place: right by the schema, and wrong only by its meaning."""
    kind = type(_at(root, path))
    others = [place for place in _places(root, ()) if type(_at(root, place)) is kind]
    return _with(root, path, copy.deepcopy(_at(root, others[choices.below(len(others))])))


def _edit(root: Any, path: tuple[Any, ...], choices: Choices) -> Any:
    """Cut a text short, or put one text into another: what expressions and templates stumble over."""
    value = _at(root, path)
    if not isinstance(value, str):
        return _retype(root, path, choices)
    at, scalar = choices.below(len(value) + 1), _SCALARS[choices.below(len(_SCALARS))]
    return _with(
        root, path, value[:at] + (scalar if isinstance(scalar, str) else "") + value[at + choices.below(3) :]
    )


_CHANGES: Final[tuple[Callable[[Any, tuple[Any, ...], Choices], Any], ...]] = (
    _drop, _drop, _double, _retype, _retype, _nest, _giant, _respell, _move, _trade, _trade, _trade, _trade,
    _edit, _edit,
)  # fmt: skip


def _cut(content: bytes, choices: Choices) -> bytes:
    at = choices.below(len(content) + 1)
    return content[:at] + content[at + 1 + choices.below(20) :]


def _truncate(content: bytes, choices: Choices) -> bytes:
    return content[: choices.below(len(content) + 1)]


def _insert(content: bytes, choices: Choices) -> bytes:
    at, what = choices.below(len(content) + 1), _SCALARS[choices.below(len(_SCALARS))]
    put = what.encode("utf-8", "surrogatepass") if isinstance(what, str) else bytes([choices.below(256)])
    return content[:at] + put + content[at:]


def _repeat(content: bytes, choices: Choices) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = choices.below(len(lines))
    return b"".join([*lines[:at], lines[at] * (2 + choices.below(3)), *lines[at + 1 :]])


_TEXTS: Final[tuple[Callable[[bytes, Choices], bytes], ...]] = (_cut, _truncate, _insert, _insert, _repeat)
