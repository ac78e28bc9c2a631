"""Which send of ours each write that arrived at a target was: by the log itself, else by what arrived."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.invariants.evidence import Arrival, Evidence
from evals.invariants.story import Attempt, Operation, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """An arrival with the one operation that it was sent for, and those of its attempts that it can be of.

    ``operation`` None: the ledger knows of no such write, or of several that it could be.
    """

    arrival: Arrival
    story: Story | None = None
    operation: Operation | None = None
    attempts: Sequence[Attempt] = ()

    @property
    def run(self) -> str:
        """Whose it is, as far as anybody can tell."""
        return self.story.run if self.story is not None else self.arrival.run or "?"


def matched(evidence: Evidence) -> list[Matched]:
    """Match every arrival, in their order."""
    known = [
        (story, operation) for story in evidence.stories.values() for operation in story.operations.values()
    ]
    by_key: dict[str, list[tuple[Story, Operation]]] = {}
    by_resource: dict[str, list[tuple[Story, Operation]]] = {}
    for story, operation in known:
        for key in {str(a.intent.body["key"]) for a in operation.attempts}:
            by_key.setdefault(key, []).append((story, operation))
        for resource in {str(a.intent.body["resource"]) for a in operation.attempts}:
            by_resource.setdefault(resource, []).append((story, operation))
    arrivals = sorted(evidence.world.arrivals or (), key=lambda arrival: arrival.when)
    return [_match(evidence, arrival, by_key, by_resource) for arrival in arrivals]


def never_sent(evidence: Evidence, story: Story) -> frozenset[int]:
    """Intents (by seq) of which nothing left: an outcome says so, or its worker said nothing any more, and
    whoever watched the targets saw nothing of it."""
    silent = {
        a.intent.seq for operation in story.operations.values() for a in operation.attempts if a.said is None
    }
    if not silent or evidence.world.arrivals is None:
        return story.never_sent
    came = {a.intent.seq for m in matched(evidence) if m.story is story for a in m.attempts}
    return story.never_sent | (silent - came)


def _match(
    evidence: Evidence,
    arrival: Arrival,
    by_key: Mapping[str, list[tuple[Story, Operation]]],
    by_resource: Mapping[str, list[tuple[Story, Operation]]],
) -> Matched:
    candidates: list[tuple[Story, Operation]]
    if arrival.run and arrival.op:
        story = evidence.stories.get(arrival.run)
        operation = story.operations.get(arrival.op) if story is not None else None
        candidates = [(story, operation)] if story is not None and operation is not None else []
    elif arrival.key:
        candidates = by_key.get(arrival.key, [])
    else:
        candidates = by_resource.get(arrival.resource, [])
        candidates = [(s, o) for s, o in candidates if any(_meant(arrival, o))]
    if len(candidates) > 1:  # the newest that was about to be sent by then
        begun = [(s, o) for s, o in candidates if evidence.when(o.attempts[0].intent).ms <= arrival.when.ms]
        newest = sorted(begun, key=lambda pair: evidence.when(pair[1].attempts[-1].intent))
        candidates = newest[-1:] or candidates[:1]
    if not candidates:
        return Matched(arrival=arrival)
    story, operation = candidates[0]
    attempts = operation.attempts
    if arrival.attempt:
        attempts = [a for a in attempts if a.number == arrival.attempt]
    return Matched(arrival=arrival, story=story, operation=operation, attempts=attempts)


def _meant(arrival: Arrival, operation: Operation) -> Iterator[bool]:
    for attempt in operation.attempts:
        body = attempt.intent.body
        yield arrival.tool in ("", body["tool"]) and (
            arrival.arguments is None or dict(arrival.arguments) == body["arguments"]
        )
