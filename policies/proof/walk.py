"""What a run meets from one beginning when all goes well: each write sent and applied once, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.contract import ToolContract
from policies.proof.effects import Book, Look, Said
from policies.proof.starts import Shown, Start
from policies.step import Probe, Rollback, Step, Verify
from policies.yaml_tree import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One write that was applied: what was shown before and after. ``undo``: it undoes its step."""

    start: Start
    step: Step
    index: int
    item: Any
    undo: bool
    write: Step | Rollback
    contract: ToolContract
    arguments: Mapping[str, Any]
    local: Mapping[str, Any]
    before: Shown
    after: Shown

    @property
    def changed(self) -> bool:
        """Whether any read shows something else, as far as it can be told."""
        return any(a != b for a, b in zip(self.before, self.after, strict=True) if None not in (a, b))

    @property
    def path(self) -> Path:
        """Where it stands in the file."""
        return ("steps", self.index, "rollback") if self.undo else ("steps", self.index)

    @property
    def name(self) -> str:
        """How a story names it."""
        item = "" if self.step.for_each is None else f" of {self.item}"
        return f"the undo of {self.step.id}{item}" if self.undo else f"{self.step.id}{item}"

    @property
    def probe(self) -> Probe | None:
        """The probe that would be asked of it."""
        return self.write.probe

    @property
    def verify(self) -> Verify | None:
        """The checks that prove it."""
        return self.write.verify

    def look(self, shown: Shown) -> Look:
        """Where its probe and checks are asked, when reads show this."""
        return Look(start=self.start, shown=shown, attempt=self.before, local=self.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """All that was applied. ``stopped``: the path of what ended the run early, with the look at it."""

    start: Start
    left: frozenset[str]
    sent: tuple[Sent, ...] = ()
    undone: tuple[Sent, ...] = ()  # beside each of ``sent`` that has an undo: what undoing it at once does
    stopped: tuple[Path, Look] | None = None

    @property
    def states(self) -> tuple[Shown, ...]:
        """What reads showed at first and after each write."""
        return (self.start.shown, *(one.after for one in self.sent))


def walk(book: Book, start: Start, left: frozenset[str] = frozenset()) -> Walked:
    """Send every step's writes but those of ``left``, each applied as its model says."""
    shown = start.shown
    sent: list[Sent] = []
    undone: list[Sent] = []
    stopped: tuple[Path, Look] | None = None
    for index, step in enumerate(book.runbook.steps):
        listed = start.items[step.id]
        for item in () if step.id in left or stopped else (None,) if listed is None else listed:
            local = {} if listed is None else {"item": item}
            look = Look(start=start, shown=shown, attempt=shown, local=local)
            stopped = _stopped(book, index, look)
            if stopped is not None:
                break
            sent.append(_send(book, index, look))
            undo = _undo(book, sent[-1])
            if undo is not None:
                undone.append(undo)
            shown = sent[-1].after
    return Walked(start=start, left=left, sent=tuple(sent), undone=tuple(undone), stopped=stopped)


def _stopped(book: Book, index: int, look: Look) -> tuple[Path, Look] | None:
    """What keeps a step from being sent here: a conflict, or an argument that is not there."""
    step = book.runbook.steps[index]
    if step.conflict_if is not None and book.said(step.conflict_if, look) in (Said.TRUE, Said.UNKNOWN):
        return ("steps", index, "conflict_if"), look
    if book.arguments(step, look) is None:
        return ("steps", index, "with"), look
    return None


def _send(book: Book, index: int, look: Look) -> Sent:
    step = book.runbook.steps[index]
    write, contract = book.write(step.id, undo=False)
    arguments = book.arguments(write, look) or {}
    local = dict(look.local or {})
    return Sent(
        start=look.start, step=step, index=index, item=local.get("item"), undo=False, write=write,
        contract=contract, arguments=arguments, local={**local, "result": recorded(contract, arguments)},
        before=look.shown, after=book.applied(contract, arguments, look.start, look.shown),
    )  # fmt: skip


def _undo(book: Book, done: Sent) -> Sent | None:
    if not isinstance(done.step.rollback, Rollback):
        return None
    write, contract = book.write(done.step.id, undo=True)
    look = Look(start=done.start, shown=done.after, attempt=done.after, local=done.local)
    arguments = book.arguments(write, look)
    if arguments is None:
        return None
    return Sent(
        start=done.start, step=done.step, index=done.index, item=done.item, undo=True, write=write,
        contract=contract, arguments=arguments, local=done.local, before=done.after,
        after=book.applied(contract, arguments, done.start, done.after),
    )  # fmt: skip


def recorded(contract: ToolContract, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a run keeps of an answer: what was asked for under that name, else something of the kind."""
    some = {"string": "x", "integer": 1, "boolean": True}
    shapes = {name.removesuffix("?"): shape for name, shape in contract.result.items()}
    return {
        name: arguments.get(name, some.get(shapes[name]) if isinstance(shapes[name], str) else None)
        for name in contract.recorded
        if name in shapes
    }
