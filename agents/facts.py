"""How what was read becomes what is recorded: facts small enough for an entry, and one line to read."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policies.scope import plain
from state import canonical
from state.errors import CanonicalError

MAX_TEXT: Final = 600
MAX_VALUE_TEXT: Final = 160
MAX_FACTS: Final = 24
_HIDDEN: Final = frozenset({"inputs", "derive"})  # already in the record by other ways
_MISSING: Final = object()

Path = tuple[str, ...]


def capped(text: str, limit: int = MAX_TEXT) -> str:
    """``text`` in at most ``limit`` characters, its end replaced by an ellipsis where it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: Any, limit: int = MAX_VALUE_TEXT) -> str:
    """A JSON value as one capped line: strings bare, the rest as compact JSON."""
    if isinstance(value, str):
        return capped(" ".join(value.split()), limit)
    try:
        return capped(canonical.dumps(plain(value)), limit)
    except CanonicalError:
        return "[not recordable]"


def fact(value: Any, source: str) -> dict[str, Any]:
    """``{value, source}``, or ``{excerpt, sha256, source}`` for a value of more than MAX_TEXT characters."""
    try:
        text = canonical.dumps(plain(value))
    except CanonicalError:
        return {"excerpt": "[not recordable]", "source": source}
    if len(text) <= MAX_TEXT:
        return {"value": plain(value), "source": source}
    return {"excerpt": capped(text), "sha256": canonical.digest_text(text), "source": source}


def picked(value: Any, paths: Iterable[Path]) -> Any:
    """The parts of ``value`` that ``paths`` lead to; all of it where a path is empty or enters a list."""
    kept: dict[str, list[Path]] = {}
    for path in paths:
        if not path or path[0] == "[]" or not (type(value) is dict or isinstance(value, Mapping)):
            return plain(value)
        kept.setdefault(path[0], []).append(path[1:])
    return {name: picked(value[name], inner) for name, inner in kept.items() if name in value}


def observed_line(values: Mapping[str, Any], paths: Iterable[Path]) -> str:
    """What each of ``paths`` held, as one capped line: ``health.answered true; health.status 503``."""
    said: dict[str, str] = {}
    for path in paths:
        if path[0] in _HIDDEN:
            continue
        steps = path[: path.index("[]")] if "[]" in path else path
        name = ".".join(steps)
        found = looked_up(values, steps, missing=_MISSING)
        said.setdefault(name, f"{name} {'missing' if found is _MISSING else shown(found)}")
    return capped("; ".join(said.values()))


def looked_up(value: Any, path: Path, *, missing: Any = None) -> Any:
    """What ``path`` leads to in ``value``, ``missing`` where a part is not there."""
    for part in path:
        if not (type(value) is dict or isinstance(value, Mapping)) or part not in value:
            return missing
        value = value[part]
    return value
