"""Rules on checks: that each looks at the world, so that nothing passes by being written so."""

from collections.abc import Iterator

from policies.errors import Problem
from policies.expressions import NameUse, compile_expression
from policies.lint.subject import Subject
from policies.sites import Place

_CHECKS = {Place.CHECK, Place.UNDO_CHECK, Place.COMPLETION}


def checks_observe(subject: Subject) -> Iterator[Problem]:
    """Every check reads an observation: what is asked after a write must be able to fail."""
    for site in subject.sites:
        if site.place in _CHECKS and not _roots(site.text) & set(subject.observations):
            yield subject.problem(site.path, "looks at no observation", "check_observes_nothing")


def identities_look(subject: Subject) -> Iterator[Problem]:
    """Every identity compares the binding that it is of with an input or an earlier binding."""
    for site in subject.sites:
        if site.place is Place.IDENTITY:
            roots = _roots(site.text)
            if site.owner not in roots or not roots - {site.owner}:
                message = f"an identity compares {site.owner} with an input or an earlier binding"
                yield subject.problem(site.path, message, "identity_compares_nothing")


def probes_look(subject: Subject) -> Iterator[Problem]:
    """A probe names an observation that there is; both of its answers depend on it, or are ``false``."""
    for site in subject.sites:
        if site.place not in (Place.PROBE, Place.UNDO_PROBE):
            continue
        step = subject.runbook.steps[int(site.owner)]
        probe = step.probe if site.place is Place.PROBE else getattr(step.rollback, "probe", None)
        if probe is None:
            continue
        if probe.observe not in subject.observations:
            if site.path[-1] == "applied_when":
                message = f"there is no observation {probe.observe}"
                yield subject.problem((*site.path[:-1], "observe"), message, "unknown_observation")
        elif site.text.strip() != "false" and probe.observe not in _roots(site.text):
            message = f"does not look at {probe.observe}, which the probe reads"
            yield subject.problem(site.path, message, "probe_looks_elsewhere")


def preconditions_use_reads(subject: Subject) -> Iterator[Problem]:
    """A precondition with a read of its own asks about its ``result``; one without gives no arguments."""
    for index, condition in enumerate(subject.runbook.preconditions):
        path = ("preconditions", index)
        if condition.tool is not None and "result" not in _roots(condition.expect):
            message = f"reads {condition.tool} and does not ask about its result"
            yield subject.problem((*path, "expect"), message, "result_not_asked")
        if condition.tool is None and condition.arguments:
            message = "arguments without a tool"
            yield subject.problem((*path, "with"), message, "arguments_without_tool", key=True)


def completion_means_something(subject: Subject) -> Iterator[Problem]:
    """A run that changed nothing would not pass the completion, or the runbook says why it may.

    That is taken as shown where a precondition reads a fact that the completion reads too (directly or
    through ``derive``), so that the start of the run has looked at the goal, or where the completion compares
    with ``initial``. It is a heuristic: no expression is solved.
    """
    book = subject.runbook
    if book.completion_passes_unchanged is not None:
        return
    goal: set[tuple[str, ...]] = set()
    for check in book.completion:
        names = compile_expression(check.expect).names()
        if any(name.parts[0] == "initial" for name in names):
            return
        goal |= _facts(subject, names)
    start: set[tuple[str, ...]] = set()
    for condition in book.preconditions:
        start |= _facts(subject, compile_expression(condition.expect).names())
    if not goal & start:
        message = "a run that does nothing might pass: no precondition reads what the completion reads"
        message += " (or say why under completion_passes_unchanged)"
        yield subject.problem(("completion",), message, "completion_passes_unchanged", key=True)


def _facts(subject: Subject, names: tuple[NameUse, ...]) -> set[tuple[str, ...]]:
    """Collect the observed fields that names read, ``derive`` taken apart."""
    found: set[tuple[str, ...]] = set()
    for name in names:
        root, *rest = name.parts
        if root in subject.observations:
            found.add(name.parts[:2])
        elif root == "derive" and rest and rest[0] in subject.runbook.derive:
            # A derived value sees only those before it (lint says so), and a cycle would not end here.
            inner = compile_expression(subject.runbook.derive[rest[0]].expr).names()
            found |= _facts(subject, tuple(n for n in inner if n.parts[0] != "derive"))
    return found


def _roots(text: str) -> set[str]:
    return {name.parts[0] for name in compile_expression(text).names()}
