"""The target must be honest, or nothing that is judged by its journal is."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from evals.target.faults import KINDS, Plan
from evals.target.journal import Journal, effects_of, read_journal
from evals.target.things import Things, Write
from tools.addresses import Address
from tools.http_client import HttpRequest, exchange


class Target:
    def __init__(self, folder, *options):
        self.log = folder / "target.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "evals.target.server", "--log", str(self.log), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.address = Address(scheme="http", host="127.0.0.1", port=int(self.process.stdout.readline()))

    def post(self, path, body, **headers):
        sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request = HttpRequest(
            method="POST", address=self.address, target=path, headers=sent, body=json.dumps(body).encode()
        )
        return exchange(request, timeout_s=10)

    def close(self):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    made = []

    def make(*options):
        made.append(Target(tmp_path, *options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_many_at_once_and_each_key_once(start):
    target = start()
    with ThreadPoolExecutor(64) as pool:
        sends = [
            pool.submit(target.post, "/native_key/many/add", {"number": 1}, Idempotency_Key=f"k{n % 40}")
            for n in range(400)
        ]
        assert {send.result().status for send in sends} == {200}
    assert len(effects_of(target.log, "many")) == 40
    journal = read_journal(target.log)
    assert sum(e["event"] == "request" for e in journal) == 400
    assert sum(e["event"] == "replay" for e in journal) == 360
    assert sorted(e["request"] for e in journal if e["event"] == "request") == list(range(1, 401))


def test_a_killed_target_has_written_down_what_it_did(start):
    target = start()
    assert target.post("/none/x/add", {"number": 2}).status == 200
    target.process.send_signal(signal.SIGKILL)
    target.process.wait(5)
    assert [e["after"] for e in effects_of(target.log, "x")] == [2]


def test_a_plan_comes_from_a_file_and_is_taken_in_order(start, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"x": [{"kind": "unavailable", "times": 2}, {"kind": "refused"}]}))
    target = start("--plan", str(plan))
    assert [target.post("/none/x/add", {"number": 1}).status for _ in range(4)] == [503, 503, 422, 200]
    assert target.post("/none/y/add", {"number": 1}).status == 200
    assert target.post("/control/plan", {"x": [{"kind": "nonsense"}]}).status == 400


def test_it_ends_with_whoever_started_it(start):
    target = start("--lifeline")
    target.process.stdin.close()
    assert target.process.wait(5) == 0


def test_it_ends_on_sigterm(start):
    target = start()
    target.process.terminate()
    assert target.process.wait(5) == 0


def test_a_key_is_forgotten_after_its_window(tmp_path):
    now = [0.0]
    things = Things(Journal(tmp_path / "log"), key_window_s=10, clock=lambda: now[0])
    write = Write(request=1, kind="native_key", verb="add", thing="x", number=1, key="k")
    assert [things.apply(write).body["value"] for _ in range(3)] == [1, 1, 1]
    now[0] = 10.0
    assert things.apply(write).body["value"] == 2


def test_somebody_elses_change_is_no_effect(tmp_path):
    log = tmp_path / "log"
    things = Things(Journal(log), key_window_s=10)
    assert things.change("x", 7)["etag"] == "v2"
    stale = Write(request=1, kind="conditional_write", verb="set", thing="x", number=1, if_match="v1")
    assert things.apply(stale).status == 412
    assert effects_of(log, "x") == []
    assert [e["event"] for e in read_journal(log)] == ["outside"]


def test_a_plan_keeps_reads_and_writes_apart():
    plan = Plan()
    plan.add({"x": [{"kind": "hang", "on": "read", "times": 0}, {"kind": "refused"}]})
    assert [plan.take("x", "write").kind for _ in range(2)] == ["refused", "none"]
    assert [plan.take("x", "read").kind for _ in range(3)] == ["hang", "hang", "hang"]


@pytest.mark.parametrize(
    "fault", [{"kind": "x"}, {"kind": "hang", "on": "never"}, {"kind": "hang", "more": 1}]
)
def test_what_is_no_fault_is_refused(fault):
    with pytest.raises((ValueError, TypeError)):
        Plan().add({"x": [fault]})
    assert "hang" in KINDS


def test_lines_of_several_threads_never_mix(tmp_path):
    log = tmp_path / "log"
    journal = Journal(log)
    threads = [
        threading.Thread(target=lambda n=n: [journal.write("e", n=n, pad="x" * 3000) for _ in range(20)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e["n"] for e in read_journal(log)) == sorted(list(range(8)) * 20)


def test_the_service_is_sick_until_it_is_started_again(tmp_path):
    flag = tmp_path / "flag"

    def run(*options):
        made = subprocess.Popen(
            [sys.executable, "-u", "-m", "evals.target.service", "--fault-file", str(flag), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ,
        )
        port = int(made.stdout.readline().split("listens on ")[1].split(",")[0])
        return made, Address(scheme="http", host="127.0.0.1", port=port)

    def status(address, method="GET", target="/health"):
        return getattr(
            exchange(HttpRequest(method=method, address=address, target=target), timeout_s=2), "status", 0
        )

    service, address = run()
    try:
        assert status(address) == 200
        assert status(address, "POST", "/fault") == 200
        assert status(address) == 503
    finally:
        service.kill()
        service.communicate()
    service, address = run("--die-after-s", "0.5")
    try:
        assert status(address) == 200
        flag.touch()
        assert status(address) == 503
        flag.unlink()
        assert status(address) == 200
        assert service.wait(5) == 3
        assert status(address) == 0
    finally:
        service.kill()
        service.communicate()
