"""What remit's ledger and the target's own log say of the same moments, side by side."""

from collections.abc import Sequence
from typing import Any, Final

from remit.cli.lines import line_of
from state.entry import Entry, Kind

_TOLD: Final = (Kind.INTENT, Kind.OUTCOME, Kind.CLAIMED, Kind.RECONCILED, Kind.CONFIRMED, Kind.CLOSED)
_TIME: Final = slice(11, 23)  # of an instant: to the millisecond
_NO_TIME: Final = " " * 12


def side_by_side(entries: Sequence[Entry], journal: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Both from the first intent on, in the order of time; in the last row, what neither has."""
    begun = next((place for place, e in enumerate(entries) if e.kind is Kind.INTENT), len(entries))
    rows = [(e.at, f"{e.at[_TIME]} {line_of(e)}", "") for e in entries[begun:] if _is_told(e)]
    rows += [(line["at"], "", f"{line['at'][_TIME]} {_said(line)}") for line in journal]
    shown = [(left, right) for _, left, right in sorted(rows)]
    missing = [word for word in ("effect", "reply") if not count(journal, word)]
    if missing:
        no_outcome = f"{_NO_TIME} no outcome" if unanswered(entries) else ""
        shown.append((no_outcome, f"{_NO_TIME} {', '.join(f'no {word}' for word in missing)}"))
    return shown


def unanswered(entries: Sequence[Entry]) -> list[str]:
    """Operations with an intent that has no outcome."""
    answered = {(e.body["op"], e.body["attempt"]) for e in entries if e.kind is Kind.OUTCOME}
    intents = [(e.body["op"], e.body["attempt"]) for e in entries if e.kind is Kind.INTENT]
    return [op for op, attempt in intents if (op, attempt) not in answered]


def count(journal: Sequence[dict[str, Any]], event: str) -> int:
    """How many lines of a log are of that kind."""
    return sum(line["event"] == event for line in journal)


def takeover(entries: Sequence[Entry]) -> str:
    """How the first holder of a run had ended when the second took it, by its claim."""
    after = (e.body["predecessor"] for e in entries if e.kind is Kind.CLAIMED)
    return next((str(before["ended"]) for before in after if before), "no takeover")


def _is_told(entry: Entry) -> bool:
    if entry.kind is Kind.CLAIMED:  # a worker that takes up again what it had laid down tells nothing here
        return (entry.body["predecessor"] or {}).get("ended") == "exited"
    return entry.kind in _TOLD


def _said(line: dict[str, Any]) -> str:
    number = f"request {line['request']}"
    match line["event"]:
        case "request":
            return f"{number}: {line['method']} {line['path']} {line['body']}"
        case "effect":
            return f"{number}: effect, {line['before']} becomes {line['after']}"
        case "reply":
            return f"{number}: answered {line['status']}"
        case other:
            return f"{number}: {other}"
