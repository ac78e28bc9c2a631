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
from state.packet.parts import OPTION_IDS
from state.packet.shape import shape_faults

MAX_TOP_CHARS: Final = 400


def check_packet(packet: Mapping[str, Any], entries: Sequence[Entry] | None = None) -> list[str]:
    """Everything that is wrong with ``packet``; with ``entries`` also beside the ledger."""
    faults = list(shape_faults(packet))
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
