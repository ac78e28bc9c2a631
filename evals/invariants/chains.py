"""Invariants 1, 16, 17: whether chains are what was appended, by whom, under which terms."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from evals.invariants.approved import Terms
from evals.invariants.evidence import Evidence
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Story
from policies.plan import SEND_WINDOW_MS
from state.entry import GENESIS, Entry, Kind, rehash

_INPUT: Final = re.compile(r"\{inputs\.[a-z][a-z0-9_]*\}")


def order(evidence: Evidence) -> Findings:
    """1: seq gapless from 1, hashes chain, and what was seen of a chain earlier is a prefix of it."""
    for run, seq, why in evidence.unread:
        yield Found(run, seq, f"cannot be read: {why}")
    everything = {**evidence.chains, **({"desk": evidence.desk} if evidence.desk else {})}
    for run, entries in everything.items():
        yield from _continues(run, entries)
    for run, seq, sealed in evidence.world.checkpoints:
        entries = everything.get(run, ())
        if len(entries) < seq or entries[seq - 1].hash != sealed:
            yield Found(run, seq, "is not the entry that was seen there earlier")
    for row in (evidence.tables or {}).get("heads", ()):
        entries = everything.get(row["run"], ())
        if not entries or (entries[-1].seq, entries[-1].hash) != (row["seq"], row["hash"]):
            yield Found(
                row["run"], row["seq"], "is the head that the ledger counts, and the chain ends elsewhere"
            )


def _continues(run: str, entries: Sequence[Entry]) -> Iterator[Found]:
    seq, prev = 0, GENESIS
    for entry in entries:
        if entry.seq != seq + 1:
            yield Found(run, entry.seq, f"stands behind entry {seq}")
        elif entry.prev != prev:
            yield Found(run, entry.seq, f"does not name the hash of entry {seq}")
        if rehash(entry) != entry.hash:
            yield Found(run, entry.seq, "is not what was sealed")
        seq, prev = entry.seq, entry.hash


_ONCE: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.REQUESTED: (), Kind.ADMITTED: (), Kind.REJECTED: (), Kind.CLOSED: (),
    Kind.SIGNAL: ("id",), Kind.DECIDED: ("id",), Kind.ESCALATED: ("id",), Kind.CONFIRMED: ("op",),
    Kind.INTENT: ("op", "attempt"),
}  # fmt: skip
"""Entries that can stand once only in a chain, by what names them."""
_BY_WORKER: Final = frozenset({Kind.INTENT, Kind.OUTCOME, Kind.HYDRATED, Kind.CHECKED})


def single_writer(evidence: Evidence) -> Findings:
    """17: one holder an epoch, no epoch but the newest, nothing appended a second time."""
    for story in evidence.stories.values():
        epoch, worker = 0, ""
        seen: dict[Any, int] = {}
        for entry in story.entries:
            if entry.kind is Kind.CLAIMED:
                if entry.epoch != epoch + 1:
                    yield Found(story.run, entry.seq, f"claims epoch {entry.epoch} behind epoch {epoch}")
                epoch, worker = entry.epoch, entry.body["worker"]
            elif entry.epoch != epoch:
                yield Found(story.run, entry.seq, f"appended under epoch {entry.epoch}, held under {epoch}")
            elif entry.kind in _BY_WORKER and entry.actor != worker:
                yield Found(story.run, entry.seq, f"appended by {entry.actor or 'nobody'}, held by {worker}")
            if entry.kind in _ONCE:
                name = (entry.kind, *(entry.body[part] for part in _ONCE[entry.kind]))
                if name in seen:
                    yield Found(story.run, entry.seq, f"{entry.kind} stands at {seen[name]} already")
                seen.setdefault(name, entry.seq)


def pins(evidence: Evidence) -> Findings:
    """16: every entry of a run was made under the digests in its ``admitted``."""
    for story in evidence.stories.values():
        admitted = story.admitted
        if admitted is None:
            for entry in story.intents:
                yield Found(story.run, entry.seq, "a write of a run that was never admitted")
            continue
        pinned = admitted.body["pins"]
        parts = evidence.approvals.parts.get(pinned.get("bundle", ""))
        terms = evidence.terms(story)
        if parts is None or terms is None:
            yield Lacking("chain desk does not hold what a run is pinned to")
            continue
        for part, digest in parts.items():
            if pinned.get(part) != digest:
                yield Found(story.run, admitted.seq, f"its pin of {part} is not that of its bundle")
        if terms.runbook.ref != f"{admitted.body['runbook']}@{admitted.body['version']}":
            yield Found(story.run, admitted.seq, f"is pinned to {terms.runbook.ref}, another runbook")
        for entry in story.intents:
            yield from _as_pinned(story, entry, terms)


def _as_pinned(story: Story, entry: Entry, terms: Terms) -> Iterator[Found]:
    body, inputs = entry.body, story.admitted.body["inputs"] if story.admitted else {}
    source = terms.step(body["step"], body["undoes"])
    contract = terms.contracts.get(body["tool"])
    if source is None or source.tool != body["tool"] or contract is None:
        yield Found(story.run, entry.seq, f"{body['tool']} is not what step {body['step']} is pinned to")
        return
    span_ms = SEND_WINDOW_MS + round(1000 * contract.longest_request_s) + round(1000 * contract.read_lag_s)
    if body["span_ms"] != span_ms:
        yield Found(story.run, entry.seq, f"its quarantine is {body['span_ms']} ms, pinned are {span_ms}")
    if body.get("child", False) is not contract.child_process:
        yield Found(story.run, entry.seq, "whether a child process sends it is not what is pinned")
    for name, wanted in source.arguments.items():
        given = body["arguments"].get(name)
        if not isinstance(wanted, str) or "{" not in wanted:
            if given != wanted:
                yield Found(story.run, entry.seq, f"{name} is {given!r:.40}, pinned is {wanted!r:.40}")
        elif _INPUT.fullmatch(wanted) and given != inputs.get(wanted[len("{inputs.") : -1]):
            yield Found(story.run, entry.seq, f"{name} is {given!r:.40}, the request says otherwise")
    if set(body["arguments"]) != set(source.arguments):
        yield Found(story.run, entry.seq, "its arguments are not those of the pinned step")
