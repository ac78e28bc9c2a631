"""Whether a new version of a runbook may do more than the old one.

NARROWS only by the closed list in ``_RULES``: fewer tools, targets, resources, requesters; lower limits;
tighter patterns and enums; an added precondition or check; a human's yes before each write. SAME only for
titles, summaries, the version's number, comments and order that means nothing. Anything else WIDENS, whatever
it looks like.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from policies import durations
from policies.authority.sentences import sentences
from policies.connector import Connector
from policies.contract import ToolContract
from policies.delegation import Entry
from policies.runbook import Runbook
from policies.value_spec import full_match


class Direction(StrEnum):
    """What a change does to authority."""

    WIDENS = "widens"
    NARROWS = "narrows"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remit:
    """All that one approval gives: a runbook, the contracts of its tools, and to whom it is delegated.

    ``connectors``: what says which requests its tools make; they are said, and compared in ``around``.
    """

    runbook: Runbook
    contracts: Mapping[str, ToolContract]
    entry: Entry | None = None
    connectors: Mapping[str, Connector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A direction and what it comes of, the widest first: ``+`` widens, ``-`` narrows, ``=`` neither."""

    kind: Direction
    sentences: tuple[str, ...]


def compare(old: Remit | None, new: Remit) -> Change:
    """Compare what is approved (None: nothing yet, so all of it is new) with what is proposed."""
    if old is None:
        every = sentences(new.runbook, new.contracts, new.entry, connectors=new.connectors)
        return Change(kind=Direction.WIDENS, sentences=tuple(f"{_SIGN[Direction.WIDENS]} {s}" for s in every))
    found = sorted(_walk((), _facts(old), _facts(new)), key=lambda change: _ORDER[change[0]])
    kind = found[0][0] if found else Direction.SAME
    return Change(kind=kind, sentences=tuple(f"{_SIGN[direction]} {text}" for direction, text in found))


_ORDER: Final = {Direction.WIDENS: 0, Direction.NARROWS: 1, Direction.SAME: 2}
_SIGN: Final = {Direction.WIDENS: "+", Direction.NARROWS: "-", Direction.SAME: "="}
_MISSING: Final = object()
_ANOTHER: Final = "uses another contract of"
ANOTHER_CONTRACT: Final = f"{_SIGN[Direction.WIDENS]} {_ANOTHER} "

Path = tuple[str, ...]
Found = tuple[Direction, str]
Judge = Callable[[Path, Any, Any], Iterator[Found]]

# Lists in which order means nothing: each is compared as a set.
_SETS: Final = frozenset({"tools", "targets", "request", "decide", "enum", "resources"})


def _facts(remit: Remit) -> dict[str, Any]:
    used = remit.runbook.authority.tools
    return {
        "runbook": _keyed(remit.runbook.model_dump(mode="json")),
        "delegation": None if remit.entry is None else _keyed(remit.entry.model_dump(mode="json")),
        "contracts": {t: remit.contracts[t].digest if t in remit.contracts else "unknown" for t in used},
    }


def _keyed(value: Any, name: str = "") -> Any:
    """Turn lists with ids into fields by id (with their order), and lists that are sets into fields."""
    if isinstance(value, dict):
        inside = name if name == "resources" else ""
        return {key: _keyed(item, inside or key) for key, item in value.items()}
    if isinstance(value, list):
        if name in _SETS and all(isinstance(item, str) for item in value):
            return dict.fromkeys(value, True)
        ids = [item.get("id") for item in value if isinstance(item, dict)]
        if value and len(ids) == len(value) and len({*ids}) == len(ids) and None not in ids:
            return {item["id"]: _keyed(item) for item in value}
        return [_keyed(item) for item in value]
    return value


def _walk(path: Path, old: Any, new: Any) -> Iterator[Found]:
    judge = next((judge for pattern, judge in _RULES if _fits(pattern, path)), None)
    if judge is not None:
        if old != new:
            yield from judge(path, old, new)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk((*path, key), old.get(key, _MISSING), new.get(key, _MISSING))
        if path and path[-1] in _ORDERED and _common(old, new) != _common(new, old):
            yield Direction.WIDENS, f"{_place(path)} stand in another order"
    elif old != new:
        yield Direction.WIDENS, _said(path, old, new)


