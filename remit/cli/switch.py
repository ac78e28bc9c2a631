"""``remit stop`` and ``remit start``: the switch that holds back every write from now on."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from remit.cli.door import OK, Door, command
from remit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from remit.switch import Aftermath, Landing

MAX_WHY: Final = 400
_Runbook = Annotated[str | None, typer.Option("--runbook", metavar="ID", help="Only this runbook.")]
_Resource = Annotated[str | None, typer.Option("--resource", metavar="NAME", help="Only this resource.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "stop")(stop)
    command(app, "start")(start)


def stop(
    door: Door,
    runbook: _Runbook = None,
    resource: _Resource = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")] = "",
    wait: Annotated[
        float,
        typer.Option(
            "--wait", min=0, max=600, metavar="SECONDS", help="Seconds to wait for writes in flight."
        ),
    ] = 10.0,
) -> int:
    """Hold back every write from now on; reading, settling and telling go on."""
    from policies.desk_acts import may_stop
    from remit.switch import aftermath, settle
    from state.ledger.port import Stop

    scope = _scope(runbook, resource)
    asker, ledger = door.operator(), door.desk().ledger
    if not may_stop(door.desk().in_force, asker.name):
        raise RefusedError(
            f"{asker.name} has no role that asks, decides or approves here",
            code="no_part_here",
            hint="ask somebody who has; remit runbook list, then remit runbook authority ID, names the roles",
        )
    _require_known(door, runbook, resource)
    ledger.stop(
        Stop(scope=scope, by=asker.name, at=ledger.now(), why=_why(door, why) or f"asked by {asker.name}"),
        who=asker.said,
    )
    found = settle(ledger, scope, timeout_s=wait) if wait else aftermath(ledger, scope)
    if door.json:
        door.data({"scope": scope, "stopped": True, "by": asker.name, **found.as_json()})
        return OK
    door.say(
        f"stopped: {scope}; no write intent becomes durable from now on",
        *_lines(found),
        f"next: remit start{_option(runbook, resource)}",
    )
    return OK


def _lines(found: "Aftermath") -> list[str]:
    """What is known of the writes before the stop, the worst first."""
    lines = [f"may still land{_end(write)}: {write}" for write in found.may_still_land]
    lines += [f"can land no more, its effect is not known: {write}" for write in found.effect_unknown]
    lines += [f"not all known: run {run} cannot be read to its end" for run in found.unreadable]
    over = f"writes of live runs that are over: {found.over}"
    if not lines:
        return [f"every earlier write has its outcome ({over})" if found.over else "nothing was in flight"]
    counts = {
        "may still land": len(found.may_still_land),
        "with an unknown effect": len(found.effect_unknown),
    }
    return [*lines, ", ".join([f"{count} {what}" for what, count in counts.items() if count] + [over])]


def _end(write: "Landing") -> str:
    if write.until is None:
        return ", and no end is known (its process is not shown to be dead)"
    return f" until {write.until}" + (", later if its process was paused" if write.outcome == "open" else "")


def start(door: Door, runbook: _Runbook = None, resource: _Resource = None) -> int:
    """Lift a stop; runs that it held back go on with the next worker."""
    from policies.desk_acts import may_start

    scope = _scope(runbook, resource)
    asker, ledger = door.operator(), door.desk().ledger
    if not may_start(door.desk().in_force, asker.name):
        raise RefusedError(
            f"{asker.name} has no role that decides or approves here",
            code="not_a_decider",
            not_done="the stop stays in force",
            hint="ask an owner, or somebody who decides",
        )
    lifted = scope in _stopped(door) and ledger.start(scope, by=asker.name, at=ledger.now(), who=asker.said)
    left = _stopped(door)
    if not lifted:
        raise UsageError(
            f"not stopped: {scope!r:.120}",
            code="not_stopped",
            not_done="nothing was done" if left else "nothing was done: nothing is stopped here",
            hint="; ".join(f"remit start{_of(stop)}" for stop in left),
        )
    if door.json:
        door.data({"scope": scope, "lifted": lifted, "still_stopped": left})
        return OK
    door.say(f"started: {scope}")
    if left:
        door.say(f"still stopped: {', '.join(left)}")
    return OK


def _scope(runbook: str | None, resource: str | None) -> str:
    if runbook and resource:
        raise UsageError("one of --runbook and --resource, not both", code="usage")
    if "" in (runbook, resource):
        raise UsageError("--runbook and --resource need a name", code="usage")
    if runbook:
        return f"runbook:{runbook.partition('@')[0]}"
    return f"resource:{resource}" if resource else "desk"


def _require_known(door: Door, runbook: str | None, resource: str | None) -> None:
    """A stop that matches nothing would be a false comfort; UsageError."""
    from policies.desk_acts import known_runbook, touchable

    desk = door.desk()
    if runbook and not known_runbook(desk.in_force, runbook.partition("@")[0]):
        raise UsageError(
            f"no runbook {runbook[:60]!r} is in force here, or was",
            code="unknown_runbook",
            not_done="NOTHING IS STOPPED",
            hint="remit runbook list; or all of it: remit stop",
        )
    known = resource is None or (
        resource.isprintable() and (touchable(desk.in_force, resource) or desk.ledger.holder(resource))
    )
    if not known:
        raise UsageError(
            f"no write that is delegated here can touch {resource!r:.120}; a stop names one resource",
            code="unknown_resource",
            not_done="NOTHING IS STOPPED",
            hint="remit runbook authority ID names what it may touch; or stop --runbook ID, or all of it",
        )


def _why(door: Door, given: str) -> str:
    return door.desk().scrubber.line(given, limit=MAX_WHY)


def _stopped(door: Door) -> list[str]:
    return [stop.scope for stop in door.desk().ledger.stops()]


def _of(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f" --{kind} {name}" if name else ""


def _option(runbook: str | None, resource: str | None) -> str:
    return f" --runbook {runbook}" if runbook else f" --resource {resource}" if resource else ""
