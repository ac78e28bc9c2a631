"""How the demo goes from beginning to end, and that it leaves nothing behind however it ends."""

import contextlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from evals.demo.acts import ACTS, Play
from evals.demo.desk import furnish, undecided
from evals.demo.errors import DemoError, Interrupted
from evals.demo.household import Household
from evals.demo.stage import EVIDENCE, Stage
from evals.demo.world import World
from remit.desk import Desk
from remit.settings import load
from remit.views import Views
from state.ledger.port import Query

OK: Final = 0
USAGE: Final = 2
OTHERWISE: Final = 8
_QUICKLY: Final = ("--quick", "--seconds", "2", "--accept-not-exhausted", "a demo")
_BY_SIGNAL: Final = 128
_LONGEST_FOLDER: Final = 60  # of a socket's name of 107


def play(desk: Path | None, *, as_json: bool = False) -> int:
    """Play the demo in ``desk`` (else in a temporary folder, which is kept); the exit code.

    0: every act ended as it says; 2: ``desk`` is there already; 8: an act ended otherwise; 128 + N: a signal.
    """
    if desk is not None and desk.exists() and (not desk.is_dir() or any(desk.iterdir())):
        print(f"remit: {desk} is there already; nothing was done [folder_exists]", file=sys.stderr)
        print("next: name a new folder, or none", file=sys.stderr)
        return USAGE
    household = Household(undecided(os.environ))
    with household.listening():
        stage = Stage(household, quiet_stdout=as_json)
        base = _base()
        place = desk.absolute() if desk is not None else base / "desk"
        world = World(household, run=base / "w", logs=place / EVIDENCE)
        code = OK
        try:
            _played(household, stage, world, place)
        except Interrupted as asked:
            code = _BY_SIGNAL + asked.number
            _said(stage, f"Ended early: {asked}.", f"What there is, is in {place}.")
        except BrokenPipeError:
            code = OTHERWISE
            _close_stdout()
        except (DemoError, OSError, xmlrpc.client.Error) as error:
            code = OTHERWISE
            _said(stage, f"NOT as it should be: {error}", f"What there is, is in {place}.")
        finally:
            left = world.end()
            with contextlib.suppress(OSError):
                base.rmdir()  # where the desk is elsewhere
        if left:
            code = code or OTHERWISE
            _said(stage, f"still running, and not to be ended: pids {', '.join(map(str, left))}")
    if as_json:
        print(json.dumps(_summary(stage, place, code), indent=1))
    return code


def _played(household: Household, stage: Stage, world: World, desk: Path) -> None:
    begun = time.monotonic()
    stage.opening(
        "remit demo: three acts, on a real supervisord with three services and an HTTP API without keys",
        "Each command is typed as you would type it. What it shows is checked against what the world saw.",
    )
    world.start()
    stage.desk, stage.env = desk, {"QUOTA_URL": world.target_url}
    stage.act("A desk")
    stage.typed(f"cd {shlex.quote(str(desk))}; export QUOTA_URL={world.target_url}")
    stage.remit("init")
    furnish(desk, world)
    stage.gap()
    stage.say("Into it go two of the shipped runbooks, only their durations shortened, and where things are.")
    stage.remit("runbook", "approve", "--all", "--yes", *_QUICKLY, into=f"{EVIDENCE}/approved.txt")
    world.wait_until_ready()
    with _views(desk) as views:
        played = Play(household=household, stage=stage, world=world, views=views)
        for act in ACTS:
            act(played)
        records = [views.record(views.show(info.run)) for info in views.runs(Query())]
    stage.keep("records.json", records)
    _end(played, desk, time.monotonic() - begun)


def _end(played: Play, desk: Path, took_s: float) -> None:
    stage = played.stage
    stage.act("In the end")
    stage.remit("runs", "list")
    stage.remit("ledger", "verify")
    stage.console.print()
    stage.lines(
        f"All three acts ended as they say, in {took_s:.0f} s. What is left of it:",
        f"  desk      {desk}",
        f"  ledger    {desk}/.remit/ledger.db",
        f"  records   {desk}/{EVIDENCE}/records.json",
        f"  packet    {desk}/{EVIDENCE}/packet.json",
        f"  witnesses {desk}/{EVIDENCE}/target.jsonl, supervisord.log",
        "What to try next:",
        f"  cd {shlex.quote(str(desk))}",
        f"  export QUOTA_URL={played.world.target_url}    # its server ended with the demo; the file is read",
        f"  remit runs trace {played.runs[1]}      # act 2, entry by entry",
        "  remit runbook authority service-recovery         # what it may do at the most",
        '  remit run "show the maintenance page of shop"    # a runbook that needs no other system',
        "  remit ledger export copy.jsonl && remit ledger verify copy.jsonl",
        "And for a desk of your own, in an empty folder: remit init",
    )


@contextmanager
def _views(desk: Path) -> Iterator[Views]:
    opened = Desk.open(load(desk))
    try:
        yield Views(opened.ledger, opened.in_force)
    finally:
        opened.close()


def _base() -> Path:
    """A folder with a name that is short enough for a socket in it."""
    base = Path(tempfile.mkdtemp(prefix="remit-demo-"))
    if len(str(base)) <= _LONGEST_FOLDER:
        return base
    shutil.rmtree(base)
    return Path(tempfile.mkdtemp(prefix="remit-demo-", dir="/tmp"))


def _said(stage: Stage, *lines: str) -> None:
    """Say it, if anybody is left to hear it."""
    with contextlib.suppress(OSError):
        stage.tidy()
        stage.console.print()
        stage.lines(*lines)


def _close_stdout() -> None:
    """Nobody reads any more: let what is still buffered go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _summary(stage: Stage, desk: Path, code: int) -> dict[str, Any]:
    checks = [
        {
            "act": act, "what": c.what, "expected": c.expected, "observed": c.observed,
            "says": c.says, "holds": c.holds,
        }
        for act, c in stage.checks
    ]  # fmt: skip
    return {"desk": str(desk), "exit": code, "checks": checks}
