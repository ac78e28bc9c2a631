"""``remit esc list|show|ack|confirm|attest-dead``: what waits for a human, and all but their decision."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.cli import decisions
from remit.cli.asked import asked_of, confirmation_lines, confirmation_row
from remit.cli.door import ESCALATED, OK, Door, columns, command
from remit.errors import RefusedError, UsageError
from state.wording import wrapped

if TYPE_CHECKING:
    from remit.views import Shown, Views
    from state.ledger.port import RunInfo
    from state.task import Escalation, Task

_Esc = Annotated[str, typer.Argument(metavar="ESC", help="An escalation's id (RUN/esc-1), or its run's.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    esc = typer.Typer(
        no_args_is_help=True, help="What waits for a human, and what they decide.", rich_markup_mode=None
    )
    command(esc, "list")(list_)
    command(esc, "show")(show)
    command(esc, "ack")(ack)
    command(esc, "confirm")(confirm)
    command(esc, "attest-dead")(attest_dead)
    decisions.add_to(esc)
    app.add_typer(esc, name="esc")


def list_(door: Door) -> int:
    """List what waits for a human, the longest first."""
    from remit.cli.runs import age, say_uncarried, views_of
    from state.ledger.port import Query

    views = views_of(door)
    lanes = ("live/escalated", "live/stuck", "live/waiting_human")
    live = views.as_folded(views.runs(Query(live=True)))
    infos = [info for info in live if info.row.lane in lanes]
    infos.reverse()
    if door.json:
        door.data([_waiting(views, info) for info in infos])
        return OK
    now = door.desk().ledger.now()
    rows = []
    for info in infos:
        task = views.show(info.run).task
        open_ = task.open_escalation
        rows.append(
            (
                open_.id if open_ else info.run,
                open_.severity if open_ else "",
                _why(info.row.lane, info.row.reason),
                f"{info.row.runbook}@{info.row.version}",
                info.row.target,
                age(open_.at if open_ else info.row.created_at, now),
                (open_.acknowledged_by or "") if open_ else "",
            )
        )
    door.table(("ESCALATION", "SEVERITY", "REASON", "RUNBOOK", "TARGET", "AGE", "SEEN BY"), rows)
    if not rows:
        door.say("nothing waits for a human")
    say_uncarried(door, live)
    return OK


def _why(lane: str, reason: str | None) -> str:
    if lane == "live/stuck":
        return "stuck"
    return "asks for a yes" if lane == "live/waiting_human" else reason or ""


def _waiting(views: "Views", info: "RunInfo") -> "dict[str, Any]":
    """What one run waits for: the packet of its open escalation, or the write that it asks a yes for."""
    shown = views.show(info.run)
    row = confirmation_row(shown)
    packet = None if row else views.packet(shown)
    if packet is not None:
        return _with_eyes(packet, shown.task)
    return {"run": info.run, "lane": info.row.lane, **({"confirmation": row} if row else {})}


def _with_eyes(packet: "dict[str, Any]", task: "Task") -> "dict[str, Any]":
    """The packet with who has said that they have seen it."""
    seen_by = next((e.acknowledged_by for e in task.escalations if e.id == packet.get("id")), None)
    return {**packet, "seen_by": seen_by} if seen_by else packet


def show(door: Door, esc: _Esc) -> int:
    """Show an escalation's packet, or the write that a run asks a yes for."""
    shown_basis(door, esc)
    return OK


def shown_basis(door: Door, esc: str) -> str:
    """Show a packet with what can be decided now; the basis that a decision on it has."""
    from remit.cli.runs import views_of
    from remit.fresh import fresh_packet
    from state.packet import packet_text

    views = views_of(door)
    shown = views.show(views.run_id(esc))
    named = named_in(esc, shown.task.run)
    row = confirmation_row(shown) if named is None else None
    if row is not None:
        _show_asked(door, shown, row)
        return ""
    packet = views.packet(shown, named)
    if packet is None:
        raise UsageError(
            f"nothing of run {shown.task.run} waits for a human",
            code="no_such_escalation",
            hint="remit esc list",
        )
    packet = _with_eyes(fresh_packet(door.desk(), packet, shown.task), shown.task)
    if door.json:
        door.data(packet)
        return str(packet.get("basis", ""))
    over = _over(shown.task, str(packet.get("id")))
    door.text(packet_text(packet, now=door.desk().ledger.now(), width=columns(), over=over))
    if shown.task.unsound:
        door.say(f"next: remit esc abort --raw {shown.task.run}")
    elif over:
        door.say(f"next: remit runs show {shown.task.run}")
    return str(packet.get("basis", ""))


