"""Invariants 7, 10, 22: what a run may spend, that authority only narrows, that models only stop a run."""

from collections.abc import Iterator
from typing import Any, Final

from evals.invariants.approved import Terms
from evals.invariants.evidence import Evidence, ms_of
from evals.invariants.matching import never_sent
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Story
from evals.invariants.times import said_ms
from policies.plan import SEND_WINDOW_MS
from policies.step import Retry
from state.entry import Entry, Kind

NO_TERMS: Final = "chain desk does not hold what a run was approved as"
_STANDS_STILL: Final = frozenset({"human", "window", "hold", "stop", "pause", "confirmation", "connector"})
_TAKEN: Final = frozenset({"accept", "wait", "reread", "escalate"})


def budgets(evidence: Evidence) -> Findings:
    """7: at every prefix, writes, tries, time, reads and model calls are within what was granted."""
    for story in evidence.stories.values():
        terms = evidence.terms(story)
        if terms is None:
            if story.admitted is not None:
                yield Lacking(NO_TERMS)
            continue
        yield from _sends(story, terms)
        yield from _time(story, terms, never_sent(evidence, story))
        yield from _models(story, terms)
        yield from _grants(story, terms)
        yield from _on_resource(evidence, story, terms)


def _sends(story: Story, terms: Terms) -> Iterator[Found]:
    counted = {
        attempt.intent.seq: attempt.counts
        for operation in story.operations.values()
        for attempt in operation.attempts
    }
    writes, granted = 0, 0
    places: dict[tuple[Any, ...], int] = {}
    for entry in story.entries:
        if entry.kind is Kind.GRANTED:
            granted += entry.body["sends"]
        if entry.kind is not Kind.INTENT or not counted[entry.seq]:
            continue
        body = entry.body
        if body["undoes"] is None:
            writes += 1
            if writes > terms.runbook.limits.writes + granted:
                what = f"forward write {writes} of {terms.runbook.limits.writes} and {granted} granted"
                yield Found(story.run, entry.seq, what)
        if body["granted"]:
            continue
        source = terms.step(body["step"], body["undoes"])
        retry = source.retry if source is not None else Retry()
        place = (body["step"], body["item"], body["undoes"])
        places[place] = places.get(place, 0) + 1
        if places[place] > 1 + retry.budget:
            what = f"send {places[place]} of {body['undoes'] or body['step']}, {1 + retry.budget} are allowed"
            yield Found(story.run, entry.seq, what)


def _time(story: Story, terms: Terms, unsent: frozenset[int]) -> Iterator[Found]:
    spent, last = 0, None
    waits: Entry | None = None
    claimed = human = False
    for entry in story.entries:
        if claimed and last is not None:
            spent += _counted_ms(last, entry, waits)
        forward = entry.kind is Kind.INTENT and entry.body["undoes"] is None and not entry.body["granted"]
        forward = forward and entry.seq not in unsent
        if forward and spent > terms.runbook.limits.deadline_ms + SEND_WINDOW_MS:
            yield Found(story.run, entry.seq, f"a forward write {spent} ms into the run")
        claimed = claimed or entry.kind is Kind.CLAIMED
        if entry.kind is Kind.ESCALATED:
            human, waits = True, entry
        elif entry.kind is Kind.WAITING:
            waits = entry
        elif entry.kind is Kind.DECIDED or (entry.kind is Kind.CLAIMED and not human):
            human, waits = False, None
        if entry.kind is Kind.GRANTED:
            spent = 0
        last = entry


def _counted_ms(last: Entry, entry: Entry, waits: Entry | None) -> int:
    reason = None if waits is None else waits.body["reason"] if waits.kind is Kind.WAITING else "human"
    passed = max(0, said_ms(last, entry))
    if reason in _STANDS_STILL:
        return 0
    if entry.kind is not Kind.CLAIMED:
        return passed
    until = waits.body["until"] if waits is not None else None
    return 0 if until is None else min(passed, max(0, ms_of(until) - ms_of(last.at)))


def _models(story: Story, terms: Terms) -> Iterator[Found]:
    limits = terms.runbook.limits.model
    calls, tokens, rereads, paid = 0, 0, 0, 0
    for entry in story.entries:
        if entry.kind is Kind.RESERVED:
            calls += entry.body["calls"]
            tokens += entry.body["tokens"]
            paid += 1
            if calls > limits.calls or tokens > limits.tokens:
                what = f"{calls} model calls of {limits.calls}, {tokens} tokens of {limits.tokens}"
                yield Found(story.run, entry.seq, what)
        elif entry.kind is Kind.GRANTED:
            rereads = 0
        elif entry.kind is Kind.JUDGED:
            paid -= 1
            rereads += entry.body["taken"] == "reread"
            if rereads > limits.rereads:
                yield Found(story.run, entry.seq, f"a model looked again {rereads} times")
            if paid < 0:
                yield Found(story.run, entry.seq, "a model was asked for which nothing was set aside")


