"""``remit run`` and ``remit plan``: ask for a task, see it carried out; or see first what would be done."""

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from remit.cli.door import ESCALATED, OK, REFUSED, Door, columns, command
from remit.cli.ignored import say_ignored
from remit.errors import UsageError
from state.wording import wrapped

if TYPE_CHECKING:
    from remit.bootstrap import App
    from remit.intake.requests import Intake, Proposed, Request

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}(@[0-9]{1,7})?")
_HANG: Final = 17  # under what a line of a plan says
_What = Annotated[list[str], typer.Argument(metavar="REQUEST...", help="A phrase, or a runbook's id.")]
_Inputs = Annotated[list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input.")]
_Criteria = Annotated[
    list[str] | None, typer.Option("--criterion", metavar="CHECK", help="A check that must pass at the end.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "run")(run)
    command(app, "plan")(plan)


def run(
    door: Door,
    what: _What,
    input_: _Inputs = None,
    criterion: _Criteria = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait; leave it to a worker.")
    ] = False,
    wait_timeout: Annotated[
        float | None, typer.Option("--wait-timeout", min=0, metavar="SECONDS", help="Wait at most so long.")
    ] = None,
    delivery: Annotated[
        str | None, typer.Option("--delivery", metavar="ID", help="Asked once under this id.")
    ] = None,
    ref: Annotated[
        str, typer.Option("--ref", metavar="TEXT", help="Where it comes from, for the record.")
    ] = "",
) -> int:
    """Ask for a task and see it carried out: by a phrase ("restart shop in prod"), or by id and -i."""
    from remit.cli.following import conclude, follow

    with door.working() as app:
        intake = intake_of(door, app)
        request = _request(door, what, input_ or [], criterion or [], delivery=delivery, ref=ref)
        proposed = _confirmed(door, intake.read(request, can_confirm=door.interactive))
        say_ignored(door, proposed.policy.runbook.id if proposed.policy else None)
        made = intake.submit(proposed)
        if made.attached:
            door.say(f"run {made.run} is for the same need: this request is attached to it")
        elif made.rejected is None:
            door.say(f"run {made.run}")
        if made.rejected is not None:
            return conclude(door, made.run, app.ledger)
        if detach:
            if door.json:
                conclude(door, made.run, app.ledger)
            else:
                door.text(made.run)
                door.say("detached: the next worker carries it out", f"next: remit runs watch {made.run}")
            return OK
        return follow(door, app, made.run, timeout_s=wait_timeout)


def plan(door: Door, what: _What, input_: _Inputs = None, criterion: _Criteria = None) -> int:
    """Say what a request would do, and what cannot be simulated; targets are only read, no run is made."""
    from remit.planning import plan_of

    with door.working() as app:
        intake = intake_of(door, app)
        request = _request(door, what, input_ or [], criterion or [], delivery=None, ref="")
        proposed = _confirmed(door, intake.read(request, can_confirm=door.interactive))
        say_ignored(door, proposed.policy.runbook.id if proposed.policy else None)
        made = plan_of(app, proposed, intake.judge(proposed), joins=intake.joins(proposed))
    if door.json:
        door.data(made.as_json())
    else:
        door.text(*(part for line in made.lines for part in wrapped(line, columns(), hang=_HANG)))
    return OK if made.allowed else ESCALATED if made.outcome == "escalates" else REFUSED


def intake_of(door: Door, app: "App") -> "Intake":
    """Intake of the desk that ``app`` carries."""
    from ulid import ULID

    from remit.desk import program
    from remit.intake.requests import Intake
    from remit.ready import not_ready

    return Intake(
        ledger=app.ledger,
        in_force=app.policies.now,
        model=app.model,
        new_id=lambda: str(ULID()),
        sealed=app.sealed,
        code=program(),
        scrubber=app.scrubber,
        on_disk=lambda: list(door.desk().folder.runbooks),
        lacks=lambda policy: not_ready(app.kit(policy.pins)),
        model_calls_per_hour=app.settings.intake.model_calls_per_hour,
    )


def _request(
    door: Door, what: list[str], inputs: list[str], criteria: list[str], *, delivery: str | None, ref: str
) -> "Request":
    from remit.intake.requests import Request

    text = " ".join(what)
    named = bool(inputs) or _NAME.fullmatch(text) is not None
    if named and " " in text.strip():
        raise UsageError(
            "-i belongs to a runbook's id, not to a phrase", code="usage", hint="remit runbook list"
        )
    return Request(
        asker=door.asker(),
        source="cli",
        text="" if named else text,
        runbook=text if named else "",
        inputs=_pairs(inputs),
        criteria=tuple(criteria),
        ref=ref,
        delivery=delivery,
    )


def _pairs(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise UsageError(f"-i takes NAME=VALUE, not {one[:60]!r}", code="usage")
        if name in found:
            raise UsageError(f"input {name[:60]} is given twice", code="duplicate_input")
        found[name] = value
    return found


def _confirmed(door: Door, proposed: "Proposed") -> "Proposed":
    """Ask the requester about what a model read; without a yes it is rejected, and kept as such."""
    from dataclasses import replace

    from policies.admission import Rejected

    if not proposed.confirm or proposed.refused is not None:
        return proposed
    door.say(f"a model read this as: {proposed.confirm}")
    if door.interactive and door.confirm("Is that what you ask for?", yes=False):
        return proposed
    refused = Rejected(code="not_confirmed", message=f"nobody confirmed the reading: {proposed.confirm}")
    return replace(proposed, refused=refused)
