"""What reads show to an exploration: a state under the tools' models, asked by the runbook's expressions.

``sight_of`` makes the sight of a runbook. A state is a text, so that it can stand in an entry: the number of
the beginning and what each read shows, null where it could be anything. Beginnings that no expression can
tell apart count as one. Whatever reads what no model speaks of is answered by ``Trust``.
"""

import json
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policies.contract import ToolContract
from policies.contract_model import BEFORE
from policies.expressions import compile_expression
from policies.proof.effects import Book, Look, Said
from policies.proof.findings import Telling
from policies.proof.sight import Place, Question, Trust
from policies.proof.starts import Shown, Start, starts
from policies.proof.trust import trusted_of
from policies.proof.walk import recorded, walk
from policies.runbook import Precondition, Runbook
from policies.step import Check, Rollback
from state import canonical

if TYPE_CHECKING:
    from policies.proof.world import World

MAX_BEGINNINGS: Final = 3  # each multiplies what is explored
_VERDICT: Final = {Said.TRUE: "pass", Said.FALSE: "fail", Said.UNKNOWN: "unknown"}
_EFFECT: Final = {(Said.TRUE, Said.FALSE): "applied", (Said.FALSE, Said.TRUE): "absent"}


def sight_of(
    runbook: Runbook, contracts: Mapping[str, ToolContract], trust: Trust
) -> "ModelledSight | Trust":
    """Make the sight of a runbook, or ``trust`` where no model tells anything; KeyError for a lost contract.

    ``trust``: of the same plan, whose places say how many items each list has.
    """
    book, found = Book(runbook, contracts), starts(runbook, contracts)
    counts = _counts(trust)
    fitting = [start for start in found.kept if _fits(start, counts)]
    trusted = trusted_of(book, found)
    if not book.modelled or not fitting:
        if book.modelled and found.kept:
            trusted += ("no beginning has as many items as are explored: the exploration trusts all",)
        return Trust(plan=trust.plan, peers=trust.peers, trusted=trusted)
    alike: dict[tuple[Hashable, ...], Start] = {}
    for start in fitting:
        alike.setdefault(_signature(book, start), start)
    telling = sorted(alike, key=_told_apart, reverse=True)  # sorted is stable: else as they were found
    chosen = [alike[signature] for signature in telling[:MAX_BEGINNINGS]]
    if len(alike) > len(chosen):
        trusted += (f"of {len(alike)} kinds of beginnings {len(chosen)} are explored; all are evaluated",)
    order = ((c, found.refused.get(c.id)) for c in runbook.preconditions)
    refused = [
        start for c, start in order if start is not None and _fits(start, counts) and _is_told(book, c)
    ]
    return ModelledSight(book, trust, trusted, tuple(chosen), tuple(refused[:1]))


def _counts(trust: Trust) -> dict[str, int]:
    """How many items each step with a list has in the exploration."""
    counts: dict[str, int] = {}
    for step, item in trust.peers:
        if item is not None:
            counts[step] = max(counts.get(step, 0), item + 1)
    return counts


def _fits(start: Start, counts: Mapping[str, int]) -> bool:
    return all(len(start.items[step] or ()) == count for step, count in counts.items())


def _is_told(book: Book, condition: Precondition) -> bool:
    """Whether a precondition reads only what some model tells: else the exploration takes it on trust."""
    if condition.tool is not None or condition.for_each is not None:
        return False
    return {tool for tool, _ in book.fields_read(condition.expect)} <= book.modelled


def _told_apart(signature: tuple[Hashable, ...]) -> int:
    """How many probes and checks say something else once their write was applied."""
    return sum(isinstance(said, tuple) and said[0] != said[1] for said in signature)


def _signature(book: Book, start: Start) -> tuple[Hashable, ...]:
    """Everything that the expressions say on the way through a whole run from here."""
    walked = walk(book, start)
    said: list[Hashable] = [len(walked.sent), walked.stopped is None]
    for sent in (*walked.sent, *walked.undone):
        checks = sent.verify if isinstance(sent.verify, tuple) else ()
        texts = [check.expect for check in checks]
        if sent.probe is not None:
            texts += [sent.probe.applied_when, sent.probe.absent_when]
        looks = [sent.look(shown) for shown in (sent.before, sent.after)]
        said += [tuple(_counted(book, text, look) for look in looks) for text in texts]
    completion = [check.expect for check in book.runbook.completion]
    said += [_counted(book, t, Look(start=start, shown=shown)) for shown in walked.states for t in completion]
    return tuple(said)


def _counted(book: Book, text: str, look: Look) -> Said:
    """What an expression says, where it reads only what some model tells."""
    tools = {tool for tool, _ in book.fields_read(text)}
    return Said.TRUSTED if tools - book.modelled else book.said(text, look)