def _show_asked(door: Door, shown: "Shown", row: "dict[str, Any]") -> None:
    from state.instants import seconds_between
    from state.packet.text import age_text

    if door.json:
        door.data({"run": shown.task.run, "lane": "live/waiting_human", "confirmation": row})
        return
    left = max(0, int(seconds_between(door.desk().ledger.now(), row["until"])))
    for line in confirmation_lines(shown, row, left=f"{age_text(left)} left"):
        door.text(*wrapped(line, columns(), hang=12))


def _over(task: "Task", name: str) -> str:
    """Why nothing can be decided on an escalation any more: who decided it, when, and how; else empty."""
    if task.unsound or (task.open_escalation is not None and task.open_escalation.id == name):
        return ""
    decision = next((e.decision for e in task.escalations if e.id == name), None)
    if decision is None:
        return "OVER: it is not open any more, and nothing can be decided"
    why = f", because: {decision.reason}" if decision.reason else ""
    return f"DECIDED already, by {decision.by} at {decision.at[:19]}Z: {decision.choice}{why}"


def ack(door: Door, esc: _Esc) -> int:
    """Say that you have seen it; the levels behind you are told all the same unless somebody decides."""
    from remit.cli.signals import send

    run, open_ = open_escalation(door, esc)
    return send(door, run, "ack", {"escalation": open_.id}, says=f"seen: {open_.id}")


def confirm(
    door: Door,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run that asks for a yes before it writes.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Let it be sent.")] = False,
    no: Annotated[bool, typer.Option("--no", help="Do not let it be sent.")] = False,
) -> int:
    """Answer a run in mode confirm that asks before a write."""
    from remit.cli.runs import views_of
    from remit.cli.signals import send

    views = views_of(door)
    task = views.show(views.run_id(run)).task
    asked = asked_of(task)
    if not asked:
        raise RefusedError(
            f"run {task.run} asks for nothing", code="nothing_to_confirm", hint=f"remit runs show {task.run}"
        )
    if yes is no:
        door.text(*(f"{c.op}: {c.summary} (until {c.expires_at})" for c in asked))
        if yes or not door.interactive:
            raise UsageError("say --yes or --no", code="needs_yes")
        yes = door.confirm("Let it be sent?", yes=False)
    body = {"op": asked[-1].op, "digest": asked[-1].digest, "answer": "yes" if yes else "no"}
    return send(door, task.run, "confirm", body, go_on=True)


def attest_dead(
    door: Door, esc: _Esc, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> int:
    """State that the processes which may still send for this run are dead; it counts one quarantine later."""
    from remit.cli.signals import send
    from state.packet import senders_in_doubt

    run, open_ = open_escalation(door, esc)
    doubtful = senders_in_doubt(task_of(door, run))
    if not doubtful:
        raise RefusedError("no sender is in doubt", code="nothing_to_attest", hint=f"remit esc show {run}")
    epochs = sorted(sender.claim.epoch for sender in doubtful)
    shown = [{"epoch": s.claim.epoch, "worker": s.claim.worker, "pid": s.claim.pid} for s in doubtful]
    if door.json and not yes:
        door.data(
            {"run": run, "escalation": open_.id, "epochs": epochs, "in_doubt": [s.row() for s in doubtful]}
        )
    elif not door.json:
        door.say("may still send, unless it is dead:")
        for sender in doubtful:
            door.say(*wrapped(f"  {sender.text()}", columns(), hang=4))
    if not door.confirm("Do you state that these processes are dead?", yes=yes):
        door.say("nothing was stated")
        return ESCALATED
    return send(
        door,
        run,
        "attest",
        {"escalation": open_.id, "shown": shown},
        says="stated; decide one quarantine later: remit esc show " + run,
    )


def open_escalation(door: Door, esc: str) -> "tuple[str, Escalation]":
    """Find the open escalation that is meant, and its run; RefusedError where it is not open."""
    from policies.decisions import decided_already
    from remit.cli.runs import views_of

    run = views_of(door).run_id(esc)
    task = task_of(door, run)
    if task.unsound:
        raise RefusedError(
            f"run {run} is stuck: {task.unsound}", code="stuck", hint=f"remit esc abort --raw {run}"
        )
    open_ = task.open_escalation
    named = named_in(esc, run)
    if open_ is None or named not in (None, open_.id):
        last = next((e for e in task.escalations if e.id == named), task.escalation)
        if last is not None and last.decision is not None:
            late = decided_already(task, last.id)
            raise RefusedError(late.message, code=late.code, hint=f"remit runs show {run}")
        raise RefusedError(f"{esc[:60]} is not open", code="no_such_escalation", hint="remit esc list")
    return run, open_


def task_of(door: Door, run: str) -> "Task":
    """Fold a run as it stands now."""
    from state.reading import read_task

    return read_task(door.desk().ledger, run)


def named_in(esc: str, run: str) -> str | None:
    """Id of an escalation of ``run`` in what was given, however short; None where only a run was."""
    _, slash, rest = esc.partition("/")
    return f"{run}/{rest.lower()}" if slash else None
