"""Rules on writes: each can be timed, settled, proven, undone, and takes arguments only from where it may."""

from collections.abc import Iterator
from typing import Final

from policies import templates
from policies.contract import DedupeKind, ToolContract
from policies.contract_model import model_flaws
from policies.errors import Problem, TemplateError
from policies.expressions import compile_expression
from policies.lint.subject import Subject, Write
from policies.lint.worst_case import backoff_total_ms
from policies.plan import ABSORBING
from policies.sites import Place, Site
from policies.step import NoVerify

# The window of a sender (it does not send later after its intent) and the margin of DESIGN 4, key window.
SEND_WINDOW_MS: Final = 2_000
KEY_MARGIN_MS: Final = 60_000
_MS: Final = 1000


def writes_complete(subject: Subject) -> Iterator[Problem]:
    """Every write has a timeout and a verify, and every step a rollback or the reason why there is none."""
    for write in subject.writes:
        if write.timeout_ms is None:
            yield subject.problem(write.path, "a write needs a timeout", "no_timeout", key=True)
        if write.verify is None:
            message = "a write needs checks under verify, or {none: WHY}"
            yield subject.problem(write.path, message, "no_verify", key=True)
        if not write.undo and write.step.rollback is None:
            message = "a step needs a rollback, or {possible: false, why: …}"
            yield subject.problem(write.path, message, "no_rollback", key=True)


def doubles_settled(subject: Subject) -> Iterator[Problem]:
    """What the contract's way to settle doubles needs is there: a probe, a fresh condition, a window."""
    for write in subject.writes:
        contract = subject.contracts.get(write.tool)
        if contract is None:
            continue
        settle = contract.dedupe.kind
        if settle is DedupeKind.READ_BACK and write.probe is None:
            message = f"{write.tool} is settled by reading back, so the step needs a probe"
            yield subject.problem(write.path, message, "no_probe", key=True)
        if settle is DedupeKind.CONDITIONAL_WRITE:
            yield from _condition(subject, write, contract)
        if settle is DedupeKind.NATIVE_KEY:
            yield from _window(subject, write, contract)
        if contract.child_process and settle not in ABSORBING:
            yield from _child(subject, write)


def _child(subject: Subject, write: Write) -> Iterator[Problem]:
    message = (
        f"{write.tool} sends from a child process, which may outlive its worker: no look licenses another "
        f"send then, and a human decides"
    )
    yield subject.problem((*write.path, "tool"), message, "child_outlives_worker", warning=True)


def _condition(subject: Subject, write: Write, contract: ToolContract) -> Iterator[Problem]:
    name = contract.dedupe.condition
    if name is None:
        message = f"the contract of {write.tool} does not name the argument that holds its condition"
        yield subject.problem((*write.path, "tool"), message, "condition_unnamed")
        return
    value = write.arguments.get(name)
    whole = templates.parse(value).whole if isinstance(value, str) else None
    if whole is None or whole.parts[0] != "attempt":
        message = (
            f"{write.tool} writes under a condition: {name} is read just before, {{attempt.OBSERVATION.…}}"
        )
        yield subject.problem((*write.path, "with", name), message, "condition_not_fresh")


def _window(subject: Subject, write: Write, contract: ToolContract) -> Iterator[Problem]:
    if contract.dedupe.window_s is None:
        message = f"the contract of {write.tool} does not say how long its key is remembered"
        yield subject.problem((*write.path, "tool"), message, "key_without_window")
        return
    timeout = write.timeout_ms or 0
    usable = (
        int(contract.dedupe.window_s * _MS) - timeout - int(contract.longest_request_s * _MS) - KEY_MARGIN_MS
    )
    needed = backoff_total_ms(write.retry) + write.retry.budget * (timeout + SEND_WINDOW_MS)
    if needed > usable:
        message = f"retries can take {needed // _MS} s, and the key is good for {max(usable, 0) // _MS} s"
        yield subject.problem((*write.path, "retry"), message, "key_window_short", key=True)


def resends_harmless(subject: Subject) -> Iterator[Problem]:
    """A write that may be sent anew after a failed check is one whose second effect does no harm."""
    for write in subject.writes:
        contract = subject.contracts.get(write.tool)
        if contract is not None and "unverified" in write.retry.after and not contract.repeatable:
            message = f"{write.tool} is not repeatable, so a failed check is no reason to send again"
            yield subject.problem((*write.path, "retry", "after"), message, "unverified_not_repeatable")