_ORDERED: Final = frozenset({"steps", "preconditions", "derive", "bindings"})


def _common(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [key for key in one if key in other]


def _fits(pattern: str, path: Path) -> bool:
    parts = pattern.split(" ")
    return len(parts) == len(path) and all(
        want in ("*", part) for want, part in zip(parts, path, strict=True)
    )


def _place(path: Path) -> str:
    return ".".join(path[1:] if path[0] == "runbook" else path)


def _said(path: Path, old: Any, new: Any) -> str:
    if old is _MISSING or old is None:
        return f"{_place(path)}: {_shown(path, new)} is new"
    if new is _MISSING or new is None:
        return f"{_place(path)}: {_shown(path, old)} is gone"
    return f"{_place(path)}: {_shown(path, old)} → {_shown(path, new)}"


def _shown(path: Path, value: Any) -> str:
    if path[-1].endswith("_ms") and type(value) is int:
        return durations.text(value)
    if isinstance(value, dict):
        return ", ".join(value) if all(item is True for item in value.values()) else "it"
    return str(value)[:200]


def _same(path: Path, old: Any, new: Any) -> Iterator[Found]:
    yield Direction.SAME, _said(path, old, new)


def _same_id(path: Path, old: Any, new: Any) -> Iterator[Found]:
    alike = isinstance(old, str) and isinstance(new, str) and old.split("@")[0] == new.split("@")[0]
    yield Direction.SAME if alike else Direction.WIDENS, _said(path, old, new)


def _fewer(more: str, less: str) -> Judge:
    """Judge one member of a set: another widens, one less narrows."""

    def judge(path: Path, old: Any, new: Any) -> Iterator[Found]:
        name = path[-1]
        if old is _MISSING:
            yield Direction.WIDENS, f"{more} {name}"
        elif new is _MISSING:
            yield Direction.NARROWS, f"{less} {name}"
        else:
            yield Direction.WIDENS, _said(path, old, new)

    return judge


def _contract(path: Path, old: Any, new: Any) -> Iterator[Found]:
    """Judge what a tool promises: another contract may mean anything; ``around`` says what of it changed."""
    known = old is not _MISSING and new is not _MISSING
    yield from (
        [(Direction.WIDENS, f"{_ANOTHER} {path[-1]}")]
        if known
        else _fewer("trusts the contract of", "no longer uses the contract of")(path, old, new)
    )


def _mode(path: Path, old: Any, new: Any) -> Iterator[Found]:
    """Judge who says yes: a human's yes before each write sends nothing that was not sent without one."""
    asked = (old, new) == ("delegated", "confirm")
    yield Direction.NARROWS if asked else Direction.WIDENS, _said(path, old, new)


def _resources(path: Path, old: Any, new: Any) -> Iterator[Found]:
    """Judge what may be touched for one target."""
    member = _fewer(f"may now touch, for {path[-1]},", f"may no longer touch, for {path[-1]},")
    before, after = ({} if side is _MISSING else side for side in (old, new))
    for name in dict.fromkeys((*before, *after)):
        if (name in before) is not (name in after):
            yield from member((*path, name), before.get(name, _MISSING), after.get(name, _MISSING))


def _unverified(path: Path, _old: Any, new: Any) -> Iterator[Found]:
    """Judge ``verify: {none: WHY}``: where it goes, checks come, and they are judged by themselves."""
    if new is not _MISSING:
        yield Direction.WIDENS, f"{_place(path[:-1])}: is not verified: {new}"


def _lower(path: Path, old: Any, new: Any) -> Iterator[Found]:
    less = type(old) is int and type(new) is int and new < old
    yield Direction.NARROWS if less else Direction.WIDENS, _said(path, old, new)


def _rate(path: Path, old: Any, new: Any) -> Iterator[Found]:
    """Judge "at most ``max`` in any ``per_ms``": no more in no less time narrows, and so does a new limit."""
    tighter = old is None and isinstance(new, dict)
    if isinstance(old, dict) and isinstance(new, dict):
        tighter = new["max"] <= old["max"] and new["per_ms"] >= old["per_ms"]
    shown = ("none" if v is None else f"{v['max']} in {durations.text(v['per_ms'])}" for v in (old, new))
    said = " → ".join(shown)
    yield Direction.NARROWS if tighter else Direction.WIDENS, f"{_place(path)}: {said}"


def _added(what: str) -> Judge:
    """Judge a condition: one more narrows (but for one that completes without a write), else it widens."""

    def judge(path: Path, old: Any, new: Any) -> Iterator[Found]:
        name = path[-1]
        if new is _MISSING:
            yield Direction.WIDENS, f"{what} no longer asks for {name}: {old['expect']}"
        elif old is not _MISSING:
            yield Direction.WIDENS, f"{what} asks otherwise for {name}: {_parts(old, new)}"
        elif new.get("otherwise") == "complete":
            yield Direction.WIDENS, f"{what} may now complete without a write: {name}: {new['expect']}"
        else:
            yield Direction.NARROWS, f"{what} now asks for {name}: {new['expect']}"

    return judge


def _parts(old: dict[str, Any], new: dict[str, Any]) -> str:
    return "; ".join(
        _said(("runbook", key), old.get(key), new.get(key)) for key in new if old.get(key) != new.get(key)
    )


def _spec(path: Path, old: Any, new: Any) -> Iterator[Found]:
    """Judge what a value may be: tighter in every part narrows."""
    known = isinstance(old, dict) and isinstance(new, dict)
    yield (
        Direction.NARROWS if known and _tighter(old, new) else Direction.WIDENS,
        (f"{_place(path)}: {_parts(old, new)}" if known else _said(path, old, new)),
    )


def _tighter(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if old.get("type") != new.get("type"):
        return False
    low, high, longest = ((old.get(key), new.get(key)) for key in ("minimum", "maximum", "max_length"))
    if low[0] is not None and (low[1] is None or low[1] < low[0]):
        return False
    if any(was is not None and (now is None or now > was) for was, now in (high, longest)):
        return False
    if old.get("enum") is not None and (new.get("enum") is None or set(new["enum"]) - set(old["enum"])):
        return False
    if old.get("pattern") is None or old["pattern"] == new.get("pattern"):
        return True
    # Whether one pattern is tighter than another is not told from its text; a list of values that it took is.
    return new.get("enum") is not None and all(full_match(old["pattern"], value) for value in new["enum"])


_RULES: Final[tuple[tuple[str, Judge], ...]] = (
    ("runbook title", _same),
    ("runbook summary", _same),
    ("runbook version", _same),
    ("delegation runbook", _same_id),
    ("runbook authority tools *", _fewer("may now call", "may no longer call")),
    ("contracts *", _contract),
    ("delegation mode", _mode),
    ("delegation targets *", _fewer("is now delegated for", "is no longer delegated for")),
    ("delegation request *", _fewer("may now be asked for by role", "may no longer be asked for by role")),
    ("delegation resources *", _resources),
    ("runbook limits deadline_ms", _lower),
    ("runbook limits writes", _lower),
    ("runbook limits model *", _lower),
    ("runbook limits attempts_on_resource", _rate),
    ("runbook steps * retry budget", _lower),
    ("runbook steps * for_each max", _lower),
    ("runbook escalation grants retry_once", _lower),
    ("delegation concurrency", _lower),
    ("delegation confirm_within_ms", _lower),
    ("delegation rate", _rate),
    ("runbook inputs *", _spec),
    ("runbook derive * bound", _spec),
    ("runbook preconditions *", _added("the start")),
    ("runbook completion *", _added("completion")),
    ("runbook steps * verify none", _unverified),
    ("runbook steps * verify *", _added("a step")),
)
