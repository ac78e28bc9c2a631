"""Working and waiting until a run has ended or stands still, and what is then said and returned."""

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from remit.cli.door import CONFLICT, ENDED_OTHERWISE, ESCALATED, OK, REFUSED, STILL_RUNNING, Door, columns
from remit.cli.leaving import leaving
from remit.cli.progress import Progress
from state.wording import pairs_text, value_text, wrapped

if TYPE_CHECKING:
    from remit.bootstrap import App
    from remit.views import Shown, Views
    from state.task import Task

_LEAVE_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.2
_CHECK_WIDTH: Final = 28
# Where every send is used up, looking again leads here again.
_WANTS_A_SEND: Final = frozenset({"retries_exhausted", "writes_exhausted"})
_HANG: Final = 11  # under what a line of a record says


def follow(door: Door, app: "App", run: str, *, timeout_s: float | None = None, after: int = 0) -> int:
    """Carry ``run`` on, showing what happens, until it has ended or waits for a human; the exit code.

    Ctrl-C, SIGTERM and a timeout leave it to whoever works next, at its next safe point.
    """
    from state.reading import read_task

    if exit_code(read_task(app.ledger, run)) != STILL_RUNNING:
        return conclude(door, run, app.ledger)
    with (
        app.engine() as engine,
        leaving() as leave,
        Progress(door, app.ledger, run, after=after) as progress,
    ):
        leave.stops(engine.stopping)
        until = None if timeout_s is None else time.monotonic() + timeout_s
        failed: list[BaseException] = []

        def work() -> None:
            try:
                engine.follow(run, progress.seen)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                failed.append(error)

        thread = threading.Thread(target=work, name=f"run-{run}", daemon=True)
        thread.start()
        while thread.is_alive() and not leave.why:
            left_s = _LOOK_EVERY_S if until is None else until - time.monotonic()
            thread.join(min(_LOOK_EVERY_S, max(0.0, left_s)))
            if until is not None and time.monotonic() >= until:
                leave.now("the wait timed out")
        thread.join(_LOOK_EVERY_S)
        if thread.is_alive():
            door.say(f"{leave.why}: what is being sent comes to its end first (Ctrl-C: at once)")
            thread.join(_LEAVE_WITHIN_S)
        for error in failed:
            if type(error).__name__ != "Leaving":
                raise error
        left = leave.why
    return conclude(door, run, app.ledger, left=left)


def conclude(door: Door, run: str, ledger: Any, *, left: str = "") -> int:
    """Say how a run stands, as text or as its record; the exit code that says the same."""
    from remit.views import Views

    views = Views(ledger, door.desk().in_force)
    shown = views.show(run)
    code = exit_code(shown.task)
    if door.json:
        door.data(views.record(shown))
        _say_rejection(door, shown.task)
        return code
    if code == STILL_RUNNING:
        door.say(
            f"{left or 'not ended'}; run {run} goes on with the next worker", "next: remit worker --drain"
        )
        door.say(f"      remit runs watch {run}")
        return code
    say_end(door, views, shown)
    return code


def say_end(door: Door, views: "Views", shown: "Shown") -> None:
    """Say how a run ended, or what it needs from a human; the most important line last."""
    task = shown.task
    if _say_rejection(door, task):
        return
    packet = views.packet(shown) if task.open_escalation or task.unsound else None
    if packet is not None:
        from state.packet import packet_text

        door.text(packet_text(packet, now=door.desk().ledger.now(), width=columns()))
        door.say(f"run {task.run} waits for a human's decision", f"next: {_next(task, packet)}")
        return
    record = views.record(shown)
    door.text(*record_lines(record))
    if task.closed is None:
        for asked in task.confirmations.values():
            if asked.answer is None:
                door.say(*wrapped(f"asks for a yes: {asked.summary}", columns()))
                door.say(f"next: remit esc confirm {task.run} --yes")


def _next(task: "Task", packet: dict[str, Any]) -> str:
    """The command of the first option that can be taken now; the packet itself has just been printed."""
    if task.unsound:
        return f"remit esc abort --raw {task.run}"
    options: dict[str, str] = {
        o["id"]: o["cli"] for o in packet.get("options", ()) if o["allowed"] and o["cli"]
    }
    reason = task.open_escalation.reason if task.open_escalation is not None else ""
    if reason in _WANTS_A_SEND and "retry_once" in options:
        return options["retry_once"]
    return (
        next(iter(options.values()))
        if options
        else f"remit esc show {task.run}, later: nothing can be decided yet"
    )


