"""Has a packet the shape that its schema says, down to the last row? What else is asked of one needs that."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from state import instants
from state.packet.parts import SCHEMA

_TEXT, _INTEGER, _LIST, _TEXTS, _OBJECT, _TRUTH = "text", "integer", "list", "texts", "object", "truth"
_INSTANT: Final = "instant"
_KINDS: Final[Mapping[str, type]] = {
    _TEXT: str, _INTEGER: int, _LIST: list, _TEXTS: list, _OBJECT: dict, _TRUTH: bool, _INSTANT: str,
}  # fmt: skip

# part -> field -> kind; a field that ends in ? may be null, one that ends in * may be absent
_SHAPE: Final[Mapping[str, Mapping[str, str]]] = {
    "": {
        "schema": _TEXT, "id": _TEXT, "run": _TEXT, "created_at": _INSTANT, "top": _OBJECT, "where": _OBJECT,
        "state": _LIST, "changed": _LIST, "remaining": _LIST, "tried": _LIST, "ruled_out": _LIST,
        "not_checked": _TEXTS, "claims": _LIST, "options": _LIST, "budgets": _OBJECT, "context": _OBJECT,
        "evidence": _LIST, "provenance": _OBJECT, "basis": _TEXT,
    },
    "top": {
        "severity": _TEXT, "headline": _TEXT, "stopped": _TEXT, "decision": _TEXT, "respond_by?": _INSTANT,
        "if_silent": _TEXT, "recommended?": _OBJECT,
    },
    "where": {
        "runbook": _TEXT, "digest": _TEXT, "step": _TEXT, "attempt": _INTEGER, "attempts_max": _INTEGER,
        "reason": _TEXT, "error_class": _TEXT, "check?": _TEXT, "code*": _TEXT, "detail*": _TEXT,
    },
    "state": {
        "check": _TEXT, "expected": _TEXT, "observed": _TEXT, "verdict": _TEXT, "at": _TEXT,
        "age_s": _INTEGER, "evidence": _TEXTS,
    },
    "changed": {
        "op": _TEXT, "tool": _TEXT, "resource": _TEXT, "at": _TEXT, "effect": _TEXT, "reversible": _TRUTH,
        "evidence": _TEXTS, "note*": _TEXT,
    },
    "remaining": {"step": _TEXT, "item?": _INTEGER, "why": _TEXT},
    "tried": {"op": _TEXT, "attempt": _INTEGER, "outcome": _TEXT, "evidence": _TEXTS},
    "ruled_out": {"text": _TEXT, "evidence": _TEXTS},
    "claims": {"id": _TEXT, "kind": _TEXT, "text": _TEXT, "evidence": _TEXTS},
    "options": {"id": _TEXT, "allowed": _TRUTH, "does*": _TEXT, "why*": _TEXT, "needs*": _TEXT, "cli": _TEXT},
    "context": {
        "request": _OBJECT, "owner": _TEXT, "system_owner": _TEXT, "resource_runs_7d": _INTEGER,
        "similar": _LIST,
    },
    "context.request": {"source": _TEXT, "by": _TEXT, "text?": _TEXT},
    "evidence": {
        "id": _TEXT, "kind": _TEXT, "source": _TEXT, "at": _TEXT, "sha256": _TEXT, "excerpt": _TEXT,
    },
    "provenance": {"rule": _LIST, "model": _LIST, "model_id": _TEXT, "redactions": _INTEGER},
}  # fmt: skip
_BUDGET: Final = {"used": _INTEGER, "of": _INTEGER}


def shape_faults(packet: Mapping[str, Any]) -> Iterable[str]:
    """Everything that is not as the schema says; nothing else can be asked before this is mended."""
    if packet.get("schema") != SCHEMA:
        yield f"schema is not {SCHEMA}"
    if packet.get("raw"):
        yield "raw: it was written outside the fold, and is no packet of an escalation"
    for part, fields in _SHAPE.items():
        values = _part(packet, part)
        for row in values if isinstance(values, list) else [values]:
            yield from _row_faults(part or "packet", row, fields)
    budgets = packet.get("budgets")
    for name, budget in budgets.items() if isinstance(budgets, Mapping) else ():
        if isinstance(budget, Mapping):
            yield from _row_faults(f"budgets.{name}", budget, _BUDGET)


def _part(packet: Mapping[str, Any], path: str) -> Any:
    value: Any = packet
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _row_faults(part: str, row: Any, fields: Mapping[str, str]) -> Iterable[str]:
    if not isinstance(row, Mapping):
        yield f"{part} is not an object"
        return
    for declared, kind in fields.items():
        name = declared.rstrip("?*")
        if name not in row:
            if not declared.endswith("*"):
                yield f"{part} lacks {name}"
        elif not _is(row[name], kind) and not (declared.endswith("?") and row[name] is None):
            yield f"{part}.{name} is not of kind {kind}"


def _is(value: Any, kind: str) -> bool:
    if not _of_type(value, _KINDS[kind]):
        return False
    if kind == _TEXTS:
        return _all_texts(value)
    return kind != _INSTANT or _is_instant(str(value))


def _of_type(value: Any, wanted: type) -> bool:
    return type(value) is wanted  # a boolean is no integer


def _all_texts(values: list[Any]) -> bool:
    return all(type(value) is str for value in values)


def _is_instant(text: str) -> bool:
    try:
        instants.parse(text)
    except ValueError:
        return False
    return True
