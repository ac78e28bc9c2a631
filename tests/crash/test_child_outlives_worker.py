"""A tool's child process that lives on when its worker is killed: nobody sends beside it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.attacks.kit import NAME
from tests.flow import kit

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]
MODULE = "slow_tools"
SOURCE = '''"""A program that is started beside, and takes its time."""

import subprocess
from pathlib import Path
from typing import Annotated

from remit import Pattern, tool

HERE = Path(__file__).parent
Name = Annotated[str, Pattern("[a-z][a-z0-9-]{1,40}")]


@tool(name="slow.count", effect="read", result={"lines": "integer"})
def count(thing: Name) -> dict:
    """Count what was written."""
    file = HERE / f"{thing}.effects"
    return {"lines": len(file.read_text().splitlines()) if file.exists() else 0}


@tool(name="slow.append", effect="write", result={}, resource="slow:{thing}", dedupe="read_back",
      child_process=True)
def append(thing: Name) -> dict:
    """Append a line, in a child process that waits for the word to go."""
    script = 'echo $$ >> "$0.started"; while [ ! -e "$0.go" ]; do sleep 0.05; done; echo x >> "$0.effects"'
    subprocess.run(["sh", "-c", script, str(HERE / thing)], check=True)
    return {}
'''
STEP = {
    "id": "append",
    "tool": "slow.append",
    "with": {"thing": "{inputs.thing}"},
    "timeout": "60s",
    "probe": {
        "observe": "seen",
        "applied_when": "seen.lines == attempt.seen.lines + 1",
        "absent_when": "seen.lines == attempt.seen.lines",
        "tries": {"max": 2, "every": "100ms"},
    },
    "retry": {"budget": 1, "after": ["not_applied"], "backoff": kit.QUICK},
    "verify": [{"id": "there", "expect": "seen.lines == 1"}],
    "rollback": kit.NO_UNDO,
}
BOOK = kit.book(
    "slow",
    STEP,
    inputs={"thing": NAME},
    observe={"seen": {"tool": "slow.count", "with": {"thing": "{inputs.thing}"}}},
    authority={"tools": ["slow.count", "slow.append"]},
    preconditions=[{"id": "untouched", "expect": "seen.lines == 0", "otherwise": "escalate"}],
    completion=[{"id": "once", "expect": "seen.lines == 1"}],
)


def remit(folder, *argv):
    return subprocess.Popen(
        [sys.executable, "-m", "remit", "--desk", str(folder), *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "THINGS_URL": kit.url(None), **kit.SECRETS},
    )


def said(folder, *argv):
    process = remit(folder, *argv, "--json")
    out, err = process.communicate(timeout=60)
    assert out, err
    return json.loads(out)


def test_a_worker_killed_while_its_child_runs_licenses_no_other_send(tmp_path):
    folder = tmp_path / "desk"
    kit.write_desk(
        folder,
        [BOOK],
        entries={"slow": {"resources": {"things/*": ["slow:*"]}}},
        modules={MODULE: SOURCE},
    )
    delegation = json.loads((folder / "delegation.yaml").read_text())
    delegation["approval"]["solo"] = True  # any name may be given here with --as
    (folder / "delegation.yaml").write_text(json.dumps(delegation))
    kit.approve(folder, None)
    started = folder / "one.started"
    try:
        with remit(folder, "run", "slow", "-i", "thing=one", "--as", "ann") as worker:
            kit.until(started.exists, within_s=60)
            worker.send_signal(signal.SIGKILL)
        remit(folder, "worker", "--drain").communicate(timeout=60)
        (record,) = said(folder, "runs", "list", "--all")
        left = said(folder, "stop", "--wait", "1", "--as", "sue")
    finally:
        (folder / "one.go").touch()  # the child lives until then
    kit.until((folder / "one.effects").exists)
    time.sleep(0.2)
    assert len(started.read_text().splitlines()) == 1, "nothing was sent beside the child"
    assert (folder / "one.effects").read_text().splitlines() == ["x"]
    assert (record["state"], record["reason"]) == ("escalated", "unproven_sender"), record
    assert [each["op"] for each in left["may_still_land"]] == ["append/1"]
