"""Does a test run notice what it must not let pass: a hang, a silent skip, a process left behind, a way out?

Each case is a small test run of its own, under this repository's conftest.
"""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copytree(ROOT / "tests" / "network_guard", tmp_path / "tests" / "network_guard")

    def runs(body: str, *options: str, **environment: str) -> tuple[int, str]:
        (tmp_path / "tests" / "test_case.py").write_text(body, encoding="utf-8")
        environment = {"CI": "", **environment}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return ran.returncode, ran.stdout

    return runs


def test_a_sound_test_passes(run):
    assert run("def test_sound(): pass")[0] == 0


def test_a_hang_fails_with_a_traceback(run):
    status, said = run("import time\ndef test_hangs():\n    time.sleep(50)  # here", "--timeout=0.5")
    assert status == 1
    assert "time.sleep(50)  # here" in said
    assert "Timeout" in said


def test_a_warning_fails(run):
    assert run("import warnings\ndef test_warns(): warnings.warn('x')")[0] == 1


NEEDS = "def test_needs(require): require('a-part', {present})"


@pytest.mark.parametrize(
    ("present", "ci", "status", "says"),
    [
        (True, "true", 0, "1 passed"),
        (False, "", 0, "missing on this machine: a-part"),
        (False, "true", 1, "missing on this machine: a-part"),
    ],
)
def test_a_missing_part_is_named_and_fails_in_ci(run, present, ci, status, says):
    ended, said = run(NEEDS.format(present=present), CI=ci)
    assert ended == status
    assert says in said


LEAVES = """
import subprocess, sys
def test_leaves_a_grandchild():
    subprocess.run([sys.executable, "-c",
        "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True,"
        " stdin=-3, stdout=-3, stderr=-3)"], check=True)
"""


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "under xdist"])
def test_a_process_left_behind_fails_the_run(run, options):
    status, said = run(LEAVES, *options)
    left = [line.strip() for line in said.splitlines() if line.strip().endswith(": sleep 60")]
    for line in left:
        with suppress(ProcessLookupError):
            os.kill(int(line.partition(":")[0]), 9)
    assert "left running by the tests" in said
    assert len(left) == 1
    assert status == 1


SWALLOWS = """
import subprocess, sys
def test_swallows():
    code = "import socket\\ntry: socket.create_connection(('192.0.2.1', 80), 1)\\nexcept Exception: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
def test_next(): pass
"""


def test_a_swallowed_way_out_fails_the_test_that_caused_it(run):
    status, said = run(SWALLOWS)
    assert status == 1
    assert "refused on the way out" in said
    assert "ERROR tests/test_case.py::test_swallows" in said
    assert "2 passed, 1 error" in said


def test_the_environment_of_the_machine_does_not_reach_a_test(run):
    names = {"OPENAI_API_KEY", "REMIT_MODEL", "https_proxy"}
    body = f"import os\ndef test_env(): assert not {names!r} & set(os.environ)"
    assert run(body, OPENAI_API_KEY="k", REMIT_MODEL="m", https_proxy="http://127.0.0.1:9")[0] == 0
