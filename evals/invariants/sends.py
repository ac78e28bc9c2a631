"""Invariants 2, 3, 4, 5, 6, 9: what was sent, under which intent, how often, and what became of it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from evals.invariants.evidence import Evidence
from evals.invariants.matching import Matched, matched
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Attempt, Operation, Story
from evals.invariants.times import came_before, elapsed_ms, licensed, may_land
from policies.contract import DedupeKind, ToolContract
from state import canonical
from state.entry import Entry, Kind

NO_EFFECTS: Final = "no target's own log was given"
_MARGIN_MS: Final = 60_000  # no key is sent in the last part of its window


def intent_first(evidence: Evidence) -> Findings:
    """2: every write that arrived has one intent, of the same key and call, durable before it."""
    if evidence.world.arrivals is None:
        yield Lacking(NO_EFFECTS)
        return
    arrived: dict[tuple[str, str], int] = {}
    for each in matched(evidence):
        arrival = each.arrival
        if each.operation is None:
            yield Found(each.run, None, f"a write on {arrival.resource} arrived that no intent is for")
            continue
        name = (each.run, each.operation.id)
        arrived[name] = arrived.get(name, 0) + 1
        known = each.attempts or each.operation.attempts
        before = [a for a in known if came_before(evidence, evidence.when(a.intent), arrival.when)]
        if not before:
            yield Found(each.run, known[0].intent.seq, f"{name[1]} arrived before its intent was durable")
        elif arrived[name] > _durable(evidence, each):
            yield Found(each.run, None, f"{name[1]} arrived {arrived[name]} times, under fewer intents")
        keys = {str(a.intent.body["key"]) for a in known}
        if arrival.key and arrival.key not in keys:
            yield Found(each.run, None, f"{name[1]} arrived under key {arrival.key}, which it has not")


def _durable(evidence: Evidence, each: Matched) -> int:
    attempts = each.operation.attempts if each.operation is not None else []
    return sum(came_before(evidence, evidence.when(a.intent), each.arrival.when) for a in attempts)


def at_most_once(evidence: Evidence) -> Findings:
    """3: what was applied of an operation and not undone is there at most once."""
    if evidence.world.arrivals is None:
        yield Lacking(NO_EFFECTS)
        return
    applied: dict[tuple[str, str], list[Matched]] = {}
    for each in matched(evidence):
        if each.arrival.applied and each.operation is not None:
            applied.setdefault((each.run, each.operation.id), []).append(each)
    undone = {
        (run, each[0].operation.undoes): len(each)
        for (run, _), each in applied.items()
        if each[0].operation is not None and each[0].operation.undoes
    }
    for (run, op), effects in applied.items():
        story, operation = effects[0].story, effects[0].operation
        if story is None or operation is None or len(effects) - undone.get((run, op), 0) <= 1:
            continue
        contract = evidence.contract(story, operation.first["tool"])
        if not excused(evidence, operation, effects, contract):
            yield Found(run, operation.attempts[-1].intent.seq, f"{op} was applied {len(effects)} times")


def excused(
    evidence: Evidence, operation: Operation, each: list[Matched], contract: ToolContract | None
) -> bool:
    """A sender that slept past its key's window, or a human's word that was not so."""
    if any(s.body["by"] == "human" and s.body["verdict"] == "not_applied" for s in operation.settling):
        return True
    if any("attested" in s.body["licence"] for s in operation.settling):
        return True
    window_ms = _window_ms(contract)
    if window_ms is None:
        return False
    first, *later = each
    slept = bool(later) and all(late.arrival.when.ms - first.arrival.when.ms >= window_ms for late in later)
    began = operation.attempts[0].intent
    return slept and all(elapsed_ms(evidence, began, a.intent) < window_ms for a in operation.attempts)


def _window_ms(contract: ToolContract | None) -> int | None:
    if contract is None or contract.dedupe.kind is not DedupeKind.NATIVE_KEY:
        return None
    return None if contract.dedupe.window_s is None else round(1000 * contract.dedupe.window_s)


def single_outcome(evidence: Evidence) -> Findings:
    """4: an intent has at most one outcome, and an operation is settled once a send."""
    for story in evidence.stories.values():
        for entry in story.strays:
            if entry.kind in (Kind.OUTCOME, Kind.RECONCILED, Kind.CONFIRMED):
                yield Found(story.run, entry.seq, f"{entry.kind} of what was never begun")
        for operation in story.operations.values():
            for attempt in operation.attempts:
                for again in attempt.outcomes[1:]:
                    what = f"a second outcome of {operation.id}#{attempt.number}: {again.body['outcome']}"
                    yield Found(story.run, again.seq, what)
            yield from _settled_twice(story, operation)


def _settled_twice(story: Story, operation: Operation) -> Iterator[Found]:
    settled: Entry | None = None
    for entry in sorted(
        (*(a.intent for a in operation.attempts), *operation.settling), key=lambda each: each.seq
    ):
        if entry.kind is Kind.INTENT:
            settled = None
        elif entry.body["settles"] is not None and entry.body["by"] == "probe":
            if settled is not None:
                yield Found(story.run, entry.seq, f"{operation.id} was settled at {settled.seq} already")
            settled = entry


def ambiguity(evidence: Evidence) -> Findings:
    """5: nothing is sent again unless the send before it is known, absorbed, or shown to be absent."""
    for story in evidence.stories.values():
        slots: dict[tuple[str, int | None, str | None], list[Operation]] = {}
        for operation in story.operations.values():
            slots.setdefault(operation.slot, []).append(operation)
            yield from _words(evidence, story, operation)
            contract = evidence.contract(story, operation.first["tool"])
            if len(operation.attempts) > 1 and contract is None:
                yield Lacking("chain desk does not hold the contract of a tool that was sent again")
                continue
            for later in operation.attempts[1:]:
                for earlier in operation.attempts:
                    if earlier.intent.seq < later.intent.seq:
                        yield from _again(evidence, story, operation, earlier, later)
        for same in slots.values():
            for before, after in pairwise(same):
                yield from _anew(evidence, story, before, after)


def _words(evidence: Evidence, story: Story, operation: Operation) -> Iterator[Found]:
    """What settles an operation as absent, and a human's word, counts behind the quarantine alone."""
    for entry in operation.settling:
        human = entry.body["by"] == "human"
        if not human and entry.body["settles"] != "not_applied":
            continue
        what = "a human's word on" if human else "the absence of"
        for attempt in operation.undecided(before=entry.seq):
            spent = elapsed_ms(evidence, attempt.intent, entry)
            if spent < attempt.intent.body["span_ms"]:
                name = f"{operation.id}#{attempt.number}"
                yield Found(
                    story.run, entry.seq, f"{what} {name} was taken in its quarantine, after {spent} ms"
                )
            used_up = not human and any(
                a.said is not None and a.said.body["condition_failed"] for a in operation.attempts
            )
            if not used_up and not licensed(story, attempt, before=entry.seq):
                name = f"{operation.id}#{attempt.number}"
                yield Found(story.run, entry.seq, f"{what} {name} was taken while its sender may still send")
        if not human and entry.body["verdict"] != "absent":
            yield Found(
                story.run, entry.seq, f"{operation.id} was settled as absent by {entry.body['verdict']}"
            )


