"""A worker can be told from every other process, and holds its lock for as long as it lives."""

import fcntl
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from remit.worker.identity import Identity, boot_id, clock, proc_is_ours, stamp, stat_of

NOON = "2026-11-23T12:00:00.000000Z"


@pytest.fixture
def identity(tmp_path):
    with Identity.take(tmp_path / "workers", id="w1", lease_s=15.0, now=NOON) as identity:
        yield identity


def test_it_names_this_process(identity):
    worker = identity.worker
    assert worker.pid == os.getpid()
    assert worker.uid == os.getuid()
    assert worker.pid_ns.startswith("pid:[")
    assert worker.boot_id == boot_id()
    assert worker.lease_until == "2026-11-23T12:00:15.000000Z"
    assert worker.start_time == stat_of(os.getpid()).start_time > 0
    assert proc_is_ours()


def test_the_lock_is_held_until_it_is_closed(identity):
    path = Path(identity.worker.lock_file)
    with path.open("rb") as file:
        assert file.read().decode() == stamp(identity.worker, path.stat().st_ino)
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        identity.close()
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert not path.exists()


def test_a_program_that_it_starts_does_not_hold_the_lock(identity):
    with Path(identity.worker.lock_file).open("rb") as file, sleeping("/bin/sleep", close_fds=False):
        identity.close()
        free = time.monotonic() + 5  # a spawned program closes what it shall not have a moment after it began
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < free
                time.sleep(0.01)


def test_nobody_takes_an_id_twice(identity, tmp_path):
    with pytest.raises(FileExistsError):
        Identity.take(tmp_path / "workers", id="w1", lease_s=15.0, now=NOON)
    assert Path(identity.worker.lock_file).exists()


def test_a_link_put_in_the_place_of_the_lock_is_not_followed(tmp_path):
    folder = tmp_path / "workers"
    folder.mkdir()
    (folder / "w2.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Identity.take(folder, id="w2", lease_s=15.0, now=NOON)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["a b", "a) R 1 (b", ")"])
def test_a_program_of_any_name_has_its_start_time(tmp_path, name):
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    with sleeping(str(program)) as child:
        stat = stat_of(child.pid)
    assert stat.state in "RSD"
    assert stat.start_time >= stat_of("self").start_time


def test_nobody_has_no_stat():
    assert stat_of(2**22 + 1) is None  # above the highest pid that Linux gives


def test_the_clock_is_one_for_all_processes_of_a_boot():
    here = clock()
    program = "from remit.worker.identity import clock; c = clock(); print(c.boot_id, c.ms)"
    text = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    ).stdout.split()  # fmt: skip
    assert text[0] == here.boot_id
    assert here.ms <= int(text[1]) <= clock().ms


@contextmanager
def sleeping(program, **options):
    with subprocess.Popen([program, "30"], **options) as child:
        try:
            yield child
        finally:
            child.kill()
