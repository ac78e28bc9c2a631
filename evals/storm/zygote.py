"""Real remit processes without the second that each would need to start: forked from a warmed-up one.

Reads a JSON line for each process to start: ``{id, argv: [[...], ...], env: {...}, out: FILE, err: FILE}``,
and answers ``{id, pid}`` and, when it has ended, ``{id, exit}`` (negative: the signal); ``{read: [FOLDER]}``
is not answered. The child carries out the command lines one after another, as ``remit`` would. It is forked
while this process has one thread and no file, database or connection of remit's open, so it differs from a
fresh start in nothing but its imports, its parser of the command line, and the YAML that was read before.
"""

import gc
import importlib
import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer.main

from evals.storm import driver
from policies import yaml_tree
from policies.errors import LoadError
from policies.expressions import compile_expression
from remit.cli.app import app, run

LOOK_S: Final = 0.02
WARM: Final = (
    "graph.runner", "remit.bootstrap", "remit.worker.engine", "remit.cli.following", "remit.views",
    "state.ledger.sql.opening", "state.ledger.audit", "tools.adapters.catalog",
    "tools.adapters.http_connector",
    "tools.adapters.http_get", "tools.adapters.supervisor", "tools.desk_modules", "celpy",
    "remit.intake.requests", "agents.interpreter",
)  # fmt: skip


def warm_up() -> None:
    """Import what a worker needs, read an expression once, and nothing more: no file is opened."""
    for module in WARM:
        importlib.import_module(module)
    compile_expression("inputs.thing == 1")
    typer.main.get_command = cache(typer.main.get_command)  # else it is made anew for every command line
    typer.main.get_command(app)
    yaml_tree.read = cache(yaml_tree.read)  # the same few files, copied to every desk


def read_files(folders: Sequence[str]) -> None:
    """Read the YAML files below these folders once for all that are forked from now on."""
    for folder in folders:
        for path in Path(folder).rglob("*.yaml"):
            with suppress(LoadError):
                yaml_tree.read(path.read_bytes(), path.name)


def become(command: dict[str, Any]) -> int:
    """Carry out the command lines as the process that this is; the exit code of the last."""
    os.environ.update(command["env"])
    points = driver.install(dict(os.environ))
    code = 0
    for argv in command["argv"]:
        if points is not None:
            points("command", argv[0])
        code = run(argv)
    return code


class Zygote:
    """The children that run, by pid, and the line that orders come in by."""

    def __init__(self) -> None:
        """Start with none."""
        self._children: dict[int, str] = {}

    def serve(self) -> None:
        """Start what is asked for until the line ends, then end what still runs."""
        rest = b""
        while True:
            ready, _, _ = select.select([0], [], [], LOOK_S)
            if ready:
                came = os.read(0, 1 << 16)
                if not came:
                    break
                *lines, rest = (rest + came).split(b"\n")
                for order in map(json.loads, lines):
                    if "read" in order:
                        read_files(order["read"])
                    else:
                        self._start(order)
            self._collect(os.WNOHANG)
        for pid in self._children:
            os.kill(pid, 9)
        while self._children:
            self._collect(0)

    def _start(self, command: dict[str, Any]) -> None:
        assert threading.active_count() == 1, threading.enumerate()
        pid = os.fork()
        if pid == 0:
            _run(command)
        self._children[pid] = command["id"]
        _say(id=command["id"], pid=pid)

    def _collect(self, options: int) -> None:
        while self._children:
            pid, status = os.waitpid(-1, options)
            if pid == 0:
                return
            _say(id=self._children.pop(pid), exit=os.waitstatus_to_exitcode(status))


def _run(command: dict[str, Any]) -> None:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, place in (("out", 1), ("err", 2)):
            os.dup2(os.open(command[stream], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), place)
        code = become(command)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _say(**fields: Any) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def main() -> None:
    """Warm up and serve."""
    warm_up()
    gc.freeze()
    _say(ready=True)
    Zygote().serve()


if __name__ == "__main__":
    main()