def leaving_allowed(subject: Subject) -> Iterator[Problem]:
    """Only an optional step is left undone, and only a check of an optional step is not asked."""
    optional = {step.id for step in subject.runbook.steps if step.optional}
    for index, step in enumerate(subject.runbook.steps):
        if step.on_refused == "leave" and not step.optional:
            message = "only an optional step can be left"
            yield subject.problem(("steps", index, "on_refused"), message, "leave_not_optional")
    for index, check in enumerate(subject.runbook.completion):
        if check.of_step is not None and check.of_step not in optional:
            message = f"there is no optional step {check.of_step}"
            yield subject.problem(("completion", index, "of_step"), message, "of_step_not_optional")


def resource_held(subject: Subject) -> Iterator[Problem]:
    """Every write names its resource, and an undo writes only what its run holds."""
    held = {_resource(subject, w) for w in subject.writes if not w.undo}
    for write in subject.writes:
        contract = subject.contracts.get(write.tool)
        if contract is None:
            continue
        if contract.resource is None:
            message = f"the contract of {write.tool} does not say what it writes"
            yield subject.problem((*write.path, "tool"), message, "no_resource")
        elif write.undo and _resource(subject, write) not in held:
            message = f"{write.tool} would write what no step of this runbook holds"
            yield subject.problem(write.path, message, "undo_elsewhere", key=True)


def _resource(subject: Subject, write: Write) -> str | None:
    """Write a write's resource with the templates of its arguments in it: equal text is one resource."""
    contract = subject.contracts.get(write.tool)
    if contract is None or contract.resource is None:
        return None
    try:
        pieces = templates.parse(contract.resource).pieces
    except TemplateError:
        return None
    return "".join(p if isinstance(p, str) else f"<{write.arguments.get(p.path)}>" for p in pieces)


def arguments_from_where_they_may(subject: Subject) -> Iterator[Problem]:
    """A write's arguments are inputs, literals, fields of bindings, derived items or the condition just read.

    An undo may also use what its step's answer recorded (``result``).
    """
    for site in subject.sites:
        if site.template and site.place in (Place.WRITE, Place.UNDO):
            for name in templates.parse(site.text).names():
                why = _provenance(subject, site, name.parts)
                if why is not None:
                    yield subject.problem(site.path, why, "argument_provenance", column=name.column)


def _provenance(subject: Subject, site: Site, parts: tuple[str, ...]) -> str | None:
    root, step = parts[0], subject.runbook.steps[int(site.owner)]
    if root in ("inputs", *subject.bindings) or (root == "result" and site.place is Place.UNDO):
        return None
    if root == "derive":
        return _bounded(subject, parts[1:2])
    if root == "item" and step.for_each is not None:
        return _listed(subject, step.for_each.of)
    if root == "attempt":
        write = next(
            w for w in subject.writes if w.index == site.owner and w.undo is (site.place is Place.UNDO)
        )
        contract = subject.contracts.get(write.tool)
        if contract is None or site.argument == contract.dedupe.condition:
            return None
        return "only the argument that the contract names as its condition is read just before"
    return f"a write takes no argument from {root}"


def _listed(subject: Subject, expression: str) -> str | None:
    parts = {name.parts[:2] for name in compile_expression(expression).names()}
    for root, *rest in parts:
        if root == "derive":
            why = _bounded(subject, tuple(rest))
            if why is not None:
                return why
        elif root not in ("inputs", *subject.bindings):
            return f"a write takes no item from {root}: derive it, within a bound"
    return None


def _bounded(subject: Subject, names: tuple[str, ...]) -> str | None:
    derived = subject.runbook.derive.get(names[0] if names else "")
    if derived is not None and (derived.bound is None or not derived.bound.model_dump(exclude_none=True)):
        return f"derive.{names[0]} has no bound, and a write would take it"
    return None


def unreadable_said(subject: Subject) -> Iterator[Problem]:
    """A write under ``verify: {none: WHY}`` is one that no probe can read either."""
    for write in subject.writes:
        if isinstance(write.verify, NoVerify) and write.probe is not None:
            message = "what a probe can read, a check can verify"
            yield subject.problem((*write.path, "verify"), message, "verify_could_be_read")


def models_typed(subject: Subject) -> Iterator[Problem]:
    """What a tool's contract says of its effect on reads fits the results that those reads declare."""
    for write in subject.writes:
        contract = subject.contracts.get(write.tool)
        for flaw in () if contract is None else model_flaws(contract, subject.contracts):
            where = ".".join((write.tool, *flaw.path))
            column = "" if flaw.column is None else f" (column {flaw.column})"
            message = f"{where}: {flaw.message}{column}"
            yield subject.problem((*write.path, "tool"), message, flaw.code)