def _grants(story: Story, terms: Terms) -> Iterator[Found]:
    granted = used = 0
    most = terms.runbook.escalation.grants.retry_once
    returned = {
        attempt.intent.seq
        for operation in story.operations.values()
        for attempt in operation.attempts
        if not attempt.counts
    }
    for entry in story.entries:
        if entry.kind is Kind.GRANTED and entry.body["sends"]:
            granted += entry.body["sends"]
            decided = [d for s in story.stops for d in s.decided if d.seq < entry.seq]
            if granted > most:
                yield Found(story.run, entry.seq, f"{granted} sends granted, {most} may be")
            if not decided or decided[-1].body["choice"] != "retry_once":
                yield Found(story.run, entry.seq, "a send was granted that nobody decided")
        elif entry.kind is Kind.INTENT and entry.body["granted"] and entry.seq not in returned:
            used += 1
            if used > granted:
                yield Found(story.run, entry.seq, "was paid for by a grant that nobody gave")


def _on_resource(evidence: Evidence, story: Story, terms: Terms) -> Iterator[Found]:
    limit = terms.runbook.limits.attempts_on_resource
    if limit is None:
        return
    for entry in story.intents:
        body = entry.body
        operation = story.operations[body["op"]]
        again = any(a.intent.seq < entry.seq for a in operation.undecided(before=entry.seq))
        if body["undoes"] is not None or again:
            continue
        made = sum(
            other.body["resource"] == body["resource"]
            and other is not entry
            and 0 <= said_ms(other, entry) < limit.per_ms
            and evidence.when(other) <= evidence.when(entry)
            for each in evidence.stories.values()
            for other in each.intents
        )
        granted = sum(g.body["sends"] for g in story.all(Kind.GRANTED) if g.seq < entry.seq)
        if made >= limit.max + granted:
            yield Found(
                story.run, entry.seq, f"{made} attempts on {body['resource']} before, {limit.max} may be"
            )


_KEPT: Final = ("bindings", "derived", "items")


def narrows(evidence: Evidence) -> Findings:
    """10: what a run may write is said before its first write, and nothing is added to it."""
    for story in evidence.stories.values():
        resources: set[str] = set()
        kept: dict[tuple[str, str], Any] = {}
        written = False
        for entry in story.entries:
            if entry.kind is Kind.INTENT:
                written = True
                if entry.body["resource"] not in resources:
                    yield Found(
                        story.run, entry.seq, f"{entry.body['resource']} is none that the run is about"
                    )
            if entry.kind is not Kind.HYDRATED:
                continue
            more = {*entry.body.get("resources", ()), *entry.body.get("holds", ())} - resources
            if written and more:
                yield Found(
                    story.run, entry.seq, f"takes on {', '.join(sorted(more))} behind its first write"
                )
            resources |= more
            for part in _KEPT:
                for name, value in entry.body.get(part, {}).items():
                    if written and kept.get((part, name), value) != value:
                        yield Found(story.run, entry.seq, f"{part} {name} became another")
                    kept.setdefault((part, name), value)


def monotone(evidence: Evidence) -> Findings:
    """22: a model stops, looks or waits; what is sent is what the rules alone would send."""
    for story in evidence.stories.values():
        yield from _judged(story)
    alone = evidence.world.alone
    if alone is None:
        yield Lacking("what the rules alone would send on the same answers was not given")
        return
    for run, sent in alone.items():
        known = evidence.stories.get(run)
        for entry in known.intents if known is not None else ():
            if (entry.body["op"], entry.body["digest"]) not in set(sent):
                yield Found(run, entry.seq, f"{entry.body['op']} is none that the rules alone would send")


def _judged(story: Story) -> Iterator[Found]:
    models = {e.body["model_id"] for e in story.all(Kind.JUDGED)}
    workers = {e.body["worker"] for e in story.claims}
    for entry in story.all(Kind.JUDGED):
        if entry.body["taken"] not in _TAKEN:
            yield Found(story.run, entry.seq, f"a model's {entry.body['taken']} was taken")
        if entry.body["rules"].startswith(("send", "carryout")):
            yield Found(story.run, entry.seq, "a model was asked where the rules write")
    for entry in story.intents:
        if entry.actor in models - workers:
            yield Found(story.run, entry.seq, f"a write by the model {entry.actor}")