class ModelledSight:
    """Reads as the models tell them. States are texts of ``[beginning, [what each read shows]]``."""

    def __init__(
        self,
        book: Book,
        trust: Trust,
        trusted: tuple[str, ...],
        kept: tuple[Start, ...],
        refused: tuple[Start, ...],
    ) -> None:
        """Look at runs from ``kept``, and from ``refused``, where a precondition does not hold."""
        self.trusted = trusted
        self._book, self._trust = book, trust
        self._starts, self._kept = (*kept, *refused), len(kept)
        self._tell = Telling(book)
        self._heard: dict[tuple[Hashable, ...], tuple[Said, ...]] = {}  # what was said is said again
        self._conditions = {one.id: one for one in book.runbook.preconditions}

    def beginnings(self) -> Iterable[tuple[str, Hashable]]:
        """Every kind of beginning, told by its inputs and by what reads show."""
        return tuple(
            ("; ".join(self._tell.beginning(start)), _state(number, start.shown))
            for number, start in enumerate(self._starts)
        )

    def landed(self, shown: Hashable, place: Place, *, undo: bool, seen: Hashable) -> Hashable:
        """What reads show once this write has taken effect (once more)."""
        number, now = _read(shown)
        look = self._look(number, now, place, seen or shown, undo=undo)
        write, contract = self._book.write(place[0], undo=undo)
        arguments = self._book.arguments(write, look)
        if arguments is None:  # it cannot be told what is sent
            return _state(number, tuple(None for _ in now))
        return _state(number, self._book.applied(contract, arguments, look.start, now))

    def answers(self, asked: Question, world: "World") -> tuple[str, ...]:
        """What the expression says of what is shown; what trust says where it reads what no model tells."""
        key = (asked.kind, asked.check, asked.place, asked.undo, asked.seen, world.shown)
        said = self._heard.get(key)
        if said is None:
            number, shown = _read(world.shown)
            look = self._look(number, shown, asked.place, asked.seen, undo=asked.undo)
            said = self._heard[key] = tuple(self._said(text, look) for text in self._texts(asked))
        if not said or Said.TRUSTED in said:
            return self._trust.answers(asked, world)
        if asked.kind == "probe":
            return (_EFFECT.get((said[0], said[1]), "unknown"),)
        if asked.kind == "conflict":  # somebody else may always have been there
            return ("yes",) if said[0] is Said.TRUE else ("no", "yes")
        return (_VERDICT[said[0]],)

    def stands(self, world: "World", place: Place) -> bool:
        """Whether its effect is there, or what it sets was so already."""
        if self._trust.stands(world, place):
            return True
        sets = self._set_fields(self._book.write(place[0], undo=False)[1])
        if not sets:
            return False
        after = self.landed(world.shown, place, undo=False, seen=None)
        (number, before), (_, then) = _read(world.shown), _read(after)
        start = self._starts[number]
        told = all(
            None not in (a, b)
            for place_read, a, b in zip(start.places, before, then, strict=True)
            if place_read.tool in self._book.modelled
        )
        return told and self._book.alike(start, before, then, sets)

    def moved(self, shown: Hashable) -> Iterable[tuple[str, Hashable]]:  # noqa: ARG002
        """Nothing: that somebody else was there is an answer of ``conflict_if``."""
        return ()

    def _look(self, number: int, shown: Shown, place: Place | None, seen: Hashable, *, undo: bool) -> Look:
        start = self._starts[number]
        attempt = None if seen is None else _read(seen)[1]
        local: dict[str, Any] = {}
        if place is not None:
            items = start.items[place[0]]
            if place[1] is not None and items is not None:
                local["item"] = items[place[1]]
            write, contract = self._book.write(place[0], undo=False)
            at = Look(start=start, shown=shown, attempt=shown if undo else attempt, local=local)
            local["result"] = recorded(contract, self._book.arguments(write, at) or {})
        return Look(start=start, shown=shown, attempt=attempt, local=local)

    def _texts(self, asked: Question) -> tuple[str, ...]:
        book = self._book.runbook
        if asked.kind == "precondition":
            condition = self._conditions[asked.check]
            return (condition.expect,) if condition.tool is None and condition.for_each is None else ()
        if asked.place is None:
            return tuple(c.expect for c in book.completion if c.id == asked.check)
        write, _ = self._book.write(asked.place[0], undo=asked.undo)
        if asked.kind == "probe":
            return () if write.probe is None else (write.probe.applied_when, write.probe.absent_when)
        if asked.kind == "conflict":
            given = None if isinstance(write, Rollback) else write.conflict_if
            return () if given is None else (given,)
        checks: tuple[Check, ...] = write.verify if isinstance(write.verify, tuple) else ()
        return tuple(check.expect for check in checks if check.id == asked.check)

    def _said(self, text: str, look: Look) -> Said:
        """What an expression says; nothing that a read without a model shows is counted on, even at first."""
        return _counted(self._book, text, look)

    def _set_fields(self, contract: ToolContract) -> frozenset[tuple[str, str]]:
        return frozenset(
            (read, name)
            for read, assigned in (contract.model or {}).items()
            for name, text in assigned.items()
            if not any(use.parts[0] == BEFORE for use in compile_expression(text).names())
        )


def _state(number: int, shown: Shown) -> str:
    return canonical.dumps([number, list(shown)])


@lru_cache(maxsize=16_384)
def _read(state: Hashable) -> tuple[int, Shown]:
    number, shown = json.loads(str(state))
    return number, tuple(shown)
