"""Invariants 12 and 23: that ends are true, and that resources are held by one until nothing may land."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from evals.invariants.approved import Terms
from evals.invariants.evidence import Evidence, When
from evals.invariants.limits import NO_TERMS
from evals.invariants.matching import matched
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.sends import excused
from evals.invariants.story import Operation, Story
from evals.invariants.times import came_before, elapsed_ms, may_land, said_ms
from policies.step import Rollback
from state.entry import Entry, Kind, Role

_PROVEN: Final = {"completed": "completion", "partially_completed": "completion", "rolled_back": "rollback"}
_SLACK_MS: Final = 1_000


def evidenced(evidence: Evidence) -> Findings:
    """12: ends are evidenced by the verifier, true at the target, and leave nothing open."""
    for story in evidence.stories.values():
        closed = story.closed
        if closed is None:
            continue
        state = closed.body["state"]
        if state == "closed_by_human":
            yield from _by_human(evidence, story, closed)
            continue
        yield from _open(evidence, story, closed)
        if state in _PROVEN:
            terms = evidence.terms(story)
            if terms is None:
                yield Lacking(NO_TERMS)
            yield from _checks(evidence, story, closed, terms)
            yield from _true(evidence, story, closed)
        if state == "rolled_back":
            yield from _compensated(story, closed)
    yield from _later(evidence)


def _open(evidence: Evidence, story: Story, closed: Entry) -> Iterator[Found]:
    for operation in story.operations.values():
        last = operation.attempts[-1]
        settled = last.definite or any(s.body["settles"] for s in operation.settling)
        if not settled:
            yield Found(story.run, closed.seq, f"ended with {operation.id} unresolved")
        for attempt in operation.undecided(before=closed.seq):
            if may_land(evidence, story, attempt, closed):
                yield Found(story.run, closed.seq, f"ended while {operation.id}#{attempt.number} may land")


def _by_human(evidence: Evidence, story: Story, closed: Entry) -> Iterator[Found]:
    decided = [d for stop in story.stops for d in stop.decided]
    if not decided or decided[-1].body["choice"] not in ("abort", "mark_done"):
        yield Found(story.run, closed.seq, "was closed by a human, and none has decided so")
    record = (evidence.world.shown or {}).get(story.run)
    if record is None or "unresolved" not in record:
        return
    for operation in story.operations.values():
        definite = operation.attempts[-1].definite or any(s.body["settles"] for s in operation.settling)
        if not definite and operation.id not in record["unresolved"]:
            yield Found(story.run, closed.seq, f"its record does not list {operation.id} as unresolved")


def _last_passes(story: Story, scope: str, before: int) -> dict[str, Entry]:
    newest = {
        e.body["check"]: e for e in story.all(Kind.VERIFIED) if e.body["scope"] == scope and e.seq < before
    }
    return {check: entry for check, entry in newest.items() if entry.body["verdict"] == "pass"}


def _checks(evidence: Evidence, story: Story, closed: Entry, terms: Terms | None) -> Iterator[Found]:
    """A passing look of the verifier for every condition, behind the last write and its read lag."""
    scope = _PROVEN[closed.body["state"]]
    passed = _last_passes(story, scope, closed.seq)
    for name in _wanted(story, scope, terms) - passed.keys():
        yield Found(story.run, closed.seq, f"ended {closed.body['state']}, and {name} did not pass")
    if not passed and scope == "completion":
        yield Found(story.run, closed.seq, "ended completed, and nothing was looked at")
    for name, entry in passed.items():
        if entry.role is not Role.VERIFIER:
            yield Found(story.run, entry.seq, f"{name} was passed by the {entry.role}")
        for seq, said, lag_ms in _written(story, terms):
            if entry.seq < seq or _passed_ms(evidence, said, entry) < lag_ms:
                yield Found(
                    story.run, entry.seq, f"{name} was looked at before the write at {seq} could be seen"
                )
                break


def _wanted(story: Story, scope: str, terms: Terms | None) -> set[str]:
    if terms is None:
        return set()
    if scope == "completion":
        left = {e.body["step"] for e in story.all(Kind.LEFT)}
        return {c.id for c in terms.runbook.completion if c.of_step not in left}
    wanted = set()
    for operation in story.operations.values():
        source = terms.step(operation.step, operation.undoes) if operation.undoes else None
        if isinstance(source, Rollback) and isinstance(source.verify, tuple):
            wanted |= {f"{operation.id}:{check.id}" for check in source.verify}
    return wanted


def _passed_ms(evidence: Evidence, said: Entry, look: Entry) -> int:
    """Time between two entries by their own words; the true time where their clock was set back between."""
    by_words = said_ms(said, look)
    return max(by_words, elapsed_ms(evidence, said, look)) if evidence.ordered else by_words


def _written(story: Story, terms: Terms | None) -> Iterator[tuple[int, Entry, int]]:
    """Each write that had an effect, the entry that says so, and how long reads may lag behind it."""
    for operation in story.operations.values():
        contract = terms.contracts.get(operation.first["tool"]) if terms is not None else None
        lag_ms = round(1000 * contract.read_lag_s) if contract is not None else 0
        for attempt in operation.attempts:
            if attempt.outcome == "succeeded" and attempt.said is not None:
                yield attempt.intent.seq, attempt.said, lag_ms
            elif attempt.outcome in (None, "unknown"):
                yield attempt.intent.seq, attempt.intent, lag_ms
        applied = [s for s in operation.settling if s.body["settles"] == "succeeded"]
        if applied and applied[0].body["by"] == "probe":
            yield applied[0].seq, applied[0], lag_ms


def _compensated(story: Story, closed: Entry) -> Iterator[Found]:
    undone = {operation.undoes for operation in story.operations.values() if operation.undoes}
    for operation in story.operations.values():
        if operation.undoes is None and _has_effect(operation) and operation.id not in undone:
            yield Found(story.run, closed.seq, f"ended rolled back, and {operation.id} was not undone")


def _has_effect(operation: Operation) -> bool:
    if any(e.body["effect"] == "absent" for e in operation.seen[-1:]):
        return False
    answered = any(a.outcome == "succeeded" for a in operation.attempts)
    settled = [s.body["settles"] for s in operation.settling if s.body["settles"]]
    return answered or settled[-1:] == ["succeeded"]


def _true(evidence: Evidence, story: Story, closed: Entry) -> Findings:
    """At some moment of the passing look, what was to be was so at the target itself."""
    goals, states = evidence.world.goals, evidence.world.states
    if goals is None or states is None:
        yield Lacking("nobody kept what was true at the targets")
        return
    state = closed.body["state"]
    goal = goals.get(story.run)
    wanted = goal.rolled_back if goal and state == "rolled_back" else goal.completed if goal else None
    passed = _last_passes(story, _PROVEN[state], closed.seq)
    if wanted is None or not passed or state == "partially_completed":
        return
    first, last = min(passed.values(), key=lambda e: e.seq), evidence.when(closed)
    since = max(
        (
            evidence.when(e)
            for e in story.entries
            if e.seq < first.seq and evidence.when(e) < evidence.when(first)
        ),
        default=evidence.when(first),
    )
    for thing, value in wanted.items():
        if not any(value == held for held in _held(states, thing, since, last)):
            shown = list(_held(states, thing, since, last))
            yield Found(story.run, closed.seq, f"ended {state}, and {thing} was {shown}, not {value!r:.60}")


def _held(states: Sequence[Any], thing: str, since: When, until: When) -> Iterator[Any]:
    """What a thing was from ``since`` to ``until``."""
    of_it = sorted((s for s in states if s.thing == thing), key=lambda s: s.when)
    for state, after in zip(of_it, [*of_it[1:], None], strict=True):
        if state.when <= until and (after is None or after.when > since):
            yield state.value


def _later(evidence: Evidence) -> Findings:
    """No write of ours lands at a target behind the end of its run."""
    if evidence.world.arrivals is None:
        yield Lacking("no target's own log was given")
        return
    groups: dict[tuple[str, str], list[Any]] = {}
    for each in matched(evidence):
        if each.story is None or each.operation is None or not each.arrival.applied:
            continue
        group = groups.setdefault((each.run, each.operation.id), [])
        group.append(each)
        closed = each.story.closed
        if closed is None or came_before(evidence, each.arrival.when, evidence.when(closed)):
            continue
        contract = evidence.contract(each.story, each.operation.first["tool"])
        if not excused(evidence, each.operation, group, contract):
            yield Found(each.run, closed.seq, f"{each.operation.id} landed behind the end of the run")


def resources(evidence: Evidence) -> Findings:
    """23: one live run holds a resource, until nothing on it may land; what was written was held."""
    raw = {e.body["run"]: e for e in evidence.desk if e.kind is Kind.CLOSED_RAW}
    spans: dict[str, list[tuple[When, When | None, str, int]]] = {}
    for story in evidence.stories.values():
        held: dict[str, Entry] = {}
        end = story.closed or raw.get(story.run)
        for entry in story.entries:
            for resource in entry.body.get("holds", ()) if entry.kind is Kind.HYDRATED else ():
                held.setdefault(resource, entry)
            if entry.kind is Kind.INTENT and entry.body["resource"] not in held:
                yield Found(story.run, entry.seq, f"writes {entry.body['resource']}, which it does not hold")
        for resource, entry in held.items():
            until = evidence.when(end) if end is not None else None
            spans.setdefault(resource, []).append((evidence.when(entry), until, story.run, entry.seq))
        if story.closed is not None:
            yield from _released(evidence, story, story.closed)
    for resource, of_it in spans.items():
        yield from _shared(evidence, resource, sorted(of_it, key=lambda span: span[0]))


def _released(evidence: Evidence, story: Story, closed: Entry) -> Iterator[Found]:
    for operation in story.operations.values():
        for attempt in operation.undecided(before=closed.seq):
            if may_land(evidence, story, attempt, closed):
                resource, name = attempt.intent.body["resource"], f"{operation.id}#{attempt.number}"
                what = f"{resource} is freed while {name} may land"
                yield Found(story.run, closed.seq, what)


def _shared(
    evidence: Evidence, resource: str, spans: Sequence[tuple[When, When | None, str, int]]
) -> Iterator[Found]:
    slack = 0 if evidence.ordered else _SLACK_MS
    for (_, until, holder, _), (since, _, run, seq) in pairwise(spans):
        over = until is not None and (
            until.order <= since.order if evidence.ordered else until.ms <= since.ms + slack
        )
        if not over:
            yield Found(run, seq, f"takes {resource}, which {holder} holds")