def _again(
    evidence: Evidence, story: Story, operation: Operation, earlier: Attempt, later: Attempt
) -> Iterator[Found]:
    """Whether an earlier attempt allows a later one of the same operation."""
    seq, granted = later.intent.seq, later.intent.body["granted"]
    said = earlier.said if earlier.said is not None and earlier.said.seq < seq else None
    outcome = said.body["outcome"] if said is not None else None
    if outcome in ("not_applied", "not_sent") or (outcome == "refused" and granted):
        return
    if any(
        s.body["settles"] == "not_applied" and earlier.intent.seq < s.seq < seq for s in operation.settling
    ):
        return
    name = f"{operation.id}#{later.number}"
    if outcome in ("refused", "succeeded"):  # definite; what follows it at once has to be paid for by a human
        if earlier is operation.attempts[later.number - 2] and not granted:
            yield Found(story.run, seq, f"{name} was sent although #{earlier.number} {outcome}")
        return
    contract = evidence.contract(story, operation.first["tool"])
    kind = contract.dedupe.kind if contract is not None else DedupeKind.NONE
    if kind in (DedupeKind.NATURAL_KEY, DedupeKind.CONDITIONAL_WRITE):
        return
    if kind is not DedupeKind.NATIVE_KEY:
        yield Found(story.run, seq, f"{name} was sent while #{earlier.number} may have been applied")
        return
    window_ms = _window_ms(contract)
    longest_ms = round(1000 * contract.longest_request_s) if contract is not None else 0
    age_ms = elapsed_ms(evidence, operation.attempts[0].intent, later.intent)
    if window_ms is not None and age_ms > window_ms - longest_ms - _MARGIN_MS + 1000:
        yield Found(story.run, seq, f"{name} was sent with a key of {age_ms} ms in a window of {window_ms}")


