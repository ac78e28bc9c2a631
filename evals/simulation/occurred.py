"""What occurred in a world, counted from its chains: entries, stops, ends, and decisions after each stop."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from policies.decisions import COMPLETION_ROW
from state.entry import Entry, Kind

Met = Counter[tuple[str, str, str, str]]
"""What was met how often: a group, and up to three words that say which."""

APPLIED: Final = "applied"
UNHEARD: Final = "unheard"
_DETAIL: Final = {
    Kind.OUTCOME: "outcome", Kind.VERIFIED: "verdict", Kind.CHECKED: "verdict", Kind.RECONCILED: "settles",
    Kind.DENIED: "code", Kind.WAITING: "reason", Kind.TURNED: "to", Kind.JUDGED: "taken", Kind.SIGNAL: "kind",
}  # fmt: skip


def occurred(entries: Iterable[Entry], proposed: Mapping[str, tuple[str, str]]) -> Met:
    """Count one run. ``proposed``: by the id of its signal, the stop it was made on, and its choice."""
    met: Met = Counter()
    back = False
    for entry in entries:
        body = entry.body
        detail = str(body.get(_DETAIL.get(entry.kind, ""), ""))
        met["entries", str(entry.kind), detail, ""] += 1
        if entry.kind is Kind.TURNED:
            back = body["to"] == "rolling_back"
        elif entry.kind is Kind.ESCALATED:
            met["stops", stop_name(body["reason"], body["row"], back=back), "", ""] += 1
        elif entry.kind is Kind.CLOSED:
            met["ends", body["state"], body["reason"], ""] += 1
        elif entry.kind is Kind.SIGNAL and body["id"] in proposed:
            refused = body["refused"]
            met["decisions", *proposed[body["id"]], refused["code"] if refused else APPLIED] += 1
    return met


def unheard(proposed: Mapping[str, tuple[str, str]], heard: Iterable[str]) -> Met:
    """Decisions that no holder had folded when the world ended."""
    left = set(proposed) - set(heard)
    return Counter(("decisions", *proposed[name], UNHEARD) for name in left)


def stop_name(reason: str, row: int, *, back: bool) -> str:
    """A stop as coverage knows it: its reason, and where it was when the decision table asks for that."""
    if row == COMPLETION_ROW:
        return f"{reason}, at completion"
    return f"{reason}, rolling back" if back and reason != "rollback" else reason
