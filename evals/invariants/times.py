"""How long something took, and what came before what, as far as the evidence can tell."""

from typing import Final

from evals.invariants.evidence import Evidence, When, ms_of
from evals.invariants.story import Attempt, Story
from state.entry import Entry, Kind

_STEPS_MS: Final = 50  # a database's clock is set while it runs


def came_before(evidence: Evidence, first: When, second: When) -> bool:
    """Whether ``first`` was not behind ``second``."""
    return first.order <= second.order if evidence.ordered else first.ms <= second.ms


def elapsed_ms(evidence: Evidence, first: Entry, second: Entry) -> int:
    """Milliseconds of true time between two entries, a little more where only their own times are known."""
    passed = evidence.when(second).ms - evidence.when(first).ms
    return passed if evidence.ordered else passed + _STEPS_MS


def said_ms(first: Entry, second: Entry) -> int:
    """Milliseconds from one entry to another by their own times."""
    return ms_of(second.at) - ms_of(first.at)


def licensed(story: Story, attempt: Attempt, *, before: int) -> bool:
    """Whether its sender was shown, before seq ``before``, to be unable to send any more.

    The death of a worker says nothing of the child process through which it sent.
    """
    said = attempt.said
    if said is not None and said.seq < before and said.body["returned"] is not None:
        return True
    epoch = attempt.intent.epoch
    behind = [e for e in story.entries if attempt.intent.seq < e.seq < before]
    child = attempt.intent.body.get("child", False)
    proven = not child and any(e.kind is Kind.CLAIMED and epoch in e.body["proven"] for e in behind)
    return proven or any(epoch in e.body["body"]["epochs"] for e in behind if _attests(e))


def _attests(entry: Entry) -> bool:
    """Whether a human states in it that senders are dead, and was heard."""
    return entry.kind is Kind.SIGNAL and entry.body["kind"] == "attest" and entry.body["refused"] is None


def may_land(evidence: Evidence, story: Story, attempt: Attempt, at: Entry) -> bool:
    """Whether an attempt without a definite answer may still land at the entry ``at``."""
    over = elapsed_ms(evidence, attempt.intent, at) >= attempt.intent.body["span_ms"]
    return not (over and licensed(story, attempt, before=at.seq))
