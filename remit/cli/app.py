"""Which commands there are, and how the program ends: every error becomes one message and one exit code."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from remit.cli import door
from remit.errors import DoorError


class Ordered(TyperGroup):
    """Commands in the order in which they were added, which is the order in which they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the name is the library's
        """Names of the commands."""
        return list(self.commands)


app = typer.Typer(
    name="remit",
    cls=Ordered,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Carries routine, preapproved operations to completion inside a delegated remit.",
)


def _add_commands() -> None:
    from remit.cli import demo, desk, esc, ledger, run, runbook, runs, switch, worker

    for room in (desk, demo, run, runs, esc, runbook, switch, ledger, worker):
        room.add_to(app)


def run(arguments: list[str] | None = None) -> int:
    """Carry out one command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    try:
        result = app(args=given, prog_name="remit", standalone_mode=False)
        sys.stdout.flush()  # here, where it can still be said that nobody got it
    except Exception as error:  # noqa: BLE001 - the outermost door: whatever it is becomes a message and a code
        return _ended_by(error, as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return door.STILL_RUNNING
    return result if isinstance(result, int) else door.OK


def _ended_by(error: Exception, *, as_json: bool) -> int:
    if isinstance(error, DoorError):
        return door.report(error, as_json=as_json)
    show = getattr(error, "show", None)
    if show is not None and hasattr(error, "exit_code"):  # the parser's own complaint about the command line
        show()
        return door.USAGE
    if type(error).__name__ in ("Exit", "Abort"):
        return int(getattr(error, "exit_code", door.USAGE))
    known = _translated(error)
    if known is not None:
        return door.report(known, as_json=as_json)
    _say_internal(error)
    return door.INTERNAL


def _say_internal(error: Exception) -> None:
    from tools.scrub import MAX_TEXT, Scrubber
    from tools.secrets import Secrets

    scrubber = Scrubber(Secrets(None).live)  # which desk was meant is not known out here
    trace = scrubber.text("".join(traceback.format_exception(error))[-MAX_TEXT:])
    said = scrubber.line(f"{type(error).__name__}: {error}")
    print(door.plain(trace), f"remit: internal error: {said}", sep="\n", file=sys.stderr)


def _give_up_output() -> None:
    """Let what could not be printed go, or it would be tried, and fail, once more at the very end."""
    with suppress(OSError, ValueError):  # no file, where a program put something else in its place
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _translated(error: Exception) -> DoorError | None:
    from agents.errors import ModelNameError
    from policies.errors import LoadError
    from remit.errors import ConflictError, UsageError
    from remit.worker.engine import GivenUpError
    from state.errors import (
        LedgerError,
        ResourceHeldError,
        StorageError,
        UnknownCommitError,
        UnknownRunError,
        UnsoundLedgerError,
    )
    from tools.errors import SetupError

    match error:
        case LoadError():
            return UsageError(str(error), code=error.problems[0].code if error.problems else "bad_file")
        case UnknownRunError():
            return UsageError(str(error), code="unknown_run", hint="remit runs list --all")
        case ResourceHeldError():
            return ConflictError(str(error), code="resource_held", hint=f"remit runs show {error.run}")
        case SetupError() | ModelNameError():
            return UsageError(str(error), code="bad_setup", hint="remit doctor")
        case GivenUpError():
            return DoorError(
                str(error), code="given_up", hint="remit doctor; then the same again",
                not_done="the run stays as it is, and free for the next worker",
            )  # fmt: skip
        case UnknownCommitError() | StorageError():
            return DoorError(
                str(error), code="ledger", hint="mend what it names, remit doctor; then remit worker --drain",
                not_done="what the ledger holds stands, and nothing was sent that it does not hold",
            )  # fmt: skip
        case OSError(errno=errno.ENOSPC, filename=None):
            _give_up_output()
            return DoorError(
                "the output cannot be written: no space is left where it goes", code="output_lost",
                hint="make room, then look: remit runs list --all", not_done="what was done stands",
            )  # fmt: skip
        case LedgerError() | UnsoundLedgerError():
            return DoorError(str(error), code="ledger", hint="remit doctor; remit ledger verify")
        case _:
            return None


app.callback()(door.common)
_add_commands()
