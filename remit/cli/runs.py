"""``remit runs``: list them, look at one, follow it, and hold it or end it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from remit.cli.asked import asked_of, confirm_command
from remit.cli.door import OK, STILL_RUNNING, Door, columns, command
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remit.views import Views
    from state.ledger.port import RunInfo

_Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or eight characters of its end.")]
_Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
_LOOK_EVERY_S: Final = 0.3
_SHOWN: Final = 20
_HANG: Final = 11
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    runs = typer.Typer(no_args_is_help=True, help="Look at runs, and steer them.", rich_markup_mode=None)
    command(runs, "list")(list_)
    command(runs, "show")(show)
    command(runs, "watch")(watch)
    command(runs, "trace")(trace)
    command(runs, "export")(export)
    command(runs, "cancel")(cancel)
    command(runs, "pause")(pause)
    command(runs, "unpause")(unpause)
    app.add_typer(runs, name="runs")


def list_(
    door: Door,
    *,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Every run, not only the newest.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Only runs that have not ended.")] = False,
    runbook: Annotated[
        str | None, typer.Option("--runbook", metavar="ID", help="Only of this runbook.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME", help="Only on this target.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="Only ended so: completed, rejected ...")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="COUNT", help="How many.")] = _SHOWN,
) -> int:
    """List runs, those that need a human first, then newest first."""
    from state.ledger.port import Query

    views = views_of(door)
    query = Query(live=True if live else None, runbook=runbook, target=target, state=state)
    found = views.runs(query, most=None if all_ else limit)
    if door.json:
        door.data([views.record(views.show(info.run)) for info in found])
        return OK
    now = door.desk().ledger.now()
    found = views.as_folded(found)
    found.sort(key=lambda info: not _needs_human(info))
    door.table(
        ("RUN", "STATE", "RUNBOOK", "TARGET", "BY", "AGE", "WHY"),
        [
            (
                i.run,
                _state(i),
                _book(i),
                i.row.target,
                i.row.requester,
                age(i.row.created_at, now),
                i.row.reason,
            )
            for i in found
        ],
    )
    if not found:
        door.say("no runs" + ("" if all_ or live else " yet"), 'next: remit run "..."; remit runbook list')
    elif not all_ and len(found) == limit:
        door.say(f"the newest {limit}; all with --all")
    say_uncarried(door, found)
    return OK


def show(door: Door, run: _Run) -> int:
    """Show a run's completion record, provisional while it lives; of a stuck run the raw packet too."""
    from remit.cli.following import record_lines
    from state.packet import packet_text

    views = views_of(door)
    shown = views.show(views.run_id(run))
    record = views.record(shown)
    if door.json:
        door.data(record)
        return OK
    door.text(*record_lines(record))
    message = shown.task.closed_body.get("message")
    if message:
        door.text(*wrapped(f"  because  {message}", columns(), hang=_HANG))
    if shown.task.waiting is not None and shown.task.closed is None:
        until = f" until {shown.task.waiting.until}" if shown.task.waiting.until else ""
        door.text(f"  waits    {shown.task.waiting.reason}{until} {shown.task.waiting.detail}".rstrip())
    if shown.unsound:
        door.text(packet_text(views.packet(shown) or {}, now=door.desk().ledger.now(), width=columns()))
    if shown.task.unsound:
        door.say(f"next: remit esc abort --raw {shown.task.run}")
    elif shown.task.open_escalation is not None:
        door.say(f"next: remit esc show {shown.task.run}")
    for asked in asked_of(shown.task)[-1:]:
        door.text(*wrapped(f"  asks     for a yes: {asked.summary}", columns(), hang=_HANG))
        door.say(f"next: {confirm_command(shown.task.run)}")
    say_uncarried(door, [door.desk().ledger.info(shown.task.run)])
    return OK


