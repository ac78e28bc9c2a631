"""The first four lines of a packet: what is wrong, what stopped, what is asked, what if nobody answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from state.instants import parse
from state.outcome import Known
from state.packet.evidence import DeniedRead, capped
from state.packet.parts import Option, Stop
from state.task import Task

# reason -> what kind of trouble that is
ERROR_CLASS: Final[Mapping[str, str]] = {
    "verify_failed": "failed_check",
    "verify_unknown": "unreadable",
    "unreadable": "unreadable",
    "retries_exhausted": "not_applied",
    "refused": "refused",
    "conflict": "conflict",
    "ambiguous": "unknown_outcome",
    "unproven_sender": "unknown_outcome",
    "denied": "denied",
    "precondition_failed": "precondition",
    "deadline_passed": "budget",
    "writes_exhausted": "budget",
    "resource_exhausted": "budget",
    "rollback": "rollback",
    "cancel_blocked": "cancel",
    "confirmation_refused": "confirmation",
    "confirmation_expired": "confirmation",
    "stuck": "crash_loop",
    "model": "judgement",
}

# reason -> the headline; {check}, {step}, {detail}, {code} and {done} are filled in
_HEADLINES: Final[Mapping[str, str]] = {
    "verify_failed": "check {check} failed after {done}",
    "verify_unknown": "check {check} cannot be read after {done}",
    "unreadable": "cannot be read: {detail}",
    "retries_exhausted": "{step} not applied, retries used up",
    "refused": "the target refused {step}: {detail}",
    "conflict": "changed by somebody else: {detail}",
    "ambiguous": "nobody can tell whether {detail} was applied",
    "unproven_sender": "a sender of {detail} may still be alive",
    "denied": "the guards deny the next write ({code})",
    "precondition_failed": "precondition {check} does not hold after {done}",
    "deadline_passed": "out of time after {done}",
    "writes_exhausted": "out of writes after {done}",
    "resource_exhausted": "too many attempts on its resource",
    "rollback": "cannot be rolled back as declared: {detail}",
    "cancel_blocked": "cancelled, but {detail}",
    "confirmation_refused": "a write was not confirmed: {detail}",
    "confirmation_expired": "nobody confirmed {detail} in time",
    "stuck": "its workers die without progress",
    "optional_left": "done, but for what was optional and did not succeed",
}
# what is said of these comes from reads alone, so that a denied one is the matter itself
_BY_READS: Final = frozenset({"verify_unknown", "unreadable", "precondition_failed"})
_ASKS: Final[Mapping[str, str]] = {
    "resume": "resume once it is mended",
    "retry_once": "grant one more try",
    "mark_done": "close it as done",
    "roll_back": "roll back",
    "abort": "abort",
}
_LIMITS: Final = {"headline": 110, "stopped": 100, "decision": 80, "if_silent": 70}


def top_of(
    task: Task,
    stop: Stop,
    options: Sequence[Option],
    *,
    failing: Mapping[str, Any] | None,
    denied: DeniedRead | None,
    recommended: str,
) -> dict[str, Any]:
    """The four lines, at most 400 characters in all."""
    lines = {
        "headline": f"{task.target or task.run}: {_headline(task, stop, failing, denied)}",
        "stopped": _stopped(task, stop),
        "decision": _decision(options)
        if task.closed is None
        else f"None: the run has ended as {task.closed}",
        "if_silent": _if_silent(stop),
    }
    top: dict[str, Any] = {"severity": stop.severity}
    for name in ("headline", "stopped", "decision"):
        top[name] = capped(lines[name], _LIMITS[name])
    top["respond_by"] = stop.respond_by
    top["if_silent"] = capped(lines["if_silent"], _LIMITS["if_silent"])
    allowed = {o.id for o in options if o.allowed}
    top["recommended"] = {"option": recommended, "why": []} if recommended in allowed else None
    return top


def _headline(task: Task, stop: Stop, failing: Mapping[str, Any] | None, denied: DeniedRead | None) -> str:
    if denied is not None and stop.reason in _BY_READS:
        return f"reads are denied ({denied.code}) after {_done(task)}: {denied.message}"
    form = _HEADLINES.get(stop.reason, "stopped: {reason} {detail}")
    return form.format_map(
        {
            "check": failing["check"] if failing else stop.detail or "of the end state",
            "step": stop.step or "the step",
            "detail": stop.detail or stop.code or stop.reason,
            "code": stop.code or "no code",
            "reason": stop.reason,
            "done": _done(task),
        }
    ).strip()


def _done(task: Task) -> str:
    """What was written so far: ``1 stop and 2 starts``, counted by attempts that may have had an effect."""
    counts: dict[str, int] = {}
    for operation in task.operations:
        name = operation.step if operation.undoes is None else f"undo of {operation.step}"
        counts[name] = counts.get(name, 0) + len(operation.attempts)
    if not counts:
        return "no write"
    said = [f"{count} x {name}" for name, count in list(counts.items())[:3]]
    return ", ".join(said) + (" and more" if len(counts) > len(said) else "")


def _stopped(task: Task, stop: Stop) -> str:
    unknown = [o.id for o in task.operations if o.attempts and o.known is Known.UNKNOWN]
    flying = [o.id for o in task.operations if any(a.undecided for a in o.attempts)]
    where = f"Stopped at {stop.step}" if stop.step else "Stopped" if task.closed is None else "Ended"
    moving = f"may still land: {', '.join(flying)}" if flying else "nothing in flight"
    doubt = f"; effect unknown: {', '.join(unknown)}" if unknown and not flying else ""
    held = f"{', '.join(task.holds)} held" if task.holds else "nothing held"
    return f"{where}; {moving}{doubt}; {held}"


def _decision(options: Sequence[Option]) -> str:
    asked = [_ASKS[o.id] for o in options if o.allowed and o.id in _ASKS]
    if not asked:
        return "No decision is possible yet; see the options for why"
    text = asked[0] if len(asked) == 1 else ", ".join(asked[:-1]) + " or " + asked[-1]
    return text[0].upper() + text[1:]


def _if_silent(stop: Stop) -> str:
    if stop.respond_by is None or not stop.told_next:
        return "nobody else is told; nothing is changed"
    return f"{stop.told_next} is told at {parse(stop.respond_by):%H:%M} UTC; nothing is changed"
