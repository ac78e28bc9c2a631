"""Invariants 13 and 21: that nothing that was accepted is lost, and nothing is taken in twice."""

from collections.abc import Iterator
from typing import Final

from evals.invariants.evidence import Calm, Evidence
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Story
from state.entry import Kind

_HUMANS: Final = frozenset({"confirmation", "hold", "stop", "pause", "window"})
"""Waits that end by what a human does, has set, or is asked by the run that holds the resource."""


def nothing_lost(evidence: Evidence) -> Findings:
    """13: accepted tasks are ended or live; once faults stop, live ones wait for a named human in time."""
    world = evidence.world
    for story in evidence.stories.values():
        if not story.entries or story.entries[0].kind is not Kind.REQUESTED:
            yield Found(story.run, 1, "does not begin with a request")
        elif not story.ended and story.admitted is None:
            yield Found(story.run, story.entries[-1].seq, "is neither admitted nor rejected")
    if world.accepted is None:
        yield Lacking("nobody kept which requests were accepted")
    for run in world.accepted or ():
        if evidence.whole and not evidence.chains.get(run):
            yield Found(run, None, "was accepted, and there is no chain of it")
    yield from _signals(evidence)
    if world.calm is None:
        yield Lacking("faults did not stop, so that nothing had to end")
        return
    if world.calm.now_ms - world.calm.since_ms < world.calm.bound_ms:
        yield Lacking("the time in which everything must end is not over")
        return
    for story in evidence.stories.values():
        yield from _waits(evidence, story, world.calm)


def _signals(evidence: Evidence) -> Findings:
    posted = evidence.world.posted
    if posted is None:
        yield Lacking("nobody kept which signals were posted")
        return
    folded = {e.body["id"] for s in evidence.stories.values() for e in s.all(Kind.SIGNAL)}
    waiting = {row["id"] for row in (evidence.tables or {}).get("signals", ())}
    for name in sorted(set(posted) - folded - waiting):
        yield Found("?", None, f"signal {name} was taken in, and is nowhere")
    for row in (evidence.tables or {}).get("signals", ()) if evidence.world.calm is not None else ():
        story = evidence.stories.get(row["run"])
        if row["folded_seq"] is None and story is not None and not story.ended:
            yield Found(row["run"], None, f"signal {row['id']} was never folded in")


def _waits(evidence: Evidence, story: Story, calm: Calm) -> Iterator[Found]:
    if story.ended or any(e.kind is Kind.CLOSED_RAW and e.body["run"] == story.run for e in evidence.desk):
        return
    last = story.entries[-1]
    if story.open_stop is not None:
        if not story.open_stop.escalated.body["notice"]:
            yield Found(story.run, last.seq, "waits for nobody")
        return
    wait = next((e for e in reversed(story.entries) if e.kind is Kind.WAITING), None)
    if wait is not None and wait.body["reason"] in _HUMANS:
        return
    at = max(evidence.when(last).ms, calm.since_ms)
    if calm.now_ms - at >= calm.bound_ms:
        yield Found(story.run, last.seq, f"is live, and nothing has come of it for {calm.now_ms - at} ms")


def intake(evidence: Evidence) -> Findings:
    """21: one task per source and delivery; the same id with another body is a conflict."""
    first: dict[tuple[str, str], str] = {}
    digests: dict[tuple[str, str], str | None] = {}
    for story in evidence.stories.values():
        body = story.entries[0].body if story.entries else {}
        if not body.get("delivery"):
            continue
        name = (str(body["source"]), str(body["delivery"]))
        if name in first:
            yield Found(story.run, 1, f"delivery {name[1]} of {name[0]} has made {first[name]} already")
        first.setdefault(name, story.run)
        digests.setdefault(name, body.get("delivery_digest"))
    if evidence.world.deliveries is None:
        yield Lacking("what was answered to deliveries was not kept")
        return
    bodies: dict[tuple[str, str], tuple[str, str]] = {}
    for delivery in evidence.world.deliveries:
        name = (delivery.source, delivery.delivery)
        digest, run = bodies.setdefault(name, (delivery.digest, delivery.answer))
        if digest != delivery.digest and delivery.answer == run:
            yield Found(run, None, f"delivery {name[1]} came with another body, and was taken for {run}")
        if digest == delivery.digest and delivery.answer != run:
            yield Found(delivery.answer, None, f"delivery {name[1]} was taken for {run} and for another run")
        if delivery.answer != "conflict" and evidence.whole and delivery.answer not in evidence.chains:
            yield Found(
                delivery.answer, None, f"delivery {name[1]} was accepted, and there is no chain of it"
            )