def _anew(evidence: Evidence, story: Story, before: Operation, after: Operation) -> Iterator[Found]:
    """Whether an operation allows another one in its place."""
    entry = after.attempts[0].intent
    for attempt in before.undecided(before=entry.seq):
        settled = any(s.body["settles"] and s.seq < entry.seq for s in before.settling)
        if not settled and may_land(evidence, story, attempt, entry):
            what = f"{after.id} was sent while {before.id}#{attempt.number} may still land"
            yield Found(story.run, entry.seq, what)
    last = before.attempts[-1]
    absent = last.outcome in ("not_applied", "refused", "not_sent") or any(
        s.body["settles"] == "not_applied" or s.body["verdict"] == "not_applied" for s in before.settling
    )
    contract = evidence.contract(story, before.first["tool"])
    if not absent and contract is not None and not contract.repeatable:
        yield Found(story.run, entry.seq, f"{after.id} does {before.id} over, which is not repeatable")
    known = absent or any(e.body["effect"] is not None for e in before.seen) or last.intent.body["granted"]
    known = known or any(s.body["settles"] for s in before.settling) or entry.body["granted"]
    if not known:
        yield Found(story.run, entry.seq, f"{after.id} does {before.id} over, whose effect is not known")


def keys(evidence: Evidence) -> Findings:
    """6: a key names one operation of one run, and always the same call."""
    owner: dict[str, tuple[str, str]] = {}
    for story in evidence.stories.values():
        for operation in story.operations.values():
            for attempt in operation.attempts:
                body, seq = attempt.intent.body, attempt.intent.seq
                if body["key"] != f"{story.run}/{operation.id}":
                    yield Found(story.run, seq, f"{operation.id} has the key {body['key']}")
                if owner.setdefault(body["key"], (story.run, operation.id)) != (story.run, operation.id):
                    yield Found(story.run, seq, f"key {body['key']} is that of another operation")
                if operation.id != _named(body):
                    yield Found(
                        story.run, seq, f"{operation.id} is not named by what it does: {_named(body)}"
                    )
                for part in ("arguments", "tool", "resource", "step", "item", "undoes"):
                    if body[part] != operation.first[part]:
                        yield Found(story.run, seq, f"{operation.id} has other {part} than its first attempt")


def _named(body: dict[str, object]) -> str:
    place = body["step"] if body["item"] is None else f"{body['step']}[{body['item']}]"
    return f"undo:{body['undoes']}/{body['ordinal']}" if body["undoes"] else f"{place}/{body['ordinal']}"


def bytes_decided(evidence: Evidence) -> Findings:
    """9: what arrived is what was decided."""
    for story in evidence.stories.values():
        for entry in story.intents:
            if entry.body["digest"] != _digest(entry.body, entry.body["key"]):
                yield Found(story.run, entry.seq, "its digest is not that of its call")
    if evidence.world.arrivals is None:
        yield Lacking(NO_EFFECTS)
        return
    if any(a.arguments is None or not a.tool for a in evidence.world.arrivals):
        yield Lacking("the target's log does not say what arrived")
    for each in matched(evidence):
        arrival = each.arrival
        if each.operation is None or arrival.arguments is None or not arrival.tool:
            continue
        key = arrival.key or each.operation.first["key"]
        came = _digest({**each.operation.first, "tool": arrival.tool, "arguments": dict(arrival.arguments),
                        "resource": arrival.resource}, key)  # fmt: skip
        if came not in {str(a.intent.body["digest"]) for a in each.operation.attempts}:
            yield Found(
                each.run, each.operation.attempts[0].intent.seq, "something else arrived than was decided"
            )


def _digest(body: dict[str, object], key: object) -> str:
    return canonical.digest(
        {"tool": body["tool"], "arguments": body["arguments"], "resource": body["resource"], "key": key}
    )
