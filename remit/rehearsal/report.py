"""What is said of a rehearsal: one line a case; for one that failed, what differs and the short story."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from remit.rehearsal.judge import Difference, counted
from remit.rehearsal.play import Played
from state.entry import Entry, Kind
from state.instants import seconds_between
from state.trace import says

SCHEMA: Final = "remit/rehearsal/v1"
MOST_LINES: Final = 40
_UNTOLD: Final = frozenset(
    {
        Kind.REQUESTED,
        Kind.INTERPRETED,
        Kind.CLAIMED,
        Kind.HYDRATED,
        Kind.NOTIFIED,
        Kind.REPORTED,
        Kind.RESERVED,
    }
)
_NOISE: Final = re.compile(r",? ?(to be sent by \S+|packet hmac-sha256:[0-9a-f]+…?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case, played and judged."""

    file: str
    runbook: str
    case: str
    played: Played
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Nothing came out otherwise."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        played = self.played
        return {
            "schema": SCHEMA,
            "file": self.file,
            "runbook": self.runbook,
            "case": self.case,
            "passed": self.passed,
            "state": played.state,
            "reason": played.reason,
            "effects": played.effects,
            "requests": played.requests,
            "simulated_s": round(played.world_s),
            "differences": [asdict(d) for d in self.differences],
            "story": [] if self.passed else list(story(played)),
        }

    def lines(self) -> Iterator[str]:
        """Everything for a terminal."""
        played = self.played
        came = played.state + (f" ({played.reason})" if played.reason not in ("", played.state) else "")
        took = _span(round(played.world_s))
        verdict = "pass" if self.passed else "FAIL"
        yield f"{verdict}  {self.runbook}: {self.case}: {came}; {counted(played.effects)}; in {took}"
        if self.passed:
            return
        for one in self.differences:
            yield f"      {one.what}: expected {one.expected}, got {one.got}"
        yield "      how it went:"
        for line in story(played):
            yield f"        {line}"


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if n]
    return " ".join(parts) or "0s"


def story(played: Played) -> list[str]:
    """What happened, in its order, with the time since the request; what went wrong stands between."""
    if not played.entries:
        return []
    began = played.entries[0].at
    began_ms = round(datetime.fromisoformat(began).timestamp() * 1000)
    told = [((e.seq, 0), seconds_between(began, e.at), _words(e)) for e in _told(played.entries)]
    told += [((e.behind, 1), (e.at_ms - began_ms) / 1000, f"** {e.what}") for e in played.events]
    lines = [f"{at:>7.1f} s  {what}" for _, at, what in sorted(told, key=lambda line: line[0])]
    if len(lines) <= MOST_LINES:
        return lines
    left_out = f"          ... {len(lines) - MOST_LINES} lines left out ..."
    return [*lines[: MOST_LINES // 3], left_out, *lines[-(MOST_LINES - MOST_LINES // 3) :]]


def _words(entry: Entry) -> str:
    """An entry as the trace says it, without instants and digests: here the time stands before it."""
    if entry.kind is Kind.WAITING:
        return f"waits ({entry.body['reason']}) {entry.body['detail']}".rstrip()
    return _NOISE.sub("", says(entry))


def _told(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """Entries that move the story on: a round that shows what the last one showed is left out."""
    seen: dict[str, str] = {}
    for entry in entries:
        what = _NEWS[entry.kind](entry.body) if entry.kind in _NEWS else None
        if entry.kind in _UNTOLD or (what is not None and seen.get(what[0]) == what[1]):
            continue
        if what is not None:
            seen[what[0]] = what[1]
        yield entry


# Kinds that come in rounds: what a round is about, and what it shows.
_NEWS: Final[Mapping[Kind, Callable[[Mapping[str, Any]], tuple[str, str]]]] = {
    Kind.VERIFIED: lambda b: (f"check {b['scope']}/{b['check']}", str(b["verdict"])),
    Kind.CHECKED: lambda b: (f"precondition {b.get('id', '')}", str(b.get("verdict", b.get("conflict")))),
    Kind.WAITING: lambda b: ("wait", f"{b['reason']} {b['detail']}"),
}
