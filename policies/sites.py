"""Where a runbook holds expressions and templates, and what each place is, in the order of the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies.runbook import Arguments, Runbook
from policies.step import Probe, Rollback, Step, Verify
from policies.yaml_tree import Path


class Place(StrEnum):
    """What a text is for; it decides which names it may use."""

    REFUSE = "refuse"
    BINDING = "binding"
    IDENTITY = "identity"
    OBSERVE = "observe"
    DERIVE = "derive"
    PRECONDITION_EACH = "precondition_each"
    PRECONDITION_CALL = "precondition_call"
    PRECONDITION = "precondition"
    STEP_EACH = "step_each"
    WRITE = "write"
    PROBE = "probe"
    CONFLICT = "conflict"
    CHECK = "check"
    UNDO = "undo"
    UNDO_PROBE = "undo_probe"
    UNDO_CHECK = "undo_check"
    COMPLETION = "completion"
    DIAGNOSE = "diagnose"


# The places of one operation: its step's item, answer and the reads made just before it are known there.
OF_OPERATION: Final = frozenset(
    {Place.WRITE, Place.PROBE, Place.CONFLICT, Place.CHECK, Place.UNDO, Place.UNDO_PROBE, Place.UNDO_CHECK}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One expression or template: its path in the document, its text, its place, and the part that it is of.

    ``owner``: index of the step, precondition or refusal, or the name of the binding, observation or derived
    value. ``argument``: the argument that a template fills.
    """

    path: Path
    text: str
    place: Place
    owner: int | str
    template: bool = False
    argument: str = ""


def sites(runbook: Runbook) -> Iterator[Site]:
    """List every expression and template."""
    for index, refusal in enumerate(runbook.refuse):
        if refusal.when is not None:
            yield Site(path=("refuse", index, "when"), text=refusal.when, place=Place.REFUSE, owner=index)
    for name, binding in runbook.bindings.items():
        yield from _arguments(("bindings", name), binding.arguments, Place.BINDING, name)
        yield Site(
            path=("bindings", name, "identity"), text=binding.identity, place=Place.IDENTITY, owner=name
        )
    for name, observation in runbook.observe.items():
        yield from _arguments(("observe", name), observation.arguments, Place.OBSERVE, name)
    for name, derived in runbook.derive.items():
        yield Site(path=("derive", name, "expr"), text=derived.expr, place=Place.DERIVE, owner=name)
    yield from _preconditions(runbook)
    for index, step in enumerate(runbook.steps):
        yield from _step(index, step)
    yield from _checks(("completion",), runbook.completion, Place.COMPLETION, -1)
    for index, call in enumerate(runbook.diagnose):
        yield from _arguments(("diagnose", index), call.arguments, Place.DIAGNOSE, index)


def _arguments(path: Path, arguments: Arguments, place: Place, owner: int | str) -> Iterator[Site]:
    for name, value in arguments.items():
        if isinstance(value, str):
            at = (*path, "with", name)
            yield Site(path=at, text=value, place=place, owner=owner, template=True, argument=name)


def _preconditions(runbook: Runbook) -> Iterator[Site]:
    for index, condition in enumerate(runbook.preconditions):
        path: Path = ("preconditions", index)
        if condition.for_each is not None:
            each = (*path, "for_each", "of")
            yield Site(path=each, text=condition.for_each.of, place=Place.PRECONDITION_EACH, owner=index)
        yield from _arguments(path, condition.arguments, Place.PRECONDITION_CALL, index)
        yield Site(path=(*path, "expect"), text=condition.expect, place=Place.PRECONDITION, owner=index)


def _step(index: int, step: Step) -> Iterator[Site]:
    path: Path = ("steps", index)
    if step.for_each is not None:
        yield Site(path=(*path, "for_each", "of"), text=step.for_each.of, place=Place.STEP_EACH, owner=index)
    yield from _arguments(path, step.arguments, Place.WRITE, index)
    yield from _probe(path, step.probe, Place.PROBE, index)
    if step.conflict_if is not None:
        yield Site(path=(*path, "conflict_if"), text=step.conflict_if, place=Place.CONFLICT, owner=index)
    yield from _checks((*path, "verify"), step.verify, Place.CHECK, index)
    undo = step.rollback
    if isinstance(undo, Rollback):
        yield from _arguments((*path, "rollback"), undo.arguments, Place.UNDO, index)
        yield from _probe((*path, "rollback"), undo.probe, Place.UNDO_PROBE, index)
        yield from _checks((*path, "rollback", "verify"), undo.verify, Place.UNDO_CHECK, index)


def _probe(path: Path, probe: Probe | None, place: Place, owner: int) -> Iterator[Site]:
    if probe is not None:
        for name in ("applied_when", "absent_when"):
            yield Site(path=(*path, "probe", name), text=getattr(probe, name), place=place, owner=owner)


def _checks(path: Path, checks: Verify | None, place: Place, owner: int) -> Iterator[Site]:
    for number, check in enumerate(checks if isinstance(checks, tuple) else ()):
        yield Site(path=(*path, number, "expect"), text=check.expect, place=place, owner=owner)