def watch(
    door: Door,
    run: _Run,
    timeout: Annotated[
        float | None, typer.Option("--wait-timeout", min=0, metavar="SECONDS", help="Watch at most so long.")
    ] = None,
) -> int:
    """Follow a run that a worker carries until it has ended or waits for a human; exits as it stands."""
    from remit.cli.following import conclude, exit_code
    from remit.cli.progress import Progress

    views = views_of(door)
    wanted, ledger = views.run_id(run), door.desk().ledger
    until = None if timeout is None else time.monotonic() + timeout
    seen = -1
    with Progress(door, ledger, wanted) as progress:
        try:
            while True:
                head = ledger.info(wanted).head.seq
                if head != seen:
                    seen, shown = head, views.show(wanted)
                    progress.seen(shown.task)
                    if exit_code(shown.task) != STILL_RUNNING:
                        break
                if until is not None and time.monotonic() >= until:
                    return conclude(door, wanted, ledger, left="the wait timed out")
                time.sleep(_LOOK_EVERY_S)
        except KeyboardInterrupt:
            return conclude(door, wanted, ledger, left="no longer watched")
    return conclude(door, wanted, ledger)


def trace(
    door: Door,
    run: _Run,
    *,
    full: Annotated[bool, typer.Option("--full", help="What repeats or only keeps accounts too.")] = False,
) -> int:
    """Show the entries of a run, in order; says how many repeated ones it leaves out."""
    from remit.cli.lines import line_of, repeats

    views = views_of(door)
    entries = views.show(views.run_id(run)).entries
    if door.json:
        door.data([_entry(e) for e in entries])
        return OK
    before: dict[str, str] = {}
    left_out = 0
    for e in entries:
        if repeats(e, before) and not full:
            left_out += 1
            continue
        line = f"{e.seq:>4}  {e.at[:23]}Z  {e.role:<12}  {line_of(e)}"
        door.text(*wrapped(line, columns(), hang=8))
    if left_out:
        door.say(f"({count_text(left_out, 'repeated entry', 'repeated entries')} more: --full)")
    return OK


def export(
    door: Door, run: _Run, out: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]
) -> int:
    """Write one run as JSON lines that ``ledger verify FILE`` checks offline."""
    from remit.cli.ledger import write_export

    return write_export(door, out, run)


def cancel(door: Door, run: _Run, why: _Why = "") -> int:
    """Ask a run to end: at once before its first effect, else by undoing what can be undone."""
    from remit.cli.signals import send

    return send(door, run, "cancel", {"reason": why}, go_on=True)


def pause(door: Door, run: _Run, why: _Why = "") -> int:
    """Hold back a run's writes; observing, settling and telling go on."""
    from remit.cli.signals import send

    return send(door, run, "pause", {"reason": why})


def unpause(door: Door, run: _Run, why: _Why = "") -> int:
    """Let a paused run go on."""
    from remit.cli.signals import send

    return send(door, run, "unpause", {"reason": why})


def say_uncarried(door: Door, infos: "Sequence[RunInfo]") -> None:
    """Say of runs that nobody carries that it is so, and how they go on."""
    from remit.standing import uncarried

    found = list(uncarried(door.desk().ledger, infos))
    for one in found:
        door.say(*wrapped(one.what, columns(), hang=2))
    if found:
        door.say(f"next: {found[0].next}")


def views_of(door: Door) -> "Views":
    """Views of the desk that is meant."""
    from remit.views import Views

    return Views(door.desk().ledger, door.desk().in_force)


def age(at: str, now: str) -> str:
    """How long ago, in the largest whole unit."""
    from state.instants import seconds_between

    seconds = int(seconds_between(at, now)) if at else 0
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


def _needs_human(info: "RunInfo") -> bool:
    return info.row.lane in ("live/escalated", "live/waiting_human", "live/stuck")


def _state(info: "RunInfo") -> str:
    if info.row.lane == "live/waiting_timer" and info.row.waiting_for:
        return {"backoff": "retrying"}.get(info.row.waiting_for, f"waits: {info.row.waiting_for}")
    return info.row.lane.rpartition("/")[2].replace("_", " ")


def _book(info: "RunInfo") -> str:
    return f"{info.row.runbook}@{info.row.version}" if info.row.runbook else "-"


def _entry(entry: Any) -> dict[str, Any]:
    fields = ("seq", "at", "actor", "credential", "epoch", "code", "body", "hash")
    return {"kind": str(entry.kind), "role": str(entry.role), **{f: getattr(entry, f) for f in fields}}
