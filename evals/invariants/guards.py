"""Invariants 8 and 18: that every write was allowed when it was about to be sent, and not stopped."""

from collections.abc import Iterator, Sequence
from typing import Final

from evals.invariants.approved import PRINCIPALS, Change, Terms
from evals.invariants.evidence import Evidence
from evals.invariants.limits import NO_TERMS
from evals.invariants.matching import never_sent
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Story
from evals.invariants.times import came_before
from policies.plan import SEND_WINDOW_MS
from state.entry import Entry, Kind, Role

_SLACK_MS: Final = 1_000
"""Entries of different chains carry times from before their commits: closer ones cannot be told apart."""
_LIFTED: Final = frozenset({Kind.GRANTED, Kind.TURNED})


def guarded(evidence: Evidence) -> Findings:
    """8: every write is allowed by what it was pinned to and by what is in force, and not denied since."""
    for story in evidence.stories.values():
        yield from _denied(story)
        for entry in story.intents:
            if entry.role is not Role.EXECUTOR:
                yield Found(story.run, entry.seq, f"a write by the {entry.role}")
        terms = evidence.terms(story)
        if terms is None:
            if story.intents:
                yield Lacking(NO_TERMS)
            continue
        unsent = never_sent(evidence, story)
        for entry in story.intents:
            yield from _outside(story, entry, terms, "pinned")
            if entry.seq in unsent:
                continue  # what is in force was asked before the intent, and is too old to send by
            if not any(not list(_outside(story, entry, t, "")) for t in _present(evidence, story, entry)):
                yield Found(story.run, entry.seq, f"{entry.body['op']} is not allowed by what is in force")
            yield from _requester(evidence, story, entry, terms)


def _denied(story: Story) -> Iterator[Found]:
    """A denial of an operation stands until a human or another direction has lifted it."""
    denied: dict[str, int] = {}
    for entry in story.entries:
        if entry.kind in _LIFTED:
            denied.clear()
        elif entry.kind is Kind.DENIED and entry.body["op"]:
            denied[entry.body["op"]] = entry.seq
        elif entry.kind is Kind.INTENT and entry.body["op"] in denied:
            yield Found(story.run, entry.seq, f"{entry.body['op']} was denied at {denied[entry.body['op']]}")


def _outside(story: Story, entry: Entry, terms: Terms, which: str) -> Iterator[Found]:
    """What of a write lies outside a policy."""
    body, target = entry.body, str(story.admitted.body["target"]) if story.admitted else ""
    if body["tool"] not in terms.runbook.authority.tools:
        yield Found(story.run, entry.seq, f"{body['tool']} is not in the {which} authority")
    if not any(_fits(pattern, target) for pattern in terms.delegation.targets):
        yield Found(story.run, entry.seq, f"{target} is no {which} target")
    allowed = [
        pattern
        for covered, patterns in terms.delegation.resources.items()
        if _fits(covered, target)
        for pattern in patterns
    ]
    if not any(_fits(pattern, body["resource"]) for pattern in allowed):
        yield Found(story.run, entry.seq, f"{body['resource']} is not in the {which} delegation")


def _fits(pattern: str, text: str) -> bool:
    wanted, given = pattern.split("/"), text.split("/")
    return len(wanted) == len(given) and all(map(_segment_fits, wanted, given))


def _segment_fits(pattern: str, text: str) -> bool:
    """Whether ``text`` is ``pattern``, whose stars stand for anything: the shortest way each time will do."""
    head, *rest = pattern.split("*")
    if not rest or not text:
        return pattern == text
    at = len(head)
    if not text.startswith(head):
        return False
    for part in rest[:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def _in_force(evidence: Evidence, story: Story, entry: Entry, scope: str) -> Iterator[str | None]:
    """Every digest of a scope that was in force at some moment since the entry before this one.

    Or, where that is later, within the time that may lie between the guards' verdict and the send.
    """
    before = story.before(entry.seq)
    ms = evidence.when(entry).ms - SEND_WINDOW_MS
    since_ms = min(ms, evidence.when(before).ms) if before is not None else ms
    slack = 0 if evidence.ordered else _SLACK_MS
    digest: str | None = None
    changes: Sequence[Change] = [c for c in evidence.approvals.changes if c.scope == scope]
    for change in changes:
        when = evidence.when(change.entry)
        if not came_before(evidence, when, evidence.when(entry)):
            break
        if when.ms >= since_ms - slack:
            yield digest
        digest = change.to
    yield digest


def _present(evidence: Evidence, story: Story, entry: Entry) -> Iterator[Terms]:
    admitted = story.admitted.body if story.admitted else {}
    scope = f"{admitted.get('runbook')}@{admitted.get('version')}"
    for digest in _in_force(evidence, story, entry, scope):
        terms = evidence.approvals.terms(digest) if digest is not None else None
        if terms is not None:
            yield terms


def _requester(evidence: Evidence, story: Story, entry: Entry, terms: Terms) -> Iterator[Found]:
    name = str(story.admitted.body["requester"]) if story.admitted else ""
    people = [
        evidence.approvals.people(digest)
        for digest in _in_force(evidence, story, entry, PRINCIPALS)
        if digest is not None
    ]
    asks = {*terms.delegation.request}
    if not any(known is not None and known.roles(name) & asks for known in people):
        yield Found(story.run, entry.seq, f"{name} may not ask for what is written")


def stopped(evidence: Evidence) -> Findings:
    """18: no intent of a write became durable while a stop of its scope was in force."""
    spans: list[tuple[str, Entry, Entry | None]] = []
    standing: dict[str, Entry] = {}
    for entry in evidence.desk:
        if entry.kind is Kind.STOPPED:
            standing.setdefault(entry.body["scope"], entry)
        elif entry.kind is Kind.STARTED and entry.body["scope"] in standing:
            spans.append((entry.body["scope"], standing.pop(entry.body["scope"]), entry))
    spans += [(scope, entry, None) for scope, entry in standing.items()]
    if not spans:
        return
    for story in evidence.stories.values():
        runbook = str(story.admitted.body["runbook"]) if story.admitted else ""
        for intent in story.intents:
            scopes = {"desk", f"runbook:{runbook}", f"resource:{intent.body['resource']}"}
            for scope, stop, start in spans:
                if scope in scopes and _between(evidence, stop, intent, start):
                    yield Found(story.run, intent.seq, f"{intent.body['op']} behind the stop of {scope}")


def _between(evidence: Evidence, stop: Entry, intent: Entry, start: Entry | None) -> bool:
    slack = 0 if evidence.ordered else _SLACK_MS
    set_at, at = evidence.when(stop), evidence.when(intent)
    if evidence.ordered:
        return set_at.order < at.order and (start is None or at.order < evidence.when(start).order)
    return at.ms > set_at.ms + slack and (start is None or at.ms < evidence.when(start).ms - slack)
