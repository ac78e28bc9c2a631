"""What is wrong with a desk, or soon will be: every question that can be asked without touching a target."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final, Literal

from remit.desk import Desk
from remit.errors import DoorError
from remit.settings import Settings, unknown_variables

ROOMS: Final = ("state", "policies", "tools", "agents", "graph", "remit", "evals", "runbooks")
_OPEN_TO_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer. A ``problem`` keeps something from working; a ``warning`` is not what it looks like.

    ``waits``: a run stands still until somebody does what is next.
    """

    verdict: Literal["ok", "warning", "problem"]
    what: str
    next: str = ""
    waits: bool = False

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)


def examine(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Finding]:
    """Ask every question; a question that fails is itself a problem."""
    environ = os.environ if environ is None else environ
    found = [*_rooms(), *_private(settings), *_variables(environ), *_model(settings, environ)]
    try:
        desk = Desk.open(settings, environ=environ)
    except Exception as error:  # noqa: BLE001 - whatever keeps the ledger shut is what doctor is for
        what, hint = f"the ledger cannot be opened: {error}", getattr(error, "hint", "")
        return [*found, Finding(verdict="problem", what=what, next=hint)]
    try:
        for question in _QUESTIONS:
            found.extend(_asked(question, desk, environ))
    finally:
        desk.close()
    return found


def _asked(question: "_Question", desk: Desk, environ: Mapping[str, str]) -> list[Finding]:
    try:
        return list(question(desk, environ))
    except Exception as error:  # noqa: BLE001 - the other questions are asked all the same
        name = question.__name__.strip("_").replace("_", " ")
        return [Finding(verdict="problem", what=f"{name}: {type(error).__name__}: {error}")]


def _rooms() -> Iterator[Finding]:
    claimed = packages_distributions()
    for room in ROOMS:
        others = sorted({d for d in claimed.get(room, ()) if d != "remit"})
        if others:
            yield Finding(
                verdict="problem",
                what=f"another package ships a top-level {room}: {', '.join(others)}",
                next="install remit into a virtual environment of its own",
            )


def _private(settings: Settings) -> Iterator[Finding]:
    for path in (settings.private, settings.private / "secrets"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _OPEN_TO_OTHERS:
            yield Finding(verdict="problem", what=f"{path} is open to others", next=f"chmod 700 {path}")
    folder = settings.private / "secrets"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if stat.S_IMODE(file.stat().st_mode) & _OPEN_TO_OTHERS:
            yield Finding(verdict="problem", what=f"{file} is open to others", next=f"chmod 600 {file}")


def _variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in unknown_variables(environ):
        yield Finding(verdict="warning", what=f"nothing reads {name}", next="check its spelling, or unset it")


def _model(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    from agents.models.factory import model_problem

    problem = model_problem(settings.model, environ)
    if problem is not None:
        hint = 'mend that, or set model = "rules" in remit.toml (no model is needed to run)'
        yield Finding(verdict="problem", what=problem, next=hint)
    else:
        yield Finding(verdict="ok", what=f"model: {settings.model}")


def _in_force(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:  # noqa: ARG001 - one shape for all
    for what, hint in desk.ignorances():
        yield Finding(verdict="warning", what=what, next=hint)
    for ref in sorted(desk.in_force.runbooks):
        yield Finding(verdict="ok", what=f"in force: {ref}")
    if not desk.in_force.runbooks:
        yield Finding(verdict="warning", what="no runbook is in force", next="remit runbook approve --all")


def _who(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:
    from remit.intake.principal import who_asks

    try:
        asker = who_asks(desk.in_force.people(), given=None, environ=environ)
    except DoorError as error:
        yield Finding(verdict="warning", what=str(error), next=error.hint)
    else:
        people = desk.in_force.people()
        solo = ", a solo desk" if people is not None and people.approval.solo else ""
        yield Finding(verdict="ok", what=f"you are {asker.name} (by {asker.how}){solo}")


def _can_run(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:
    from remit.kit import kit_or_what_is_left, secrets_of
    from remit.ready import not_ready

    secrets = secrets_of(desk.settings, environ)
    for ref in sorted(desk.in_force.runbooks):
        lacking = not_ready(kit_or_what_is_left(desk.in_force.policy(ref), desk.settings, secrets))
        if lacking is not None:
            yield Finding(verdict="problem", what=f"{lacking.what} [{lacking.code}]", next=lacking.fix)


def _credentials(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:
    from tools.errors import SecretError
    from tools.secrets import Secrets

    secrets = Secrets(
        desk.settings.private / "secrets", environ=environ, keyring=desk.settings.credentials.keyring
    )
    by_name: dict[str, set[str]] = {}
    for contract in desk.folder.contracts.values():
        for role, name in contract.credentials.items():
            by_name.setdefault(name, set()).add(role)
    for name, roles in sorted(by_name.items()):
        if len(roles) > 1 and name not in desk.settings.credentials.shared:
            yield Finding(
                verdict="problem", what=f"secret {name} is used by roles {', '.join(sorted(roles))}"
            )
        try:
            secrets.resolve(name)
        except SecretError as error:
            yield Finding(verdict="problem", what=str(error))


def _sockets(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:  # noqa: ARG001
    for name, address in desk.settings.supervisors.items():
        if not Path(address.removeprefix("unix://")).is_socket():
            yield Finding(
                verdict="warning", what=f"supervisor {name}: no socket at {address}", next="is it running?"
            )


def _runs(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:  # noqa: ARG001
    """Runs that nobody carries, and those that wait for a human."""
    from remit.standing import standing

    for one in standing(desk.ledger, desk.in_force):
        verdict: Literal["warning", "problem"] = "problem" if one.stuck else "warning"
        yield Finding(verdict=verdict, what=one.what, next=one.next, waits=True)


def _switch(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:  # noqa: ARG001
    for stop in desk.ledger.stops():
        yield Finding(
            verdict="warning",
            what=f"stopped: {stop.scope}, by {stop.by} at {stop.at}: {stop.why}",
            next=f"remit start{_lifts(stop.scope)}",
        )


def _lifts(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f" --{kind} {name}" if name else ""


def _own_name(desk: Desk, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Python looks in the present folder first: no line of this program runs before that is done."""
    del environ
    for name in ("remit", "remit.py"):
        if (desk.settings.desk / name).exists():
            yield Finding(
                verdict="warning",
                what=f"this desk holds {name}: python -m remit, started here, runs that and not this program",
                next="start it as remit, or give what stands there another name",
            )


_Question = Callable[[Desk, Mapping[str, str]], Iterator[Finding]]
_QUESTIONS: Final[tuple[_Question, ...]] = (
    _own_name, _in_force, _who, _can_run, _credentials, _sockets, _runs, _switch,
)  # fmt: skip
