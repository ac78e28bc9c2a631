"""Rules on names: that they mean one thing, and that every name used is known where it is used."""

from collections.abc import Iterable, Iterator
from typing import Final

from policies import templates
from policies.cel_types import infer, kind
from policies.contract import StringSpec
from policies.errors import Problem
from policies.expressions import compile_expression
from policies.lint.calls import shape_of_path
from policies.lint.subject import Subject
from policies.runbook import SeverityBy
from policies.scope import RESERVED
from policies.sites import Place
from policies.step import Check, Rollback
from policies.yaml_tree import Path

_WORDS: Final = frozenset(
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
        "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    }
)  # fmt: skip
_LISTS: Final = frozenset({Place.PRECONDITION_EACH, Place.STEP_EACH})
_VALUES: Final = frozenset({Place.DERIVE, *_LISTS})


def names_free(subject: Subject) -> Iterator[Problem]:
    """No binding, observation, input or derived value has a name that means something else."""
    book = subject.runbook
    for group in ("inputs", "bindings", "observe", "derive"):
        for name in getattr(book, group):
            taken = name in _WORDS or (name in RESERVED and group in ("bindings", "observe"))
            both = group == "observe" and name in book.bindings
            if taken or both:
                message = (
                    f"{name} is a binding too" if both else f"{name} means something else in expressions"
                )
                yield subject.problem((group, name), message, "reserved_name", key=True)


def ids_unique(subject: Subject) -> Iterator[Problem]:
    """No two steps, preconditions, reads to diagnose or checks have one id."""
    book = subject.runbook
    yield from _twice(subject, ((("steps", i, "id"), s.id) for i, s in enumerate(book.steps)))
    yield from _twice(subject, ((("preconditions", i, "id"), p.id) for i, p in enumerate(book.preconditions)))
    yield from _twice(subject, ((("diagnose", i, "id"), d.id) for i, d in enumerate(book.diagnose)))
    yield from _twice(subject, ((path, check.id) for path, check in checks_of(subject)))


def checks_of(subject: Subject) -> Iterator[tuple[Path, Check]]:
    """List every check that is written out, with the path of its id."""
    for i, step in enumerate(subject.runbook.steps):
        for n, check in enumerate(step.checks):
            yield ("steps", i, "verify", n, "id"), check
        if isinstance(step.rollback, Rollback) and isinstance(step.rollback.verify, tuple):
            for n, check in enumerate(step.rollback.verify):
                yield ("steps", i, "rollback", "verify", n, "id"), check
    for n, check in enumerate(subject.runbook.completion):
        yield ("completion", n, "id"), check


def _twice(subject: Subject, ids: Iterable[tuple[Path, str]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, name in ids:
        if name in seen:
            yield subject.problem(path, f"{name} stands twice", "duplicate_id")
        seen.add(name)


def expressions_known(subject: Subject) -> Iterator[Problem]:
    """Every name in an expression is known where it stands, and every part has a type that can be known."""
    for site in subject.sites:
        if site.template:
            continue
        typed = infer(compile_expression(site.text).node, subject.names_at(site))
        for finding in typed.findings:
            yield subject.problem(site.path, finding.message, finding.code, column=finding.column)
        given = kind(typed.shape)
        wanted = "list" if site.place in _LISTS else "any" if site.place in _VALUES else "boolean"
        if "any" not in (wanted, given) and given != wanted:
            yield subject.problem(site.path, f"{wanted} is wanted and this is {given}", "wrong_type")


def templates_known(subject: Subject) -> Iterator[Problem]:
    """Every name in a template is known where it stands, and is text, a whole number, true or false."""
    for site in subject.sites:
        if not site.template:
            continue
        names = subject.names_at(site)
        for name in templates.parse(site.text).names():
            shape = shape_of_path(names, name.parts)
            if shape is None:
                known = ", ".join(sorted(names))
                message = f"{name.path} is not known here; known are {known}"
                yield subject.problem(site.path, message, "unknown_name", column=name.column)
            elif kind(shape) not in ("string", "integer", "boolean", "any"):
                message = (
                    f"{name.path} is {kind(shape)}, and only text, whole numbers, true and false fit here"
                )
                yield subject.problem(site.path, message, "wrong_type", column=name.column)


def inputs_known(subject: Subject) -> Iterator[Problem]:
    """Triggers, ``once`` and severity name inputs that there are; an alert, never asked back, gives all."""
    book = subject.runbook
    for path, name in _input_names(subject):
        if name not in book.inputs:
            known = ", ".join(book.inputs) or "none"
            yield subject.problem(path, f"there is no input {name}; known are {known}", "unknown_name")
    yield from _severities(subject)
    if book.triggers.alert is not None:
        for name in book.inputs:
            if name not in book.triggers.alert.map:
                message = f"an alert would not say {name}"
                yield subject.problem(("triggers", "alert"), message, "trigger_misses_input", key=True)


def _severities(subject: Subject) -> Iterator[Problem]:
    severity = subject.runbook.escalation.severity
    if not isinstance(severity, SeverityBy):
        return
    spec = subject.runbook.inputs.get(severity.by.removeprefix("inputs."))
    for value in severity.__pydantic_extra__:
        if isinstance(spec, StringSpec) and spec.enum is not None and value not in spec.enum:
            message = f"{severity.by} is never {value}; it is one of {', '.join(spec.enum)}"
            yield subject.problem(("escalation", "severity", value), message, "unknown_value", key=True)


def _input_names(subject: Subject) -> Iterator[tuple[Path, str]]:
    book = subject.runbook
    for number, phrase in enumerate(book.triggers.chat):
        for field in templates.parse(phrase).names():
            yield ("triggers", "chat", number), field.path
    for kind_ in ("ticket", "alert"):
        trigger = getattr(book.triggers, kind_)
        for name in () if trigger is None else trigger.map:
            yield ("triggers", kind_, "map", name), name
    for number, key in enumerate(book.once.key if book.once else ()):
        root, _, name = key.partition(".")
        yield ("once", "key", number), name if root == "inputs" and name else key
    by = getattr(book.escalation.severity, "by", None)
    if by is not None:
        yield ("escalation", "severity", "by"), by.removeprefix("inputs.")
