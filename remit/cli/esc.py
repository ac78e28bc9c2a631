"""``remit esc list|show|ack|confirm|attest-dead``: what waits for a human, and all but their decision."""

from typing import TYPE_CHECKING, Annotated

import typer

from remit.cli import decisions
from remit.cli.door import ESCALATED, OK, Door, command
from remit.errors import RefusedError, UsageError

if TYPE_CHECKING:
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
    from remit.cli.runs import age, views_of
    from state.ledger.port import Query

    views = views_of(door)
    lanes = ("live/escalated", "live/stuck", "live/waiting_human")
    infos = [info for info in views.as_folded(views.runs(Query(live=True))) if info.row.lane in lanes]
    infos.reverse()
    if door.json:
        door.data([views.packet(views.show(i.run)) or {"run": i.run, "lane": i.row.lane} for i in infos])
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
    return OK


def _why(lane: str, reason: str | None) -> str:
    if lane == "live/stuck":
        return "stuck"
    return "asks for a yes" if lane == "live/waiting_human" else reason or ""


def show(door: Door, esc: _Esc) -> int:
    """Show an escalation's packet: what stopped, what changed, what can be decided."""
    shown_basis(door, esc)
    return OK


def shown_basis(door: Door, esc: str) -> str:
    """Show a packet with what can be decided now; the basis that a decision on it has."""
    from remit.cli.runs import views_of
    from remit.fresh import fresh_packet
    from state.packet import packet_text

    views = views_of(door)
    shown = views.show(views.run_id(esc))
    packet = views.packet(shown, named_in(esc))
    if packet is None:
        raise UsageError(
            f"nothing of run {shown.task.run} waits for a human",
            code="no_such_escalation",
            hint="remit esc list",
        )
    packet = fresh_packet(door.desk(), packet, shown.task)
    if door.json:
        door.data(packet)
        return str(packet.get("basis", ""))
    door.text(packet_text(packet))
    if shown.task.unsound:
        door.say(f"next: remit esc abort --raw {shown.task.run}")
    elif shown.task.open_escalation is None:
        decision = shown.task.escalation.decision if shown.task.escalation else None
        said = (
            f"decided already, by {decision.by}: {decision.choice}" if decision else "it is not open any more"
        )
        door.say(said)
    return str(packet.get("basis", ""))


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
    asked = [c for c in task.confirmations.values() if c.answer is None]
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

    run, open_ = open_escalation(door, esc)
    task = task_of(door, run)
    for claim in task.claims:
        if claim.epoch not in task.proven_dead:
            door.say(
                f"  worker {claim.worker}: pid {claim.pid}, host boot {claim.boot_id[:13]}, since {claim.at}"
            )
    if not door.confirm("Do you state that these processes are dead?", yes=yes):
        door.say("nothing was stated")
        return ESCALATED
    return send(
        door,
        run,
        "attest",
        {"escalation": open_.id},
        says="stated; decide one quarantine later: remit esc show " + run,
    )


def open_escalation(door: Door, esc: str) -> "tuple[str, Escalation]":
    """Find the open escalation that is meant, and its run; RefusedError where it is not open."""
    from remit.cli.runs import views_of

    run = views_of(door).run_id(esc)
    task = task_of(door, run)
    if task.unsound:
        raise RefusedError(
            f"run {run} is stuck: {task.unsound}", code="stuck", hint=f"remit esc abort --raw {run}"
        )
    open_ = task.open_escalation
    named = named_in(esc)
    if open_ is None or named not in (None, open_.id):
        last = next((e for e in task.escalations if e.id == named), task.escalation)
        if last is not None and last.decision is not None:
            said = f"{last.id} was decided by {last.decision.by}: {last.decision.choice}"
            raise RefusedError(said, code="already_decided", hint=f"remit runs show {run}")
        raise RefusedError(f"{esc[:60]} is not open", code="no_such_escalation", hint="remit esc list")
    return run, open_


def task_of(door: Door, run: str) -> "Task":
    """Fold a run as it stands now."""
    from state.reading import read_task

    return read_task(door.desk().ledger, run)


def named_in(esc: str) -> str | None:
    """Id of an escalation in what was given; None where only a run was."""
    run, slash, rest = esc.partition("/")
    return f"{run.upper()}/{rest}" if slash else None