def _say_rejection(door: Door, task: "Task") -> bool:
    if task.closed != "rejected":
        return False
    first, *more = str(
        task.closed_body.get("message") or task.closed_body.get("detail") or ""
    ).splitlines() or [""]
    door.say(
        *wrapped(f"remit: rejected: {first} [{task.reason}]", columns()),
        *more,
        f"nothing was sent; run {task.run} keeps the request",
    )
    return True


def record_lines(record: dict[str, Any]) -> list[str]:
    """A completion record for a terminal."""
    book = record["runbook"]
    name = f"{book['id']}@{book['version']}" if book["id"] else "no runbook"
    same = record["reason"] in ("", record["state"])
    reason = "" if same else f" ({record['reason']})"
    unchanged = "" if record["changed"] or not record["ended_at"] else "; nothing was changed"
    lines = [f"{record['state'].upper()}{reason}  {name} on {record['target'] or '-'}{unchanged}"]
    lines.append(
        f"  run      {record['run']}, asked by {record['request']['by']} ({record['request']['source']})"
    )
    lines += [
        f"  {c['verdict']:<8} {c['check']:<{_CHECK_WIDTH}} expected {value_text(c['expected'])}"
        for c in record["final"]
    ]
    lines += [
        f"  write    {w['op']} #{w['attempt']} {w['tool']} {w['resource']}: {_became(w)}"
        for w in record["writes"]
    ]
    lines += [f"  left     {rest['step']}: {rest['why']}" for rest in record["remaining"]]
    lines += _rejected_lines(record)
    lines += _human_lines(record)
    used = [f"{step} {r['used']} of {r['budget']}" for step, r in record["retries"].items() if r["used"]]
    used += [f"+{record['granted_retries']} granted"] if record.get("granted_retries") else []
    lines += [f"  retries  {', '.join(used)}"] if used else []
    return [part for line in lines for part in wrapped(line, columns(), hang=_HANG)]


def _rejected_lines(record: dict[str, Any]) -> list[str]:
    """What the code of a run means that was rejected behind its admission, and what to do."""
    from policies.reasons.ends import ENDS

    known = ENDS.get(record["reason"]) if record["state"] == "rejected" else None
    return [] if known is None else [f"  why      {known.see} {known.do}"]


def _became(write: dict[str, Any]) -> str:
    """What became of an attempt: its answer and its effect, or what was shown of it without an answer."""
    if write["outcome"] != "unknown":
        return f"{write['outcome'].replace('_', ' ')}, {write['effect']}"
    shown = {"refuted": "shown not to have been applied", "confirmed": "shown to have been applied"}
    return f"no answer known; {shown.get(write['effect'], 'its effect is not known')}"


def _human_lines(record: dict[str, Any]) -> list[str]:
    """What humans decided of the run: who, when, which, why, and what it rests on."""
    lines = []
    if "cancelled" in record:
        lines.append(f"  cancel   asked for by {record['cancelled']['by']}: {record['cancelled']['why']}")
    for said in record.get("decisions", ()):
        words = f", saying {pairs_text(said['words'])}" if said["words"] else ""
        why = f", because: {said['why']}" if said["why"] else ""
        lines.append(f"  decided  {said['choice']} by {said['by']} at {said['at'][:19]}Z{words}{why}")
        if said["evidence"]:
            lines.append(f"  evidence {said['evidence']}")
    if "closed_by" in record and not record.get("decisions"):
        lines.append(f"  closed   by {record['closed_by']}")
    if record.get("unresolved"):
        lines.append(f"  open     nobody knows whether it was applied: {', '.join(record['unresolved'])}")
    return lines


def exit_code(task: "Task") -> int:
    """The exit code that says how a run stands."""
    if task.closed == "completed":
        return OK
    if task.closed == "rejected":
        return CONFLICT if task.reason == "resource_held" else REFUSED
    if task.closed is not None:
        return ENDED_OTHERWISE
    asks = task.waiting is not None and task.waiting.reason == "confirmation"
    if task.open_escalation is not None or task.unsound or asks:
        return ESCALATED
    return STILL_RUNNING
