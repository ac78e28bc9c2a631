"""Rules on limits: that a run can do what its steps say within what it is granted."""

from collections.abc import Iterator

from policies import durations
from policies.errors import Problem
from policies.lint.names import checks_of
from policies.lint.subject import Subject
from policies.lint.worst_case import worst_case
from policies.step import Rollback

_MS = 1000


def writes_enough(subject: Subject) -> Iterator[Problem]:
    """``limits.writes`` covers all forward writes with retries, and the resource's budget the undo too."""
    book, worst = subject.runbook, worst_case(subject.runbook)
    if book.limits.writes < worst.writes:
        parts = " + ".join(f"{s.forward} of {s.step}" for s in worst.steps)
        message = f"the worst case is {worst.writes} writes ({parts})"
        yield subject.problem(("limits", "writes"), message, "writes_below_worst_case")
    attempts = book.limits.attempts_on_resource
    if attempts is not None and attempts.max < worst.writes + worst.reserve:
        message = f"one run can make {worst.writes} writes and {worst.reserve} more to undo them"
        yield subject.problem(("limits", "attempts_on_resource", "max"), message, "attempts_below_worst_case")


def deadline_enough(subject: Subject) -> Iterator[Problem]:
    """Warns where timeouts, backoffs and checks together take longer than the deadline."""
    worst = worst_case(subject.runbook).time_ms
    if worst > subject.runbook.limits.deadline_ms:
        message = f"timeouts, backoffs and checks can take {durations.text(-(-worst // _MS) * _MS)}"
        yield subject.problem(("limits", "deadline"), message, "deadline_short", warning=True)


def lists_bounded(subject: Subject) -> Iterator[Problem]:
    """Every ``for_each`` has a minimum that is not above its maximum."""
    for group in ("preconditions", "steps"):
        for index, part in enumerate(getattr(subject.runbook, group)):
            each = part.for_each
            if each is not None and each.min > each.max:
                path = (group, index, "for_each", "min")
                yield subject.problem(
                    path, f"{each.min} is more than the maximum, {each.max}", "bad_for_each"
                )


def rollback_possible(subject: Subject) -> Iterator[Problem]:
    """``roll_back`` is declared only where something can be rolled back."""
    book = subject.runbook
    if not any(isinstance(step.rollback, Rollback) for step in book.steps):
        if book.on_exhausted == "roll_back":
            yield subject.problem(("on_exhausted",), "no step can be undone", "nothing_to_roll_back")
        for index, step in enumerate(book.steps):
            if step.on_refused == "roll_back":
                path = ("steps", index, "on_refused")
                yield subject.problem(path, "no step can be undone", "nothing_to_roll_back")


def checks_have_time(subject: Subject) -> Iterator[Problem]:
    """A check that must hold for a while has that while, and is asked at least twice in it."""
    for path, check in checks_of(subject):
        if check.hold_ms and check.hold_ms > check.within_ms:
            message = "hold is longer than within, so it can never pass"
            yield subject.problem((*path[:-1], "hold"), message, "hold_beyond_within")
        if check.hold_ms and check.every_ms > check.hold_ms:
            yield subject.problem((*path[:-1], "every"), "every is longer than hold", "hold_not_watched")


def inputs_closed(subject: Subject) -> Iterator[Problem]:
    """Warns of a text input that nothing bounds: whatever a requester writes would reach the tools."""
    for name, spec in subject.runbook.inputs.items():
        if spec.type == "string" and spec.pattern is None and spec.enum is None:
            message = "has neither pattern nor enum: any text would be taken"
            yield subject.problem(("inputs", name), message, "open_input", key=True, warning=True)
