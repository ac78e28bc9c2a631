"""Working and waiting until a run has ended or stands still, and what is then said and returned."""

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from remit.cli.door import CONFLICT, ENDED_OTHERWISE, ESCALATED, OK, REFUSED, STILL_RUNNING, Door
from remit.cli.progress import Progress

if TYPE_CHECKING:
    from remit.bootstrap import App
    from remit.views import Shown, Views
    from state.task import Task

_LEAVE_WITHIN_S: Final = 60.0
_CHECK_WIDTH: Final = 28


def follow(door: Door, app: "App", run: str, *, timeout_s: float | None = None, after: int = 0) -> int:
    """Carry ``run`` on, showing what happens, until it has ended or waits for a human; the exit code.

    Ctrl-C and a timeout leave it to whoever works next: what is being sent is let come to its end.
    """
    from state.reading import read_task

    if exit_code(read_task(app.ledger, run)) != STILL_RUNNING:
        return conclude(door, run, app.ledger)
    left: list[str] = []
    with app.engine() as engine, Progress(door, app.ledger, run, after=after) as progress:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        failed: list[BaseException] = []

        def work() -> None:
            try:
                engine.follow(run, progress.seen, until=until)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                failed.append(error)

        thread = threading.Thread(target=work, name=f"run-{run}", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.2)
        except KeyboardInterrupt:
            left.append("detached")
            engine.stopping.set()
            door.say("detaching: what is being sent comes to its end first (Ctrl-C again: at once)")
            thread.join(_LEAVE_WITHIN_S)
        for error in failed:
            if isinstance(error, TimeoutError):
                left.append("the wait timed out")
            elif type(error).__name__ != "Leaving":
                raise error
    return conclude(door, run, app.ledger, left=left[0] if left else "")


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

        door.text(packet_text(packet))
        door.say(f"run {task.run} waits for a human's decision", f"next: {_next(task)}")
        return
    record = views.record(shown)
    door.text(*record_lines(record))
    if task.closed is None:
        for asked in task.confirmations.values():
            if asked.answer is None:
                door.say(f"asks for a yes: {asked.summary}", f"next: remit esc confirm {task.run} --yes")


def _next(task: "Task") -> str:
    return f"remit esc abort --raw {task.run}" if task.unsound else f"remit esc show {task.run}"


def _say_rejection(door: Door, task: "Task") -> bool:
    if task.closed != "rejected":
        return False
    first, *more = str(
        task.closed_body.get("message") or task.closed_body.get("detail") or ""
    ).splitlines() or [""]
    door.say(
        f"remit: rejected: {first} [{task.reason}]",
        *more,
        f"nothing was sent; run {task.run} keeps the request",
    )
    return True


def record_lines(record: dict[str, Any]) -> list[str]:
    """A completion record for a terminal."""
    book = record["runbook"]
    name = f"{book['id']}@{book['version']}" if book["id"] else "no runbook"
    reason = f" ({record['reason']})" if record["reason"] else ""
    unchanged = "" if record["changed"] or not record["ended_at"] else "; nothing was changed"
    lines = [f"{record['state'].upper()}{reason}  {name} on {record['target'] or '-'}{unchanged}"]
    lines.append(
        f"  run      {record['run']}, asked by {record['request']['by']} ({record['request']['source']})"
    )
    lines += [
        f"  {c['verdict']:<8} {c['check']:<{_CHECK_WIDTH}} expected {c['expected']}" for c in record["final"]
    ]
    lines += [
        f"  write    {w['op']} #{w['attempt']} {w['tool']} {w['resource']}: {w['outcome']}, {w['effect']}"
        for w in record["writes"]
    ]
    lines += [f"  left     {rest['step']}: {rest['why']}" for rest in record["remaining"]]
    used = ", ".join(
        f"{step} {r['used']} of {r['budget']}" for step, r in record["retries"].items() if r["used"]
    )
    return lines + ([f"  retries  {used}"] if used else [])


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
