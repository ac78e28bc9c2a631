"""What the entries of one run say of its writes and its stops, read from the bodies and from nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from state.entry import Entry, Kind

ABSENT: Final = frozenset({"refused", "not_applied", "not_sent"})
"""Outcomes that say for certain that nothing was applied."""


@dataclass(kw_only=True)
class Attempt:
    """An intent, and the outcomes that name it (more than one breaks the law)."""

    intent: Entry
    outcomes: list[Entry] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The attempt, from 1."""
        return int(self.intent.body["attempt"])

    @property
    def said(self) -> Entry | None:
        """The first outcome."""
        return self.outcomes[0] if self.outcomes else None

    @property
    def outcome(self) -> str | None:
        """What the first outcome says; None: nothing."""
        return str(self.outcomes[0].body["outcome"]) if self.outcomes else None

    @property
    def counts(self) -> bool:
        """Whether it draws on budgets."""
        return bool(self.outcomes[0].body["counts"]) if self.outcomes else True

    @property
    def definite(self) -> bool:
        """Whether its answer says what became of it."""
        return self.outcome in ABSENT or self.outcome == "succeeded"


@dataclass(kw_only=True)
class Operation:
    """One logical write. ``settling``: its ``reconciled`` entries; ``seen``: its ``verified`` entries."""

    id: str
    attempts: list[Attempt] = field(default_factory=list)
    settling: list[Entry] = field(default_factory=list)
    seen: list[Entry] = field(default_factory=list)
    confirmed: Entry | None = None
    left: Entry | None = None

    @property
    def first(self) -> Mapping[str, Any]:
        """The body of its first intent."""
        return self.attempts[0].intent.body

    @property
    def step(self) -> str:
        """Its step."""
        return str(self.first["step"])

    @property
    def undoes(self) -> str | None:
        """The operation that it undoes."""
        undone = self.first["undoes"]
        return None if undone is None else str(undone)

    @property
    def slot(self) -> tuple[str, int | None, str | None]:
        """Step, item, and what it undoes: where it draws its budget."""
        return (self.step, self.first["item"], self.undoes)

    def grounded(self, attempt: Attempt, *, before: int) -> Entry | None:
        """The entry before seq ``before`` that shows that ``attempt`` can land no more, if there is one."""
        for entry in (*self.settling, *self.seen):
            if attempt.intent.seq < entry.seq < before and (
                entry.body["absorbs"] or attempt.number in entry.body.get("grounded", ())
            ):
                return entry
        return None

    def undecided(self, *, before: int) -> Iterator[Attempt]:
        """Attempts that have no definite answer and may still land, as of the entry of seq ``before``."""
        for attempt in self.attempts:
            if attempt.intent.seq >= before:
                continue
            said = attempt.said
            answered = said is not None and said.seq < before and attempt.definite
            if not answered and self.grounded(attempt, before=before) is None:
                yield attempt


@dataclass(kw_only=True)
class Stop:
    """An escalation: the decision on it, and its being carried out."""

    escalated: Entry
    decided: list[Entry] = field(default_factory=list)
    granted: Entry | None = None


@dataclass(kw_only=True)
class Story:
    """One chain, sorted by what its entries are about."""

    run: str
    entries: Sequence[Entry]
    operations: dict[str, Operation] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)
    strays: list[Entry] = field(default_factory=list)  # entries about an operation that was never begun

    def first(self, kind: Kind) -> Entry | None:
        """The first entry of a kind."""
        return next((e for e in self.entries if e.kind is kind), None)

    def all(self, *kinds: Kind) -> list[Entry]:
        """The entries of these kinds, in order."""
        return [e for e in self.entries if e.kind in kinds]

    @cached_property
    def admitted(self) -> Entry | None:
        """The terms of the run."""
        return self.first(Kind.ADMITTED)

    @cached_property
    def closed(self) -> Entry | None:
        """Its end."""
        return self.first(Kind.CLOSED)

    @cached_property
    def claims(self) -> list[Entry]:
        """Who held it."""
        return self.all(Kind.CLAIMED)

    @cached_property
    def intents(self) -> list[Entry]:
        """Every write that was about to be sent, in order."""
        return self.all(Kind.INTENT)

    @cached_property
    def never_sent(self) -> frozenset[int]:
        """The intents (by seq) of which the outcome says that nothing left."""
        unsent = {
            (e.body["op"], e.body["attempt"])
            for e in self.all(Kind.OUTCOME)
            if e.body["outcome"] == "not_sent"
        }
        return frozenset(e.seq for e in self.intents if (e.body["op"], e.body["attempt"]) in unsent)

    @property
    def ended(self) -> bool:
        """Whether an entry says that it has ended."""
        return self.closed is not None or self.first(Kind.REJECTED) is not None

    @property
    def open_stop(self) -> Stop | None:
        """The stop that waits for a human."""
        return self.stops[-1] if self.stops and not self.stops[-1].decided and not self.ended else None

    def before(self, seq: int) -> Entry | None:
        """The entry just before ``seq``."""
        return next((e for e in reversed(self.entries) if e.seq < seq), None)


def tell(run: str, entries: Sequence[Entry]) -> Story:
    """Sort the entries of a chain."""
    story = Story(run=run, entries=entries)
    for entry in entries:
        _TELL.get(entry.kind, _nothing)(story, entry)
    return story


def _nothing(story: Story, entry: Entry) -> None:
    del story, entry


def _intent(story: Story, entry: Entry) -> None:
    op = story.operations.setdefault(entry.body["op"], Operation(id=entry.body["op"]))
    op.attempts.append(Attempt(intent=entry))


def _outcome(story: Story, entry: Entry) -> None:
    op = story.operations.get(entry.body["op"])
    attempts = op.attempts if op is not None else []
    meant = [a for a in attempts if a.number == entry.body["attempt"]]
    if meant:
        meant[-1].outcomes.append(entry)
    else:
        story.strays.append(entry)


def _about(story: Story, entry: Entry) -> None:
    op = story.operations.get(entry.body["op"])
    if op is None:
        story.strays.append(entry)
    elif entry.kind is Kind.RECONCILED:
        op.settling.append(entry)
    else:
        op.confirmed = entry


def _verified(story: Story, entry: Entry) -> None:
    op = story.operations.get(entry.body["scope"])
    if op is not None:
        op.seen.append(entry)


def _left(story: Story, entry: Entry) -> None:
    op = story.operations.get(entry.body["op"] or "")
    if op is not None:
        op.left = entry


def _escalated(story: Story, entry: Entry) -> None:
    story.stops.append(Stop(escalated=entry))


def _decided(story: Story, entry: Entry) -> None:
    meant = [s for s in story.stops if s.escalated.body["id"] == entry.body["escalation"]]
    if meant:
        meant[-1].decided.append(entry)
    else:
        story.strays.append(entry)


def _granted(story: Story, entry: Entry) -> None:
    if story.stops and story.stops[-1].granted is None:
        story.stops[-1].granted = entry
    else:
        story.strays.append(entry)


_TELL: Final = {
    Kind.INTENT: _intent,
    Kind.OUTCOME: _outcome,
    Kind.RECONCILED: _about,
    Kind.CONFIRMED: _about,
    Kind.VERIFIED: _verified,
    Kind.LEFT: _left,
    Kind.ESCALATED: _escalated,
    Kind.DECIDED: _decided,
    Kind.GRANTED: _granted,
}
