"""Is a packet fit to be handed to a human? The gates, each with what it found, in words."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from state import canonical
from state.entry import Entry, Kind
from state.errors import CanonicalError
from state.packet.assemble import MAX_BYTES
from state.packet.claims import MAX_CLAIMS, claim_fault
from state.packet.evidence import MAX_EXCERPT, MAX_ITEMS
from state.packet.parts import OPTION_IDS, SCHEMA

MAX_TOP_CHARS: Final = 400
_TEXT, _INTEGER, _LIST, _OBJECT, _TRUTH = "text", "integer", "list", "object", "truth"
_KINDS: Final[Mapping[str, type]] = {_TEXT: str, _INTEGER: int, _LIST: list, _OBJECT: dict, _TRUTH: bool}

# part -> field -> kind; a field that ends in ? may be null, one that ends in * may be absent
_SHAPE: Final[Mapping[str, Mapping[str, str]]] = {
    "": {
        "schema": _TEXT, "id": _TEXT, "run": _TEXT, "created_at": _TEXT, "top": _OBJECT, "where": _OBJECT,
        "state": _LIST, "changed": _LIST, "remaining": _LIST, "tried": _LIST, "ruled_out": _LIST,
        "not_checked": _LIST, "claims": _LIST, "options": _LIST, "budgets": _OBJECT, "context": _OBJECT,
        "evidence": _LIST, "provenance": _OBJECT, "basis": _TEXT,
    },
    "top": {
        "severity": _TEXT, "headline": _TEXT, "stopped": _TEXT, "decision": _TEXT, "respond_by?": _TEXT,
        "if_silent": _TEXT, "recommended?": _OBJECT,
    },
    "where": {
        "runbook": _TEXT, "digest": _TEXT, "step": _TEXT, "attempt": _INTEGER, "attempts_max": _INTEGER,
        "reason": _TEXT, "error_class": _TEXT, "check?": _TEXT,
    },
    "state": {
        "check": _TEXT, "expected": _TEXT, "observed": _TEXT, "verdict": _TEXT, "at": _TEXT,
        "age_s": _INTEGER, "evidence": _LIST,
    },
    "changed": {
        "op": _TEXT, "tool": _TEXT, "resource": _TEXT, "at": _TEXT, "effect": _TEXT, "reversible": _TRUTH,
        "evidence": _LIST, "note*": _TEXT,
    },
    "claims": {"id": _TEXT, "kind": _TEXT, "text": _TEXT, "evidence": _LIST},
    "options": {"id": _TEXT, "allowed": _TRUTH, "does*": _TEXT, "why*": _TEXT, "needs*": _TEXT, "cli": _TEXT},
    "context": {
        "request": _OBJECT, "owner": _TEXT, "system_owner": _TEXT, "resource_runs_7d": _INTEGER,
        "similar": _LIST,
    },
    "evidence": {
        "id": _TEXT, "kind": _TEXT, "source": _TEXT, "at": _TEXT, "sha256": _TEXT, "excerpt": _TEXT,
    },
    "provenance": {"rule": _LIST, "model": _LIST, "model_id": _TEXT, "redactions": _INTEGER},
}  # fmt: skip


def check_packet(packet: Mapping[str, Any], entries: Sequence[Entry] | None = None) -> list[str]:
    """Everything that is wrong with ``packet``; with ``entries`` also beside the ledger."""
    faults = list(_shape_faults(packet))
    if faults:
        return faults
    faults += _size_faults(packet)
    faults += _evidence_faults(packet)
    excerpts = {item["id"]: item["excerpt"] for item in packet["evidence"]}
    faults += [f for c in packet["claims"] if (f := claim_fault(c, excerpts)) is not None]
    faults += _option_faults(packet["options"])
    if entries is not None:
        faults += _ledger_faults(packet, entries)
    return faults


def _shape_faults(packet: Mapping[str, Any]) -> Iterable[str]:
    if packet.get("schema") != SCHEMA:
        yield f"schema is not {SCHEMA}"
    for part, fields in _SHAPE.items():
        values = packet if not part else packet.get(part)
        for row in values if isinstance(values, list) else [values]:
            yield from _row_faults(part or "packet", row, fields)


def _row_faults(part: str, row: Any, fields: Mapping[str, str]) -> Iterable[str]:
    if not isinstance(row, Mapping):
        yield f"{part} is not an object"
        return
    for declared, kind in fields.items():
        name = declared.rstrip("?*")
        if name not in row:
            if not declared.endswith("*"):
                yield f"{part} lacks {name}"
        elif type(row[name]) is not _KINDS[kind] and not (declared.endswith("?") and row[name] is None):
            yield f"{part}.{name} is not of kind {kind}"


def _size_faults(packet: Mapping[str, Any]) -> Iterable[str]:
    try:
        size = len(canonical.dumps(dict(packet)).encode())
    except CanonicalError as error:
        yield f"cannot be recorded: {error}"
        return
    if size > MAX_BYTES:
        yield f"{size} bytes, more than {MAX_BYTES}"
    top = packet["top"]
    length = sum(len(value) for value in top.values() if isinstance(value, str))
    if length > MAX_TOP_CHARS:
        yield f"top has {length} characters, more than {MAX_TOP_CHARS}"
    for part, most in (("evidence", MAX_ITEMS), ("claims", MAX_CLAIMS)):
        if len(packet[part]) > most:
            yield f"{len(packet[part])} of {part}, more than {most}"


def _evidence_faults(packet: Mapping[str, Any]) -> Iterable[str]:
    known = [item["id"] for item in packet["evidence"]]
    if len(set(known)) != len(known):
        yield "two items of evidence have one id"
    for item in packet["evidence"]:
        if len(item["excerpt"]) > MAX_EXCERPT:
            yield f"evidence {item['id']} is longer than {MAX_EXCERPT} characters"
        if hashlib.sha256(item["excerpt"].encode()).hexdigest() != item["sha256"]:
            yield f"evidence {item['id']} is not what its digest says"
    for part in ("state", "changed", "tried", "ruled_out"):
        for row in packet[part]:
            yield from (f"{part} cites {e}, which is not there" for e in row["evidence"] if e not in known)


def _option_faults(options: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if [o["id"] for o in options] != list(OPTION_IDS):
        yield f"options are not {', '.join(OPTION_IDS)}"
    for option in options:
        if option["allowed"] and not option.get("does"):
            yield f"option {option['id']} does not say what it does"
        if not option["allowed"] and not option.get("why"):
            yield f"option {option['id']} does not say why not"


def _ledger_faults(packet: Mapping[str, Any], entries: Sequence[Entry]) -> Iterable[str]:
    written = {e.body["op"]: e for e in entries if e.kind is Kind.INTENT}
    told = [row["op"] for row in packet["changed"]]
    if sorted(told) != sorted(written):
        yield f"changed lists {sorted(told)}, the ledger has {sorted(written)}"
        return
    for row in packet["changed"]:
        body = written[row["op"]].body
        if (row["tool"], row["resource"]) != (body["tool"], body["resource"]):
            yield f"changed says {row['tool']} on {row['resource']} for {row['op']}, the ledger does not"
