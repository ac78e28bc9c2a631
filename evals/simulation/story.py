"""A seed as a human reads it: who did what when, with the entries and the target's effects between."""

from collections.abc import Iterator

from evals.simulation.play import Outcome, Play
from state.entry import DESK, Entry, Kind
from state.ledger.port import Query
from tools.sim.world import EPOCH_MS

_SHOWN = (
    "op", "attempt", "outcome", "code", "verdict", "settles", "licence", "scope", "check", "observed",
    "reason",
    "row", "until", "choice", "by", "id", "kind", "refused", "state", "step", "to", "worker", "predecessor",
    "taken", "problem", "conflicts", "holds", "send_by", "key",
)  # fmt: skip


def story_of(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a story, in the order in which things became true."""
    play: Play = outcome.story
    honest = "keeps its contract" if play.honest else "breaks its contract, and people do not say what is"
    yield f"seed {outcome.seed}, {outcome.mode}, {outcome.driver}: the target {honest}"
    for one in play.people.shapes:
        steps = ", ".join(
            f"{told.id} {told.kind}{' (optional)' if told.optional else ''}" for told in one.steps
        )
        horizon = f"longest request {one.longest_ms} ms, read lag {one.lag_ms} ms, keys {one.window_ms} ms"
        yield f"  {one.ref} ({one.mode}): {steps}; {horizon}"
    lines = [(told.when.order, told.when.ms, told.who, told.what) for told in play.kept.story]
    for run in [*(info.run for info in play.ledger.runs(Query(limit=100))), DESK]:
        for entry in play.ledger.read(run):
            when = play.kept.durable.get((run, entry.seq))
            if when is not None:
                lines.append((when.order, when.ms, "ledger", _entry(entry)))
    for _, ms, who, what in sorted(lines, key=lambda line: line[0]):
        yield f"{(ms - EPOCH_MS) / 1000:10.3f} s  {who:<7} {what}"
    for problem in outcome.problems:
        yield f"PROBLEM {problem}"
    yield f"ended: {dict(outcome.ends)}; digest {outcome.digest[:16]}"


def _entry(entry: Entry) -> str:
    body = {k: v for k, v in entry.body.items() if k in _SHOWN and v not in (None, "", [], {})}
    if entry.kind in (Kind.APPROVED, Kind.LOADED):
        body = {"scope": entry.body.get("scope", "")}
    told = ", ".join(f"{name} {value}" for name, value in body.items())
    return (
        f"{entry.run[-4:]}/{entry.seq} {entry.kind} [{entry.role} {entry.actor}, epoch {entry.epoch}] {told}"[
            :400
        ]
    )
