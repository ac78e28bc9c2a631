"""The first four lines of a packet: what is wrong, what stopped, what is asked, what if nobody answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from state.instants import parse
from state.outcome import Known
from state.packet.evidence import DeniedRead
from state.packet.parts import Option, Stop
from state.task import Task
from state.wording import clipped, count_text

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
    "tools_unavailable": "setup",
    "model": "judgement",
}

# reason -> the headline; {check}, {step}, {detail}, {code} and {after}, what was written, are filled in
_HEADLINES: Final[Mapping[str, str]] = {
    "verify_failed": "check {check} failed{after}",
    "verify_unknown": "check {check} cannot be read{after}",
    "unreadable": "cannot be read: {detail}",
    "retries_exhausted": "{step} not applied, retries used up",
    "refused": "the target refused {step}: {detail}",
    "conflict": "changed by somebody else: {detail}",
    "ambiguous": "nobody can tell whether {detail} was applied",
    "unproven_sender": "a sender of {detail} may still be alive",
    "denied": "the guards deny the next write ({code})",
    "precondition_failed": "precondition {check} does not hold{after}",
    "deadline_passed": "out of time{after}",
    "writes_exhausted": "out of writes{after}",
    "resource_exhausted": "too many attempts on its resource",
    "rollback": "cannot be rolled back as declared: {detail}",
    "cancel_blocked": "cancelled, but {detail}",
    "confirmation_refused": "a write was not confirmed: {detail}",
    "confirmation_expired": "nobody confirmed {detail} in time",
    "stuck": "its workers die without progress",
    "tools_unavailable": "its tools cannot be made: {detail}",
    "optional_left": "done, but for what was optional and did not succeed",
}
# what is said of these comes from reads alone, so that a denied one is the matter itself
_BY_READS: Final = frozenset({"verify_unknown", "unreadable", "precondition_failed"})
_ASKS: Final[Mapping[str, str]] = {
    "resume": "resume once mended",
    "retry_once": "retry once",
    "mark_done": "mark as done",
    "roll_back": "roll back",
    "abort": "abort",
}
MAX_CHARS: Final = 400  # of all texts together; the headline takes what the others leave
_LIMITS: Final = {"stopped": 100, "decision": 70, "told_next": 34}
_LISTED: Final = 60  # characters of a list in a line; a longer one is counted


def top_of(
    task: Task,
    stop: Stop,
    options: Sequence[Option],
    *,
    failing: Mapping[str, Any] | None,
    denied: DeniedRead | None,
    recommended: str,
) -> dict[str, Any]:
    """The four lines, at most MAX_CHARS characters in all."""
    decision = (
        _decision(task.run, stop, options)
        if task.closed is None
        else f"None: the run has ended as {task.closed}"
    )
    lines = {
        "stopped": clipped(_stopped(task, stop), _LIMITS["stopped"]),
        "decision": clipped(decision, _LIMITS["decision"]),
        "if_silent": _if_silent(stop),
    }
    said = (stop.severity, stop.respond_by or "", *lines.values())
    headline = f"{task.target or task.run}: {_headline(task, stop, failing, denied)}"
    allowed = {o.id for o in options if o.allowed}
    return {
        "severity": stop.severity,
        "headline": clipped(headline, MAX_CHARS - sum(map(len, said))),
        "stopped": lines["stopped"],
        "decision": lines["decision"],
        "respond_by": stop.respond_by,
        "if_silent": lines["if_silent"],
        "recommended": {"option": recommended, "why": []} if recommended in allowed else None,
    }


def _headline(task: Task, stop: Stop, failing: Mapping[str, Any] | None, denied: DeniedRead | None) -> str:
    if denied is not None and stop.reason in _BY_READS:
        return f"reads are denied ({denied.code}){_after(task)}: {denied.message}"
    form = _HEADLINES.get(stop.reason, "stopped: {reason} {detail}")
    return form.format_map(
        {
            "check": failing["check"] if failing else stop.detail or "of the end state",
            "step": stop.step or "the step",
            "detail": stop.detail or stop.code or stop.reason,
            "code": stop.code or "no code",
            "reason": stop.reason,
            "after": _after(task),
        }
    ).strip()


def _after(task: Task) -> str:
    """What was sent so far: `` after 1 x stop, 2 x start``, every attempt counted."""
    counts: dict[str, int] = {}
    for operation in task.operations:
        name = operation.step if operation.undoes is None else f"undo of {operation.step}"
        counts[name] = counts.get(name, 0) + len(operation.attempts)
    if not counts:
        return "; nothing was written"
    said = [f"{count} x {name}" for name, count in list(counts.items())[:3]]
    return " after " + ", ".join(said) + (" and more" if len(counts) > len(said) else "")


def _stopped(task: Task, stop: Stop) -> str:
    unknown = [o.id for o in task.operations if o.attempts and o.known is Known.UNKNOWN]
    flying = [o.id for o in task.operations if any(a.undecided for a in o.attempts)]
    where = f"Stopped at {stop.step}" if stop.step else "Stopped" if task.closed is None else "Ended"
    moving = f"may still land: {_list(flying, 'write')}" if flying else "nothing in flight"
    doubt = f"; effect unknown: {_list(unknown, 'write')}" if unknown and not flying else ""
    held = f"{_list(task.holds, 'resource')} held" if task.holds else "nothing held"
    return f"{where}; {moving}{doubt}; {held}"


def _list(names: Sequence[str], one: str) -> str:
    said = ", ".join(names)
    return said if len(said) <= _LISTED else count_text(len(names), one)


def _decision(run: str, stop: Stop, options: Sequence[Option]) -> str:
    asked = [_ASKS[o.id] for o in options if o.allowed and o.id in _ASKS]
    if not asked and stop.reason == "unproven_sender":
        return f"See that its sender is dead, then: remit esc attest-dead {run}"
    if not asked:
        return "No decision is possible yet; see the options for why"
    text = asked[0] if len(asked) == 1 else ", ".join(asked[:-1]) + " or " + asked[-1]
    return text[0].upper() + text[1:]


def _if_silent(stop: Stop) -> str:
    if stop.respond_by is None or not stop.told_next:
        return "nobody else is told; nothing is changed"
    told = clipped(stop.told_next, _LIMITS["told_next"])
    return f"{told} is told at {parse(stop.respond_by):%H:%M} UTC; nothing is changed"
