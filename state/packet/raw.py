"""What can be said of a run whose entries cannot be folded: the raw packet."""

from collections.abc import Sequence
from typing import Any, Final

from state.entry import Entry, Kind
from state.packet.evidence import capped
from state.packet.parts import SCHEMA

_MAX_LISTED: Final = 40
_NEWEST: Final = 12


def raw_packet(entries: Sequence[Entry], *, run: str, at: str, why: str) -> dict[str, Any]:
    """The least that can be said without a fold: what was written, and the newest entries.

    ``changed`` lists intents with unknown effect, whatever was recorded of them later.
    """
    intents = [e for e in entries if e.kind is Kind.INTENT]
    return {
        "schema": SCHEMA,
        "id": f"{run}/raw",
        "run": run,
        "created_at": at,
        "raw": True,
        "top": {
            "severity": "high",
            "headline": "This run's entries cannot be read as a state; remit does nothing more with it",
            "stopped": capped(why, 160),
            "decision": f"Look at the target, then close it: remit esc abort --raw {run}",
            "respond_by": None,
            "if_silent": "nothing is changed",
        },
        "changed": [_raw_write(e) for e in intents][-_MAX_LISTED:],
        "ledger": {"entries": len(entries), "head": entries[-1].hash if entries else ""},
        "newest": [
            {"seq": e.seq, "at": e.at, "kind": str(e.kind), "body": capped(e.body_text, 300)}
            for e in entries[-_NEWEST:]
        ],
    }


def _raw_write(entry: Entry) -> dict[str, Any]:
    body = entry.body
    return {
        "op": str(body.get("op", "?")),
        "attempt": body.get("attempt"),
        "tool": str(body.get("tool", "?")),
        "resource": str(body.get("resource", "?")),
        "at": entry.at,
        "effect": "unknown",
    }
