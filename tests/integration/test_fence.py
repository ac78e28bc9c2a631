"""What is proven of a former holder, by real processes: killed, paused, uncollected, replaced, elsewhere."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from remit.worker.fence import Ended, prove
from remit.worker.identity import Identity, stat_of
from state.ledger.port import Worker

NOON = "2026-11-23T12:00:00.000000Z"
ROOT = Path(__file__).parents[2]
CHILD = """
import dataclasses, json, os, sys, pathlib, time
from remit.worker.identity import Identity
if sys.argv[3:]: os.setuid(int(sys.argv[3]))
folder, now = pathlib.Path(sys.argv[1]), "2026-11-23T12:00:00.000000Z"
with Identity.take(folder, id=sys.argv[2], lease_s=15.0, now=now) as me:
    print(json.dumps(dataclasses.asdict(me.worker)), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def me(tmp_path):
    with Identity.take(tmp_path / "workers", id="me", lease_s=15.0, now=NOON) as identity:
        yield identity.worker


@pytest.fixture
def start(tmp_path):
    """Start another worker as a process of its own: the process, and how it registered itself."""
    started = []

    def start(name="other", *, before=(), uid=()):
        command = [*before, sys.executable, "-c", CHILD, str(tmp_path / "workers"), name, *map(str, uid)]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
        )
        started.append(child)
        line = child.stdout.readline()
        assert line, "the other worker did not start"
        return child, Worker(**json.loads(line))

    yield start
    for child in started:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def test_a_killed_process_is_dead_whether_or_not_its_lease_is_over(start, me):
    child, worker = start()
    assert prove(worker, me, lease_over=False) is Ended.ALIVE
    child.kill()
    child.wait()
    assert prove(worker, me, lease_over=False) is Ended.EXITED
    assert prove(worker, me, lease_over=True) is Ended.EXITED


def test_a_killed_process_is_dead_by_its_pid_alone(start, me):
    child, worker = start()
    Path(worker.lock_file).unlink()
    assert prove(worker, me, lease_over=False) is Ended.ALIVE
    child.kill()
    child.wait()
    assert prove(worker, me, lease_over=False) is Ended.EXITED


def test_a_zombie_is_dead(start, me):
    child, worker = start()
    Path(worker.lock_file).unlink()
    child.kill()
    wait_for(lambda: stat_of(child.pid).state == "Z")
    assert prove(worker, me, lease_over=False) is Ended.EXITED
    assert stat_of(child.pid).state == "Z"


def test_a_paused_process_is_killed_once_its_lease_is_over(start, me):
    child, worker = start()
    child.send_signal(signal.SIGSTOP)
    wait_for(lambda: stat_of(child.pid).state == "T")
    assert prove(worker, me, lease_over=False) is Ended.ALIVE
    assert stat_of(child.pid).state == "T"
    began = time.monotonic()
    assert prove(worker, me, lease_over=True) is Ended.EXITED
    assert time.monotonic() - began < 1
    child.wait()
    assert child.returncode == -signal.SIGKILL


def test_the_pid_of_another_process_now_proves_the_end_and_harms_nobody(start, me):
    child, worker = start()
    Path(worker.lock_file).unlink()
    former = replace(worker, start_time=worker.start_time - 1)
    assert prove(former, me, lease_over=True) is Ended.EXITED
    assert child.poll() is None


def test_a_process_of_another_user_is_left_alone(start, me):
    child, worker = start()
    assert prove(replace(worker, uid=worker.uid + 1), me, lease_over=True) is Ended.LEASE_EXPIRED
    assert child.poll() is None


def test_a_real_process_of_another_user_is_left_alone_and_its_end_is_seen(start, me, tmp_path, require):
    require("root, to start a process as another user", os.getuid() == 0)
    open_to_all = tmp_path / "workers"
    ours = [p for p in tmp_path.parents if p.name.startswith(("pytest-", "popen-"))]
    for folder in (open_to_all, *ours, tmp_path):
        folder.chmod(0o777)
    child, worker = start(uid=[65534])
    assert worker.uid == 65534
    assert prove(worker, me, lease_over=True) is Ended.LEASE_EXPIRED
    assert child.poll() is None
    child.kill()
    child.wait()
    assert prove(worker, me, lease_over=True) is Ended.EXITED


@pytest.mark.parametrize("field", ["boot_id", "pid_ns"])
def test_another_host_or_namespace_proves_nothing(start, me, field):
    child, worker = start()
    elsewhere = replace(worker, **{field: "another"})
    child.kill()
    child.wait()
    assert prove(elsewhere, me, lease_over=True) is Ended.LEASE_EXPIRED
    assert prove(elsewhere, me, lease_over=False) is Ended.ALIVE


def test_a_real_process_of_another_namespace_proves_nothing(start, me, require):
    unshare = shutil.which("unshare")
    permitted = unshare and subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode == 0
    require("permission for `unshare --pid`", permitted)
    child, worker = start(before=[unshare, "--pid", "--fork", "--kill-child"])
    assert worker.pid_ns != me.pid_ns
    assert worker.pid < 10  # a number that means somebody else here
    assert prove(worker, me, lease_over=True) is Ended.LEASE_EXPIRED
    assert prove(worker, me, lease_over=False) is Ended.ALIVE
    assert child.poll() is None


def test_a_file_put_in_the_place_of_the_lock_proves_nothing(start, me):
    _, worker = start()
    lock = Path(worker.lock_file)
    content = lock.read_bytes()
    lock.unlink()
    lock.write_bytes(content)  # the same words, in another file
    assert prove(worker, me, lease_over=False) is Ended.ALIVE


def test_the_lock_of_an_earlier_process_with_the_same_path_proves_nothing(start, me):
    child, worker = start()
    child.kill()
    child.wait()
    living = replace(worker, pid=os.getppid(), start_time=stat_of(os.getppid()).start_time)
    assert prove(living, me, lease_over=False) is Ended.ALIVE


def test_a_free_lock_is_enough_where_the_pid_says_nothing(start, me):
    child, worker = start()
    child.kill()
    child.wait()
    assert prove(replace(worker, uid=worker.uid + 1), me, lease_over=False) is Ended.EXITED


def test_nobody_ends_itself(me):
    assert prove(me, me, lease_over=True) is Ended.ALIVE


def test_two_who_look_at_once_do_not_mislead_each_other(start, me):
    child, worker = start()
    child.kill()
    child.wait()
    with Path(worker.lock_file).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert prove(replace(worker, uid=worker.uid + 1), me, lease_over=False) is Ended.EXITED


def wait_for(condition):
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "waited 5 s in vain"
        time.sleep(0.002)
