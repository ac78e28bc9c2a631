"""Invariants 20 and 24: that the fold says the same each time, and that tables say what the chains say."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from evals.invariants.evidence import Evidence, ms_of
from evals.invariants.report import Findings, Found, Lacking
from evals.invariants.story import Story
from policies.terms import terms_of
from state import canonical
from state.entry import Kind
from state.errors import StateError
from state.fold import apply, fold
from state.record import record_of
from state.task import Task
from state.terms import Terms

_POLLED: Final = frozenset({"hold", "stop", "connector"})
_POLLED_MS: Final = 5_000


def replay(evidence: Evidence) -> Findings:
    """20: folding a chain gives the same state and record each time, and they are those that were shown."""
    raw = {e.body["run"] for e in evidence.desk if e.kind is Kind.CLOSED_RAW}
    for story in evidence.stories.values():
        try:
            task = fold(story.entries, story.run)
            again = _stepwise(story)
        except StateError as error:
            yield Found(story.run, None, f"cannot be folded: {error}")
            continue
        if task != again:
            yield Found(story.run, None, "folds to one task, and then to another")
        if task.unsound and story.run not in raw:
            yield Found(story.run, None, f"does not add up: {task.unsound}")
        for entry in story.entries:
            if canonical.loads(entry.body_text) != entry.body:
                yield Found(story.run, entry.seq, "what is read is not what was stored")
        shown = (evidence.world.shown or {}).get(story.run)
        if shown is not None and not task.unsound:
            yield from _shown(evidence, story, shown, task)
    if evidence.world.shown is None:
        yield Lacking("nobody kept which records were shown")


def _stepwise(story: Story) -> Task:
    task = Task(run=story.run)
    for entry in story.entries:
        task = apply(task, entry)
    return task


def _shown(evidence: Evidence, story: Story, shown: Mapping[str, Any], task: Task) -> Iterator[Found]:
    head = shown["ledger"]["head"]
    entries = [entry for entry in story.entries if entry.seq <= head]
    known = evidence.terms(story)
    terms = terms_of(known.runbook) if known is not None else Terms()
    then = task if len(entries) == len(story.entries) else fold(entries, story.run)
    made = record_of(then, entries, terms, text=shown["request"]["text"])
    parts = [part for part in sorted({*made, *shown}) if made.get(part) != shown.get(part)]
    if parts:
        yield Found(story.run, head, f"was shown with another {', '.join(parts)} than its chain has")


def derived(evidence: Evidence) -> Findings:
    """24: runs, holds, due times, attempts, outbox and stops follow from the chains."""
    tables = evidence.tables
    if tables is None:
        yield Lacking("only chains were given, no tables")
        return
    raw = {e.body["run"]: e for e in evidence.desk if e.kind is Kind.CLOSED_RAW}
    wanted: dict[str, dict[Any, Any]] = {
        "runs": {},
        "holds": {},
        "attempts": {},
        "outbox": {},
        "deliveries": {},
    }
    for story in evidence.stories.values():
        if story.run not in raw:
            _rows(story, wanted)
    for signal in tables.get("signals", ()):  # a delivery that joined a run is told to it by a signal
        body = canonical.loads(signal["body"])
        if signal["kind"] == "attached" and body.get("delivery") and signal["run"] not in raw:
            wanted["deliveries"].setdefault((body["source"], body["delivery"]), signal["run"])
    read: Mapping[str, Any] = {
        "runs": lambda r: (
            r["run"],
            (r["state"], r["due_at"], r["waiting_for"], r["escalation"], r["attempts"]),
        ),
        "holds": lambda r: (r["resource"], r["run"]),
        "attempts": lambda r: ((r["run"], r["position"]), (r["resource"], r["op"], r["attempt"])),
        "outbox": lambda r: (r["id"], canonical.loads(r["notice"])),
        "deliveries": lambda r: ((r["source"], r["delivery"]), r["run"]),
    }
    for table, columns in read.items():
        rows = [columns(row) for row in tables.get(table, ()) if row["run"] not in raw]
        there = dict(rows)
        if len(rows) != len(there):
            yield Found(table, None, "two rows under one key")
        for key in sorted(there.keys() | wanted[table].keys(), key=str):
            if _instants(there.get(key)) != _instants(wanted[table].get(key)):
                run = key if table == "runs" else str(key)
                what = (
                    f"table {table} says {there.get(key)!r:.120}, the chain {wanted[table].get(key)!r:.120}"
                )
                yield Found(run, None, what)
    yield from _stops(evidence)


def _instants(value: Any) -> Any:
    """Times as milliseconds, so that two ways of writing one are the same."""
    if isinstance(value, tuple):
        return tuple(map(_instants, value))
    if isinstance(value, str) and value[4:5] == "-" and value.endswith("Z"):
        return ms_of(value)
    return value


def _rows(story: Story, wanted: dict[str, dict[Any, Any]]) -> None:
    holds: list[str] = []
    attempts = 0
    for entry in story.entries:
        body = entry.body
        if entry.kind is Kind.HYDRATED:
            holds += body.get("holds", ())
        elif entry.kind is Kind.INTENT:
            attempts += 1
            wanted["attempts"][story.run, attempts] = (body["resource"], body["op"], body["attempt"])
        elif entry.kind in (Kind.ESCALATED, Kind.NOTIFIED) and body["notice"]:
            name = f"{story.run}/{entry.seq}"
            wanted["outbox"][name] = {"id": name, **body["notice"]}
        elif entry.kind is Kind.REQUESTED and body.get("delivery"):
            wanted["deliveries"][body["source"], body["delivery"]] = story.run
    closed, rejected = story.closed, story.first(Kind.REJECTED)
    state = closed.body["state"] if closed else "rejected" if rejected else None
    for resource in holds if state is None else ():
        wanted["holds"][resource] = story.run
    stop = story.open_stop
    reason, due = _due(story) if state is None else (None, None)
    escalation = stop.escalated.body["id"] if stop else None
    wanted["runs"][story.run] = (state, due, reason, escalation, attempts)


def _due(story: Story) -> tuple[str | None, Any]:
    """For what it waits, and when it wants a worker again: an instant, or milliseconds."""
    reason: str | None = None
    until: str | None = None
    human = False
    for entry in story.entries:
        body = entry.body
        if entry.kind is Kind.WAITING:
            reason, until = body["reason"], body["until"]
        elif entry.kind is Kind.ESCALATED:
            human, reason, until = True, "human", body["next_level_at"]
        elif entry.kind is Kind.NOTIFIED and human:
            until = body["next_level_at"]
        elif entry.kind is Kind.DECIDED or (entry.kind is Kind.CLAIMED and not human):
            human, reason, until = False, None, None
    last = story.entries[-1].at
    if reason is None:
        return None, last
    if until is None and reason in _POLLED:
        return reason, ms_of(last) + _POLLED_MS
    return reason, until


def _stops(evidence: Evidence) -> Iterator[Found]:
    standing: dict[str, str] = {}
    for entry in evidence.desk:
        if entry.kind is Kind.STOPPED:
            standing[entry.body["scope"]] = entry.body["by"]
        elif entry.kind is Kind.STARTED:
            standing.pop(entry.body["scope"], None)
    stored = {row["scope"]: row["by"] for row in (evidence.tables or {}).get("stops", ())}
    if evidence.whole and stored != standing:
        yield Found("desk", None, f"table stops says {sorted(stored)}, the chain {sorted(standing)}")
