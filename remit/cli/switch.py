"""``remit stop`` and ``remit start``: the switch that holds back every write from now on."""

from typing import Annotated

import typer

from remit.cli.door import OK, Door, command
from remit.errors import RefusedError, UsageError

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
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=600, help="Seconds to wait for writes in flight.")
    ] = 10.0,
) -> int:
    """Hold back every write from now on; reading, settling and telling go on."""
    from policies.desk_acts import may_stop
    from remit.switch import landing, settle
    from state.ledger.port import Stop

    scope = _scope(runbook, resource)
    asker, ledger = door.operator(), door.desk().ledger
    if not may_stop(door.desk().in_force, asker.name):
        raise RefusedError(
            f"{asker.name} has no role that asks, decides or approves here",
            code="no_part_here",
            hint="ask somebody who has: remit runbook authority",
        )
    ledger.stop(Stop(scope=scope, by=asker.name, at=ledger.now(), why=why or f"asked by {asker.name}"))
    flying = settle(ledger, scope, timeout_s=wait) if wait else landing(ledger, scope)
    if door.json:
        door.data(
            {
                "scope": scope,
                "stopped": True,
                "by": asker.name,
                "may_still_land": [f.as_json() for f in flying],
            }
        )
        return OK
    for write in flying:
        door.say(
            f"may land until {write.until}: {write.tool} on {write.resource}, run {write.run} {write.op}"
        )
    door.say(
        f"stopped: {scope}; no write intent becomes durable from now on",
        "every earlier write has its outcome"
        if not flying
        else f"{len(flying)} earlier writes may still land (above)",
        f"next: remit start{_option(runbook, resource)}",
    )
    return OK


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
    lifted = ledger.start(scope, by=asker.name, at=ledger.now())
    left = [s.scope for s in ledger.stops()]
    if door.json:
        door.data({"scope": scope, "lifted": lifted, "still_stopped": left})
        return OK
    door.say(f"started: {scope}" if lifted else f"{scope} was not stopped; nothing was done")
    if left:
        door.say(f"still stopped: {', '.join(left)}")
    return OK


def _scope(runbook: str | None, resource: str | None) -> str:
    if runbook and resource:
        raise UsageError("one of --runbook and --resource, not both", code="usage")
    if runbook:
        return f"runbook:{runbook.partition('@')[0]}"
    return f"resource:{resource}" if resource else "desk"


def _option(runbook: str | None, resource: str | None) -> str:
    return f" --runbook {runbook}" if runbook else f" --resource {resource}" if resource else ""
