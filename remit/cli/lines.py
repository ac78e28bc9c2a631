"""How one entry of a run is said in one line; for live progress and for ``runs trace``."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from policies.durations import text as duration
from state.entry import Entry, Kind
from state.trace import claimed_after
from state.wording import answer_text, clipped, pairs_text, value_text

_Body = Mapping[str, Any]
MAX: Final = 300


def line_of(entry: Entry) -> str:
    """Say what an entry says, in one line."""
    say = _SAYINGS.get(entry.kind)
    try:
        text = say(entry.body) if say else str(entry.kind)
    except (KeyError, TypeError, AttributeError, IndexError):  # of a version that says it otherwise
        text = f"{entry.kind}: {entry.body_text}"
    text = " ".join(text.split())
    return clipped(text, MAX)


def repeats(entry: Entry, before: dict[str, str]) -> bool:
    """Whether an entry says again what the last round of the same look said; ``before`` remembers."""
    if entry.kind not in (Kind.VERIFIED, Kind.CHECKED, Kind.RECONCILED):
        return entry.kind in (Kind.RESERVED, Kind.REPORTED)
    body = entry.body
    key = f"{entry.kind}/{body.get('scope', body.get('op', ''))}/{body.get('check', body.get('id', ''))}"
    said = f"{body.get('verdict')} {body.get('observed')}"
    same = before.get(key) == said
    before[key] = said
    return same


def _requested(body: _Body) -> str:
    return f"asked by {body.get('by', '?')} ({body.get('source', '?')})"


def _interpreted(body: _Body) -> str:
    how = {"phrase": "by its phrase", "model": "by a model, and confirmed"}.get(body["by"], "as named")
    return f"read as {body['runbook']}@{body['version']} {pairs_text(body['inputs'])}, {how}"


def _admitted(body: _Body) -> str:
    solo = "; one person decides all here" if body["solo"] else ""
    mode = "each write is confirmed by a human" if body["mode"] == "confirm" else "approved beforehand"
    return f"admitted for {body['target']}: {mode}, at most {duration(body['deadline_ms'])}{solo}"


def _claimed(body: _Body) -> str:
    before = body.get("predecessor")
    worker = f"by worker {body['worker']} (pid {body['pid']})"
    if before and before["worker"] == body["worker"]:
        return f"taken up again {worker}"
    return f"taken {worker}{claimed_after(before)}"


def _hydrated(body: _Body) -> str:
    if body.get("refusal"):
        return f"the request stands for nothing: {body['refusal']}"
    if body.get("problem"):
        return f"not readable now: {body['problem']}"
    found = body.get("conflicts") or []
    if found:
        return _conflict(found[0])
    held = body.get("holds")
    return f"holds {', '.join(held)}: no other run writes there" if held else "looks at how things are now"


def _conflict(found: _Body) -> str:
    expected, observed = value_text(found["expected"]), value_text(found["observed"])
    return f"CONFLICT: {found['what']}: expected {expected}, observed {observed}"


def _checked(body: _Body) -> str:
    if "conflict" in body:
        return _conflict(body["conflict"])
    return f"precondition {body['id']}: {body['verdict']} ({body['observed']})"


def _intent(body: _Body) -> str:
    again = f", attempt {body['attempt']}" if body["attempt"] > 1 else ""
    undo = f", undoing {body['undoes']}" if body.get("undoes") else ""
    return f"{body['op']}: sends {body['tool']} to {body['resource']}{again}{undo}"


def _outcome(body: _Body) -> str:
    answer = answer_text(body["code"], body["detail"])
    return f"{body['op']}: {body['outcome'].replace('_', ' ')}" + (f" ({answer})" if answer else "")


def _reconciled(body: _Body) -> str:
    who = "a human says" if body["by"] == "human" else "a probe says"
    return f"{body['op']}: {who} {body['verdict']} ({body['observed']})"


def _verified(body: _Body) -> str:
    return f"{body['scope']}: check {body['check']}: {body['verdict']} ({body['observed']})"


def _waiting(body: _Body) -> str:
    until = f" until {body['until'][11:19]} UTC" if body.get("until") else ""
    detail = f": {body['detail']}" if body.get("detail") else ""
    return f"waits: {body['reason'].replace('_', ' ')}{until}{detail}"


def _signal(body: _Body) -> str:
    refused = body.get("refused")
    if refused:
        return f"{body['kind']} by {body['by']} refused: {refused['message']} [{refused['code']}]"
    return f"{body['kind']} by {body['by']}{_because(str(body['body'].get('reason') or ''))}"


def _because(reason: str) -> str:
    return f", because: {reason}" if reason else ""


def _decided(body: _Body) -> str:
    words = f", saying {pairs_text(body['words'])}" if body.get("words") else ""
    rests = f", resting on evidence {body['evidence'][:19]}" if body.get("evidence") else ""
    return f"{body['by']} decided: {body['choice']}{words}{rests}{_because(body.get('reason') or '')}"


def _judged(body: _Body) -> str:
    taken = "taken" if body["taken"] == body["model"] else f"not taken, {body['taken']} instead"
    return f"a model ({body['model_id']}) would {body['model']} where the rules {body['rules']}: {taken}"


_SAYINGS: Final[Mapping[Kind, Callable[[_Body], str]]] = MappingProxyType(
    {
        Kind.REQUESTED: _requested,
        Kind.INTERPRETED: _interpreted,
        Kind.ADMITTED: _admitted,
        Kind.REJECTED: lambda b: f"rejected: {b['message']} [{b['code']}]",
        Kind.CLAIMED: _claimed,
        Kind.HYDRATED: _hydrated,
        Kind.CHECKED: _checked,
        Kind.JUDGED: _judged,
        Kind.DENIED: lambda b: f"DENIED: {b['message']} [{b['code']}]",
        Kind.INTENT: _intent,
        Kind.OUTCOME: _outcome,
        Kind.RECONCILED: _reconciled,
        Kind.VERIFIED: _verified,
        Kind.CONFIRMED: lambda b: f"{b['op']}: done, its checks pass",
        Kind.LEFT: lambda b: f"{b['step']}: left undone, {b['reason']}",
        Kind.WAITING: _waiting,
        Kind.SIGNAL: _signal,
        Kind.DECIDED: _decided,
        Kind.GRANTED: lambda b: f"carries out {b['choice']}" + (", one more send" if b["sends"] else ""),
        Kind.RESERVED: lambda b: f"sets {b['tokens']} tokens aside for a model ({b['fork']})",
        Kind.TURNED: lambda b: f"turns: {b['to'].replace('_', ' ')}, {b['reason']}",
        Kind.ESCALATED: lambda b: (
            f"STOPPED for a human: {b['reason']}" + (f" [{b['code']}]" if b["code"] else "")
        ),
        Kind.NOTIFIED: lambda b: f"nobody has answered: level {b['level']} of the escalation is told",
        Kind.CLOSED: lambda b: (
            f"ended: {b['state']}" + ("" if b["reason"] == b["state"] else f", {b['reason']}")
        ),
        Kind.REPORTED: lambda b: f"reported to {b['to']}",
    }
)
