"""What a case came to, judged from the target's own log and from what its processes had made durable.

| finding          | what was seen                                                                        |
|------------------|--------------------------------------------------------------------------------------|
| untold           | the process that lives did not end well, or one hangs                                |
| not_met          | something was to befall a process at a place that it never came to                   |
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
| claimed          | a process on a failing disk said an end that the ledger does not have                |
| unsaid           | it ended without its run having ended, and did not say that the disk had failed      |
| unfenced         | a process that was taken over from entered something afterwards                      |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from evals.crash.blows import Ailment, Scene
from evals.crash.play import Played
from evals.crash.subjects import BESIDE, SETTLES
from evals.invariants.evidence import Evidence, Goal
from evals.invariants.journal import world_of
from evals.invariants.table import check

Event = Mapping[str, Any]
ENDS: Final = frozenset({"completed", "rolled_back", "escalated"})
SAYS_WHY: Final = ("disk is full", "disk I/O error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that must not be."""

    case: Played
    code: str
    what: str

    def __str__(self) -> str:
        """Say case, places and finding in one line."""
        places = ", then ".join(f"{place} ({place.where[1]} {place.where[0]})" for place in self.case.places)
        return (
            f"{self.code}: {self.case.thing}, {_befallen(self.case)} at {places or 'no place'}: {self.what}"
        )


def _befallen(case: Played) -> str:
    match case.blow:
        case Ailment() as ailment:
            return f"disk failing ({ailment})"
        case Scene() as scene:
            return f"stopped ({scene})"
        case None:
            return "killed"


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


def may_end(case: Played) -> frozenset[str]:
    """The right ends: the subject's, or a human's where something was lost that nothing else settles."""
    subject = case.subject
    lost = any(trace.lost_an_outcome for trace in case.traces[: case.times])
    escalated = frozenset({"escalated"})
    match case.blow:
        case None:
            return escalated if subject.stops_lost and lost else frozenset({subject.end})
        case Ailment() as ailment:
            if subject.stops_lost and ailment.may_be_kept:
                return escalated | {subject.end}
            return escalated if subject.stops_lost and lost else frozenset({subject.end})
        case Scene() as scene:
            lost = case.traces[0].until(case.places[0]).lost_an_outcome
            unsettled = subject.stops_lost or (scene.elsewhere and subject.kind not in SETTLES)
            return frozenset({subject.end}) | (escalated if lost and unsettled else frozenset())


def judge(case: Played, events: Sequence[Event]) -> list[Finding]:
    """Find everything that must not be; ``events``: the part of the target's log that is about this run."""
    if case.trouble:
        return [Finding(case=case, code="untold", what=case.trouble)]
    return [Finding(case=case, code=code, what=what) for code, what in _found(case, events)]


def _found(case: Played, events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    yield from _not_met(case)
    effects = _effects(case, events)
    requests = sum(e["event"] == "request" and e["method"] == "POST" for e in events)
    kept = isinstance(case.blow, Ailment) and case.blow.may_be_kept and len(case.runs) == 1
    if not accepted(case) and not kept:
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
    if isinstance(case.blow, Ailment):
        yield from _of_spoilt(case)
    if case.taken:
        yield from _of_late(case)


def _not_met(case: Played) -> Iterator[tuple[str, str]]:
    for place, met in zip(case.places, case.met, strict=True):
        if not met:
            yield "not_met", f"the process ended by itself, before {place}"


def _of_spoilt(case: Played) -> Iterator[tuple[str, str]]:
    """What the process whose disk failed may say: an end that is in the ledger, or that its disk failed."""
    first, state = case.first, case.runs[0]["state"] if case.runs else ""
    shown = str((first.shown or {}).get("state", ""))
    if shown in ENDS and shown != state:
        yield "claimed", f"said {shown}, the ledger says {state}"
    if shown not in ENDS and not any(word in first.err for word in SAYS_WHY):
        yield "unsaid", f"ended with {first.exit}, saying {first.err[-300:]!r}"


def _of_late(case: Played) -> Iterator[tuple[str, str]]:
    """Whoever was taken over from enters nothing but by a claim of its own."""
    entered = [
        place
        for place in case.traces[0].behind(case.places[0])
        if place.point == "after_commit" and place.entries
    ]
    if entered and "claimed" not in entered[0].kinds:
        yield "unfenced", f"entered {entered[0].what}"


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
    if state not in may_end(case):
        rather = " or ".join(sorted(may_end(case)))
        yield "wrong_end", f"{state} ({reason}) instead of {rather}, effects {effects}"
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
