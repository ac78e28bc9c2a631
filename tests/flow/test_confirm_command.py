"""In mode confirm a run prints the command that answers it, and that command is taken as it is printed."""

import os
import shlex
import subprocess
import sys

import pytest

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
    approved = remit(folder, "runbook", "approve", "--all", "--yes")
    assert approved.returncode == 0, approved.stderr
    asked = remit(folder, "run", "show the maintenance page of shop")
    assert asked.returncode == 3, asked.stderr
    (printed,) = [line for line in asked.stderr.splitlines() if "esc confirm" in line]
    command = shlex.split(printed.removeprefix("next: remit ").replace("--yes", answer))
    done = remit(folder, *command)
    assert done.returncode == code, done.stderr
    page = folder / "pages" / "shop"
    assert (page.read_text().strip() if page.exists() else None) == shown
