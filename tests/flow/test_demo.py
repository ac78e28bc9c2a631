"""Does the demo end as it says, and leave nothing behind however it ends?"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from evals.demo.errors import OtherwiseError
from evals.demo.play import OTHERWISE, USAGE, play
from evals.target.journal import effects_of
from remit.cli.app import run
from remit.worker.identity import stat_of
from tests.flow.kit import until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
MINE = "TEST_OF_THE_DEMO"


class Demo:
    """A demo in a process of its own, everything it starts marked by this test."""

    def __init__(self, folder: Path) -> None:
        self.desk, self.mark = folder / "desk", uuid.uuid4().hex
        self.out = folder / "out.txt"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "remit", "demo", "--desk", str(self.desk)],
                cwd=ROOT,
                env={**os.environ, MINE: self.mark, "TMPDIR": str(folder), "REMIT_MODEL": "openai:nobody"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def shown(self) -> str:
        return self.out.read_text()

    def until(self, words: str, within_s: float = 60) -> None:
        end = time.monotonic() + within_s
        while words not in self.shown:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < end, self.shown
            time.sleep(0.05)

    def living(self) -> list[str]:
        mark, found = f"{MINE}={self.mark}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def until_nothing_lives(self, within_s: float) -> None:
        end = time.monotonic() + within_s
        while left := self.living():
            assert time.monotonic() < end, left
            time.sleep(0.1)


@pytest.fixture
def started():
    folder = Path(tempfile.mkdtemp(prefix="d-"))  # a short name, which leaves room for a socket's
    demo = Demo(folder)
    yield demo
    if demo.process.poll() is None:
        demo.process.terminate()
        demo.process.wait(30)
    shutil.rmtree(folder)


def test_the_three_acts_end_as_they_say(started, capsys):
    demo = started
    assert demo.process.wait(170) == 0, demo.shown
    assert demo.living() == []

    # what is shown
    assert re.findall(r"^Act (\d)", demo.shown, re.MULTILINE) == ["1", "2", "3"]
    assert not re.search(r"^NO ", demo.shown, re.MULTILINE)
    assert len(re.findall(r"^ok +\S", demo.shown, re.MULTILINE)) == 19
    assert "no outcome" in demo.shown
    assert "\x1b" not in demo.shown, "colours or moving lines where there is no terminal"

    # what is kept, and that it agrees
    kept = demo.desk / "evidence"
    resumed, raised, retried = records = json.loads((kept / "records.json").read_text())
    assert [r["state"] for r in records] == ["completed"] * 3
    assert retried["retries"]["start"]["used"] >= 1
    assert [w["effect"] for w in raised["writes"]] == ["confirmed"]
    packet = json.loads((kept / "packet.json").read_text())
    assert (packet["where"]["reason"], packet["changed"]) == ("precondition_failed", [])
    assert [(e["before"], e["after"]) for e in effects_of(kept / "target.jsonl", "acc-7")] == [(100, 125)]
    assert sorted(p.name for p in demo.desk.parent.iterdir()) == ["desk", "out.txt"]

    # what can be done with it
    desk = ["--desk", str(demo.desk)]
    assert run([*desk, "ledger", "verify"]) == 0
    capsys.readouterr()
    assert run([*desk, "runs", "list", "--all", "--json"]) == 0
    assert [r["run"] for r in json.loads(capsys.readouterr().out)] == [r["run"] for r in records]
    assert resumed["run"] in demo.shown
    assert f"cd {demo.desk};" in demo.shown


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (signal.SIGINT, "$ remit init"),
        (signal.SIGHUP, "$ remit runbook approve"),
        (signal.SIGTERM, "stop/1: sends supervisor.stop"),
    ],
)
def test_asked_to_end_in_the_middle_it_leaves_nothing_behind(started, number, when):
    demo = started
    demo.until(when)
    assert any("supervisord" in line for line in demo.living())
    demo.process.send_signal(number)
    assert demo.process.wait(30) == 128 + number
    assert demo.living() == []
    assert "Ended early" in demo.shown
    assert sorted(p.name for p in demo.desk.parent.iterdir()) == ["desk", "out.txt"]


def test_killed_itself_its_world_ends_all_the_same(started):
    demo = started
    demo.until("$ remit runbook approve")
    demo.process.kill()
    demo.process.wait(10)
    demo.until_nothing_lives(within_s=20)


def test_a_folder_that_is_there_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert play(tmp_path) == USAGE
    assert "is there already" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def runs(pid: int) -> bool:
    """Not gone, and more than a zombie that waits to be collected."""
    stat = stat_of(pid)
    return stat is not None and stat.state != "Z"


@pytest.mark.parametrize(
    ("error", "code"), [(OtherwiseError("Act 1: otherwise"), OTHERWISE), (KeyError("a bug"), None)]
)
def test_an_act_that_ends_otherwise_is_said_by_the_exit_code(tmp_path, monkeypatch, capsys, error, code):
    pids = []

    def act(played):
        pids.extend(played.household.living())
        raise error

    monkeypatch.setattr("evals.demo.play.ACTS", (act,))
    if code is None:
        with pytest.raises(KeyError):
            play(tmp_path / "desk", as_json=True)
    else:
        assert play(tmp_path / "desk", as_json=True) == code
        assert json.loads(capsys.readouterr().out)["exit"] == code
    assert len(pids) == 5, "supervisord, its three services, the target"
    until(lambda: not any(runs(pid) for pid in pids), within_s=5)
    assert (tmp_path / "desk" / "remit.toml").exists()
