"""Invariants 11, 14, 15: who is answerable for what, and what humans are asked, told and have decided."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from evals.invariants.approved import PRINCIPALS, Approvals, People, Terms
from evals.invariants.evidence import Evidence, ms_of
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.sends import NO_EFFECTS
from evals.invariants.story import Stop, Story
from state import canonical
from state.entry import Entry, Kind, Role

_ROLE: Final[Mapping[Kind, Collection[Role]]] = {
    Kind.REQUESTED: {Role.INTAKE}, Kind.INTERPRETED: {Role.INTAKE}, Kind.ADMITTED: {Role.INTAKE},
    Kind.REJECTED: {Role.INTAKE}, Kind.INTENT: {Role.EXECUTOR}, Kind.OUTCOME: {Role.EXECUTOR},
    Kind.HYDRATED: {Role.VERIFIER}, Kind.CHECKED: {Role.VERIFIER}, Kind.VERIFIED: {Role.VERIFIER},
    Kind.CONFIRMED: {Role.VERIFIER}, Kind.RECONCILED: {Role.VERIFIER, Role.HUMAN},
    Kind.DECIDED: {Role.HUMAN}, Kind.ESCALATED: {Role.PACKAGER}, Kind.NOTIFIED: {Role.PACKAGER},
}  # fmt: skip
_NAMED: Final = frozenset(
    {
        Kind.REQUESTED, Kind.ADMITTED, Kind.CLAIMED, Kind.INTENT, Kind.OUTCOME, Kind.VERIFIED, Kind.CHECKED,
        Kind.DECIDED, Kind.SIGNAL, Kind.RECONCILED, Kind.JUDGED, Kind.APPROVED, Kind.STOPPED, Kind.STARTED,
    }
)  # fmt: skip
"""Kinds that say who: a worker, a principal or a model."""


def attributed(evidence: Evidence) -> Findings:
    """11: every entry names who and under which versions; who verifies does not write."""
    for entry in (*evidence.desk, *(e for chain in evidence.chains.values() for e in chain)):
        if not entry.code or entry.fold_version < 1 or not entry.credential:
            yield Found(entry.run, entry.seq, "does not say by which program or credential")
        if entry.kind in _NAMED and not entry.actor:
            yield Found(entry.run, entry.seq, f"{entry.kind} by nobody")
        if entry.role not in _ROLE.get(entry.kind, (entry.role,)):
            yield Found(entry.run, entry.seq, f"{entry.kind} by the {entry.role}")
        if entry.kind is Kind.DECIDED and entry.actor != entry.body["by"]:
            yield Found(entry.run, entry.seq, f"by {entry.actor}, says {entry.body['by']}")
    yield from _credentials(evidence)


def _credentials(evidence: Evidence) -> Findings:
    for story in evidence.stories.values():
        terms = evidence.terms(story)
        for entry in story.intents if terms is not None else ():
            contract = terms.contracts.get(entry.body["tool"]) if terms is not None else None
            if contract is not None and entry.credential != contract.credentials.get("executor", "none"):
                yield Found(story.run, entry.seq, f"a write with credential {entry.credential}")
    arrivals, readers = evidence.world.arrivals, evidence.world.readers
    if arrivals is None:
        yield Lacking(NO_EFFECTS)
        return
    if readers is None:
        yield Lacking("which credentials reads came with was not kept")
        return
    wrote = {a.credential for a in arrivals if a.credential not in ("", "none")}
    for credential in sorted(wrote & set(readers)):
        run = next(a.run for a in arrivals if a.credential == credential)
        yield Found(run or "?", None, f"reads and writes came with the one credential {credential}")


def escalations(evidence: Evidence) -> Findings:
    """14: a packet lists every write and all that is open; somebody is told; nothing is sent meanwhile."""
    payloads = evidence.payloads
    outbox = {row["id"] for row in (evidence.tables or {}).get("outbox", ())}
    for story in evidence.stories.values():
        for stop in story.stops:
            entry, until = stop.escalated, stop.decided[0].seq if stop.decided else None
            for intent in story.intents:
                if entry.seq < intent.seq and (until is None or intent.seq < until):
                    yield Found(story.run, intent.seq, f"sent while {entry.body['id']} is open")
            notice = entry.body["notice"]
            if not notice or not notice.get("to"):
                yield Found(story.run, entry.seq, f"nobody is to be told of {entry.body['id']}")
            elif evidence.tables is not None and f"{story.run}/{entry.seq}" not in outbox:
                yield Found(story.run, entry.seq, f"the page on {entry.body['id']} is not in the outbox")
            if payloads is None:
                yield Lacking("no packets were given")
            else:
                yield from _packet(story, stop, payloads)
            told = evidence.world.told
            if told is not None and entry.body["id"] not in told:
                yield Found(story.run, entry.seq, f"nobody was told of {entry.body['id']}")
    if evidence.world.told is None and any(story.stops for story in evidence.stories.values()):
        yield Lacking("nobody kept who was told")


def _packet(story: Story, stop: Stop, payloads: Mapping[str, str | None]) -> Findings:
    entry = stop.escalated
    digest = entry.body["packet"]
    text = payloads.get(digest, "")
    if text is None:
        yield Lacking("a packet was erased")
        return
    try:
        packet = json.loads(text)
        rows = {row["op"]: row for row in packet["changed"]}
        left_out = packet.get("changed_left_out", 0)
    except (ValueError, KeyError, TypeError):
        yield Found(story.run, entry.seq, f"{entry.body['id']} has no packet")
        return
    begun = [o for o in story.operations.values() if o.attempts[0].intent.seq < entry.seq]
    for operation in begun[left_out:]:
        if operation.id not in rows:
            yield Found(story.run, entry.seq, f"its packet does not list {operation.id}")
        elif not _settled(story, operation.id, entry.seq) and rows[operation.id]["effect"] != "unknown":
            what = f"its packet calls {operation.id} {rows[operation.id]['effect']}, which is open"
            yield Found(story.run, entry.seq, what)
    if packet.get("basis") != entry.body["basis"]:
        yield Found(story.run, entry.seq, "its packet shows another basis than the one to decide on")


def _settled(story: Story, op: str, before: int) -> bool:
    operation = story.operations[op]
    answered = [a for a in operation.attempts if a.said is not None and a.said.seq < before and a.definite]
    settled = [s for s in operation.settling if s.seq < before and s.body["settles"]]
    seen = [s for s in operation.settling if s.seq < before and s.body["by"] == "human"]
    return bool(answered or settled or seen or operation.confirmed)


def approvals(evidence: Evidence) -> Findings:
    """15: what is approved, confirmed and decided is exactly that, by those who may, once."""
    yield from _approved(evidence.approvals, {e.seq: e for e in evidence.desk})
    for story in evidence.stories.values():
        yield from _decisions(evidence, story)
        yield from _confirmed(evidence, story)


def _approved(approvals: Approvals, desk: Mapping[int, Entry]) -> Iterator[Found]:
    in_force: dict[str, str | None] = {}
    proposed = _authors(desk)
    contents: dict[str, str] = {}
    people: People | None = None
    for change in approvals.changes:
        entry, body = change.entry, change.entry.body
        if in_force.get(change.scope) != body["from"]:
            yield Found(entry.run, entry.seq, f"{change.scope} was not at what this approval starts from")
        contents |= body["contents"]
        if any(canonical.digest_text(text) != digest for digest, text in body["contents"].items()):
            yield Found(entry.run, entry.seq, "a content is not what its digest says")
        bound = canonical.digest({"scope": change.scope, "parts": dict(body["parts"])})
        if change.to is not None and (bound != change.to or {*body["parts"].values()} - contents.keys()):
            yield Found(entry.run, entry.seq, f"does not hold what {change.scope} was approved as")
        rules = people
        if change.scope == PRINCIPALS and change.to is not None:
            people = approvals.people(change.to)
            rules = rules or people
        author, name = proposed.get(change.to or "", body["author"]), body["by"]
        if rules is not None:
            if not rules.roles(name) & {*rules.approval.approvers}:
                yield Found(entry.run, entry.seq, f"{name} may not approve")
            own = name == author and rules is not None
            first = in_force == {}
            if own and not body["solo"] and rules.approval.not_author and not first:
                yield Found(entry.run, entry.seq, f"{name} approved their own change")
            if body["solo"] and not rules.approval.solo:
                yield Found(entry.run, entry.seq, "is called solo on a desk that is not")
        in_force[change.scope] = change.to


def _authors(desk: Mapping[int, Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in desk.values():
        if entry.kind is Kind.LOADED and entry.body.get("event") == "proposed":
            found.setdefault(entry.body["to"], entry.body["by"])
    return found


_MOVES: Final = frozenset(
    {Kind.INTENT, Kind.OUTCOME, Kind.RECONCILED, Kind.VERIFIED, Kind.CHECKED, Kind.SIGNAL}
)


def _decisions(evidence: Evidence, story: Story) -> Findings:
    terms = evidence.terms(story)
    for stray in story.strays:
        if stray.kind in (Kind.DECIDED, Kind.GRANTED):
            yield Found(story.run, stray.seq, f"{stray.kind} on nothing that was asked")
    for stop in story.stops:
        for again in stop.decided[1:]:
            yield Found(story.run, again.seq, f"{stop.escalated.body['id']} was decided already")
        for decided in stop.decided[:1]:
            yield from _decider(evidence, story, decided, terms)
            basis, shown = decided.body["basis"], stop.escalated.body["basis"]
            moved = any(
                stop.escalated.seq < e.seq < decided.seq - 1 - len(decided.body["words"]) and e.kind in _MOVES
                for e in story.entries
            )
            digits = basis.removeprefix("sha256:")
            if not moved and not (len(digits) >= 8 and shown.removeprefix("sha256:").startswith(digits)):  # noqa: PLR2004
                yield Found(story.run, decided.seq, "was decided on another basis than there was")
            said = {
                e.body["op"] for o in story.operations.values() for e in o.settling if e.body["by"] == "human"
            }
            for op in set(decided.body["words"]) - said:
                yield Found(story.run, decided.seq, f"the word on {op} is not recorded")


def _decider(evidence: Evidence, story: Story, entry: Entry, terms: Terms | None) -> Findings:
    everybody = [
        people
        for change in evidence.approvals.changes
        if change.scope == PRINCIPALS and change.to is not None
        if (people := evidence.approvals.people(change.to)) is not None
    ]
    if terms is None or not everybody:
        yield Lacking("chain desk does not say who may decide")
        return
    name = str(entry.actor)
    ends = entry.body.get("choice") == "abort"  # who approves may end a run on which nobody decides
    if not any(
        people.roles(name) & {*terms.delegation.decide, *(people.approval.approvers if ends else ())}
        for people in everybody
    ):
        yield Found(story.run, entry.seq, f"{name} may not decide")


def _confirmed(evidence: Evidence, story: Story) -> Findings:
    """In mode ``confirm`` each write was asked for, and somebody who may said yes to it in time."""
    if story.admitted is None or story.admitted.body["mode"] != "confirm":
        return
    terms = evidence.terms(story)
    asked: dict[str, Entry] = {}
    answers: dict[str, Entry] = {}
    for entry in story.entries:
        body: Mapping[str, Any] = entry.body
        if entry.kind is Kind.WAITING and body["reason"] == "confirmation" and "digest" in body:
            asked[body["op"]] = entry
            answers.pop(body["op"], None)
        elif entry.kind is Kind.SIGNAL and body["kind"] == "confirm" and body["refused"] is None:
            answers[body["body"]["op"]] = entry
            own = entry.actor == story.admitted.body["requester"] and body["body"]["answer"] == "yes"
            if own and not story.admitted.body["solo"]:
                yield Found(story.run, entry.seq, f"{entry.actor} confirmed what they asked for themselves")
            if terms is not None:
                yield from _decider(evidence, story, entry, terms)
        elif entry.kind is Kind.GRANTED:
            asked.clear()
        elif entry.kind is Kind.INTENT:
            yield from _as_confirmed(story, entry, asked.get(body["op"]), answers.get(body["op"]), terms)


def _as_confirmed(
    story: Story, entry: Entry, asked: Entry | None, answer: Entry | None, terms: Terms | None
) -> Iterator[Found]:
    if asked is None or answer is None or answer.body["body"]["answer"] != "yes":
        yield Found(story.run, entry.seq, f"nobody has confirmed {entry.body['op']}")
        return
    if answer.body["body"]["digest"] != asked.body["digest"]:
        yield Found(story.run, entry.seq, "something else was confirmed than was asked for")
    if ms_of(answer.body["at"]) > ms_of(asked.body["expires_at"]):
        yield Found(story.run, entry.seq, "the question was answered when it had expired")
    contract = terms.contracts.get(entry.body["tool"]) if terms is not None else None
    condition = contract.dedupe.condition if contract is not None else None
    shown = {k: v for k, v in entry.body["arguments"].items() if k != condition}
    call = {"tool": entry.body["tool"], "arguments": shown, "resource": entry.body["resource"]}
    if canonical.digest({**call, "key": entry.body["key"]}) != asked.body["digest"]:
        yield Found(story.run, entry.seq, f"{entry.body['op']} is another write than was confirmed")
