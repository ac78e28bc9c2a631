"""In mode confirm a run prints the command that answers it, and that command is taken as it is printed."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from evals.storm.desk import AT_ONCE
from remit.cli.app import run


@pytest.fixture
def folder(tmp_path):
    desk = tmp_path / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    file = desk / "delegation.yaml"
    file.write_text(file.read_text().replace("mode: delegated", "mode: confirm"))
    return desk


def remit(folder, *arguments):
    """A process of its own: the sample's tools are a module, and another desk's may be loaded here."""
    env = {**os.environ, "REMIT_DESK": str(folder)}
    command = [sys.executable, "-m", "remit", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("answer", "code", "shown"), [("--yes", 0, "show"), ("--no", 3, None)])
def test_the_printed_command_answers_the_run(folder, answer, code, shown):
    approved = remit(folder, "runbook", "approve", "--all", "--yes", *AT_ONCE)
    assert approved.returncode == 0, approved.stderr
    asked = remit(folder, "run", "show the maintenance page of shop")
    assert asked.returncode == 3, asked.stderr
    (printed,) = [line for line in asked.stderr.splitlines() if "esc confirm" in line]
    command = shlex.split(printed.removeprefix("next: remit ").replace("--yes", answer))
    done = remit(folder, *command)
    assert done.returncode == code, done.stderr
    page = folder / "pages" / "shop"
    assert (page.read_text().strip() if page.exists() else None) == shown


def test_what_is_asked_is_shown_wherever_a_human_looks(folder):
    assert remit(folder, "runbook", "approve", "--all", "--yes", *AT_ONCE).returncode in (0, 2)
    assert remit(folder, "run", "show the maintenance page of shop").returncode == 3
    (waits,) = json.loads(remit(folder, "esc", "list", "--json").stdout)
    asked = waits["confirmation"]
    assert (waits["lane"], asked["op"], asked["tool"]) == ("live/waiting_human", "set/1", "page.set")
    assert asked["arguments"] == {"service": "shop", "state": "show"}
    assert json.loads(remit(folder, "esc", "show", waits["run"], "--json").stdout) == waits
    shown = remit(folder, "esc", "show", waits["run"][-10:])
    assert shown.returncode == 0, shown.stderr
    for part in ("page.set", "service=shop state=show", asked["resource"], asked["until"][:19], asked["cli"]):
        assert part in shown.stdout
    record = remit(folder, "runs", "show", waits["run"])
    assert f"next: {asked['cli']}" in record.stderr
    assert remit(folder, "esc", "confirm", waits["run"], "--no").returncode == 3
    (packet,) = json.loads(remit(folder, "esc", "list", "--json").stdout)
    assert packet["id"] == f"{waits['run']}/esc-1"
