"""What a case came to, judged from the target's own log and from what the killed processes had made durable.

| finding          | what was seen                                                                        |
|------------------|--------------------------------------------------------------------------------------|
| untold           | the process that lives did not end well                                              |
| not_killed       | a process was to die at a place that it never came to                                |
| lost             | its request was durable, and no run tells how it went                                |
| out_of_nothing   | its request was not durable, and there is a run, or a request at the target          |
| duplicate        | an effect more than the run has steps, or in another order                           |
| false_completion | an end that says what the target does not show                                       |
| wrong_end        | not the end that the target's promise and the durable entries allow                  |
| no_packet        | waits for a human without a packet                                                   |
| unrecorded       | the target was asked more often than the ledger says                                 |
| not_idle         | a further drain entered something                                                    |
| unsound          | ``ledger verify`` finds something                                                    |
| violated         | an invariant does not hold of the ledger beside the target's log                     |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from evals.crash.play import Played
from evals.crash.subjects import BESIDE
from evals.invariants.evidence import Evidence, Goal
from evals.invariants.journal import world_of
from evals.invariants.table import check

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that must not be."""

    case: Played
    code: str
    what: str

    def __str__(self) -> str:
        """Say case, places and finding in one line."""
        places = ", then ".join(f"{kill} ({kill.where[1]} {kill.where[0]})" for kill in self.case.kills)
        return f"{self.code}: {self.case.thing}, killed at {places or 'no place'}: {self.what}"


def by_thing(journal: Sequence[Event]) -> dict[str, list[Event]]:
    """Sort the target's log by the run that it is about; what a run does beside its thing is its own."""
    found: dict[str, list[Event]] = {}
    asked: dict[int, str] = {}
    for event in journal:
        if event["event"] == "request":
            asked[event["request"]] = event["path"].strip("/").split("/")[1].removesuffix(BESIDE)
        thing = asked.get(event.get("request", 0)) or str(event.get("thing", "")).removesuffix(BESIDE)
        found.setdefault(thing, []).append(event)
    return found


def accepted(case: Played) -> bool:
    """Some process made the run durable."""
    return any(trace.admitted for trace in case.traces)


def must_end(case: Played) -> str:
    """The only right end: the subject's, or a human's where an answer was lost that nothing settles."""
    lost = any(trace.lost_an_outcome for trace in case.traces[: case.killed])
    return "escalated" if case.subject.stops_lost and lost else case.subject.end


def judge(case: Played, events: Sequence[Event]) -> list[Finding]:
    """Find everything that must not be; ``events``: the part of the target's log that is about this run."""
    if case.trouble:
        return [Finding(case=case, code="untold", what=case.trouble)]
    return [Finding(case=case, code=code, what=what) for code, what in _found(case, events)]


def _found(case: Played, events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    for kill, died in zip(case.kills, case.died, strict=True):
        if not died:
            yield "not_killed", f"the process ended by itself, before {kill}"
    effects = _effects(case, events)
    requests = sum(e["event"] == "request" and e["method"] == "POST" for e in events)
    if not accepted(case):
        if case.runs or requests or effects:
            yield "out_of_nothing", f"{len(case.runs)} runs, {requests} requests, effects {effects}"
    elif len(case.runs) != 1:
        yield "lost", f"{len(case.runs)} runs"
    else:
        yield from _of_run(case, case.runs[0], effects, requests)
    if not case.idle:
        yield "not_idle", "a further drain entered something"
    if not case.sound:
        yield "unsound", "ledger verify says so"
    for violation in _violations(case, events):
        yield "violated", violation


def _effects(case: Played, events: Sequence[Event]) -> tuple[int, ...]:
    """Where each effect left the thing; a state that is set again to what it is counts once."""
    after = [e["after"] for e in events if e["event"] == "effect" and e["thing"] == case.thing]
    beside = [e["after"] for e in events if e["event"] == "effect" and e["thing"] != case.thing]
    return tuple([value for value, _ in groupby(after)] if case.subject.sets else after) + tuple(beside)


def _of_run(
    case: Played, record: Mapping[str, Any], effects: tuple[int, ...], requests: int
) -> Iterator[tuple[str, str]]:
    state, reason = str(record["state"]), record["reason"]
    whole = case.subject.effects
    if effects != whole[: len(effects)]:
        yield "duplicate", f"effects {effects}, of which {whole} may be"
    elif state == case.subject.end != "escalated" and effects != whole:
        yield "false_completion", f"{state}, with effects {effects} instead of {whole}"
    if state != must_end(case):
        yield "wrong_end", f"{state} ({reason}) instead of {must_end(case)}, effects {effects}"
    if state == "escalated" and not record["packet"]:
        yield "no_packet", str(reason)
    if requests > len(record["writes"]):
        yield "unrecorded", f"{requests} requests, {len(record['writes'])} attempts in the ledger"


def _violations(case: Played, events: Sequence[Event]) -> list[str]:
    thing, whole = case.thing, case.subject.effects
    evidence = Evidence.of(case.rows, world_of(events))
    ends = {
        "completed": Goal(completed={thing: whole[-1]}),
        "rolled_back": Goal(rolled_back={thing: whole[-1]}),
    }
    goals = {run: ends.get(case.subject.end, ends["completed"]) for run in evidence.stories}
    report = check(replace(evidence, world=replace(evidence.world, goals=goals)))
    return [str(violation) for violation in report.violations]
