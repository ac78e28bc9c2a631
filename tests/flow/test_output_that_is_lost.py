"""A command whose output goes where no space is left says so, once, and is no internal error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remit.cli.app import run

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


@pytest.mark.parametrize("command", [("runs", "list", "--all", "--json"), ("doctor",)])
def test_a_full_device_is_said(tmp_path, command):
    desk = tmp_path / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "remit", "--desk", str(desk), *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )
    assert done.returncode == 1
    assert "output_lost" in done.stderr
    assert "internal error" not in done.stderr
    assert "Exception ignored" not in done.stderr
