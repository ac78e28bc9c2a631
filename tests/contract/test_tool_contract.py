"""What every tool keeps, real and simulated: the same calls and faults, the same replies and effects."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from evals.target.journal import effects_of
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import Effect
from state.outcome import Outcome
from tools.adapters.catalog import catalog_tool
from tools.adapters.http_connector import connector_tools
from tools.adapters.http_get import http_get
from tools.adapters.supervisor import supervisor_tools
from tools.addresses import Address
from tools.http_client import HttpRequest, exchange
from tools.port import Tool
from tools.registry import Registry
from tools.secrets import Secret
from tools.sim.supervisor import Process
from tools.sim.world import World

ROOT = Path(__file__).resolve().parents[2]
NAMES = count()
SECRETS = {"executor": Secret("target_write", "Bearer w"), "verifier": Secret("target_read", "Bearer r")}
CONFIG = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:checkout]
command={folder}/program -m evals.target.service --name checkout --port {port}
directory={root}
startsecs=1
autorestart=false
stdout_logfile={folder}/checkout.log
redirect_stderr=true
"""


def connector(base_url):
    value = YAML(typ="safe").load(ROOT / "evals/target/connector.yaml")
    return Connector.model_validate_json(json.dumps(value | {"base_url": base_url}))


def catalog(health_url):
    services = [
        {"name": name, "env": "prod", "supervisor": "prod-1", "program": name, "health_url": health_url}
        | {"system_owner": "team checkout", "dependencies": needs}
        for name, needs in (("checkout", ["payments"]), ("payments", []))
    ]
    return Catalog.model_validate_json(json.dumps({"schema": "remit/catalog/v1", "services": services}))


class Rig:
    """A world to try tools in; what differs between real and simulated is below this line only."""

    def call(self, name, *, timeout_s=5.0, key="r/s/1", **arguments):
        tool = self.registry.tool(name)
        role = "executor" if tool.contract.effect is Effect.WRITE else "verifier"
        secret = SECRETS[role] if tool.contract.credentials else None
        return tool.send(arguments, key=key, secret=secret, timeout_s=timeout_s)

    def program(self, name, **more):
        return self.call(f"supervisor.{name}", server="prod-1", program="checkout", **more)

    def process(self):
        return self.program("process").result

    def until(self, state):
        end = time.monotonic() + 8
        while self.process()["state"] != state:
            assert time.monotonic() < end
            self.pass_ms(50)


class RealRig(Rig):
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
        self.log = self.folder / "target.jsonl"
        self.target = subprocess.Popen(
            [sys.executable, "-m", "evals.target.server", "--log", str(self.log), "--lifeline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port = int(self.target.stdout.readline())
        self.health_port = free_port()
        self.program_file = self.folder / "program"
        self.program_file.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.program_file.chmod(0o755)
        config = CONFIG.format(folder=self.folder, root=ROOT, port=self.health_port)
        (self.folder / "s.conf").write_text(config)
        self.supervisord = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.folder / "s.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self.health_url = f"http://127.0.0.1:{self.health_port}/health"
        self.registry = Registry(
            [
                *supervisor_tools({"prod-1": f"unix://{self.folder}/s.sock"}),
                *connector_tools(connector(f"http://127.0.0.1:{self.port}")),
                http_get([f"127.0.0.1:{self.health_port}"]),
                catalog_tool(catalog(self.health_url)),
            ]
        )
        end = time.monotonic() + 8
        while self.program("process").outcome is not Outcome.SUCCEEDED:
            assert time.monotonic() < end
            time.sleep(0.05)

    def fault(self, tool, thing, kind, delay_ms=0):
        kind = {"not_applied": "unavailable"}.get(kind, kind)
        on = "read" if tool == "target.get" else "write"
        self.control("plan", {thing: [{"kind": kind, "delay_ms": delay_ms, "on": on}]})

    def control(self, path, body):
        address = Address(scheme="http", host="127.0.0.1", port=self.port)
        raw = json.dumps(body).encode()
        request = HttpRequest(method="POST", address=address, target=f"/control/{path}", body=raw)
        assert exchange(request, timeout_s=5).status == 200

    def change(self, thing, value):
        self.control(f"things/{thing}", {"value": value})

    def effects(self, thing):
        return len(effects_of(self.log, thing))

    def pass_ms(self, ms):
        time.sleep(ms / 1000)

    def move_program(self, *, away):
        here, there = self.program_file, self.folder / "away"
        (here if away else there).rename(there if away else here)

    def make_sick(self):
        address = Address(scheme="http", host="127.0.0.1", port=self.health_port)
        request = HttpRequest(method="POST", address=address, target="/fault")
        end = time.monotonic() + 5
        while getattr(exchange(request, timeout_s=1), "status", 0) != 200:
            assert time.monotonic() < end
            time.sleep(0.05)

    def close(self):
        self.target.stdin.close()
        self.target.wait(5)
        self.target.stdout.close()
        self.supervisord.terminate()
        self.supervisord.wait(10)
        shutil.rmtree(self.folder)


class SimRig(Rig):
    def __init__(self):
        self.world = World()
        self.world.add_supervisor("prod-1")
        self.health_url = "http://127.0.0.1:8001/health"
        self.checkout = self.world.add_process("prod-1", Process(name="checkout"), health_url=self.health_url)
        self.checkout.log.append("checkout listens")
        self.target = self.world.add_target("http://127.0.0.1:8002")
        self.registry = Registry(
            self.world.tools(
                hosts=["127.0.0.1:8001"],
                catalog=catalog(self.health_url),
                connectors=[connector("http://127.0.0.1:8002")],
            )
        )

    def fault(self, tool, thing, kind, delay_ms=0):
        self.world.add_fault(tool, kind, delay_ms=delay_ms)

    def change(self, thing, value):
        self.target.change(thing, value)

    def effects(self, thing):
        return self.world.effects(thing)

    def pass_ms(self, ms):
        self.world.clock.advance(ms)

    def move_program(self, *, away):
        self.checkout.file_moved = away

    def make_sick(self):
        self.checkout.sick = True

    def close(self):
        pass


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.fixture(scope="module", params=[RealRig, SimRig], ids=["real", "simulated"])
def rig(request):
    made = request.param()
    yield made
    made.close()


def thing():
    return f"thing-{next(NAMES)}"


def test_every_tool_is_one_and_its_contract_holds_together(rig):
    for name, contract in rig.registry.contracts().items():
        assert isinstance(rig.registry.tool(name), Tool)
        assert (contract.effect is Effect.WRITE) == bool(contract.resource)
        assert contract.source.startswith("sha256:")
        assert set(contract.recorded) <= set(contract.result)


def test_real_and_simulated_promise_the_same():
    def promises(made):
        return {
            name: contract.model_copy(update={"hosts": (), "source": ""})
            for name, contract in made.registry.contracts().items()
        }

    real, simulated = RealRig(), SimRig()
    try:
        assert promises(real) == promises(simulated)
    finally:
        real.close()


CASES = [
    # fault, delay_ms, timeout_s, outcome, effects at once, effects in the end
    (None, 0, 5, Outcome.SUCCEEDED, 1, 1),
    ("lost_reply", 0, 5, Outcome.UNKNOWN, 1, 1),
    ("error_after", 0, 5, Outcome.UNKNOWN, 1, 1),
    ("error_before", 0, 5, Outcome.UNKNOWN, 0, 0),
    ("late", 100, 5, Outcome.SUCCEEDED, 1, 1),
    ("late", 500, 0.2, Outcome.UNKNOWN, 0, 1),
    ("late_dropped", 300, 5, Outcome.UNKNOWN, 0, 1),
    ("hang", 400, 0.2, Outcome.UNKNOWN, 0, 0),
    ("claimed", 0, 5, Outcome.SUCCEEDED, 0, 0),
    ("garbage", 0, 5, Outcome.UNKNOWN, 1, 1),
    ("truncated", 0, 5, Outcome.UNKNOWN, 1, 1),
    ("not_applied", 0, 5, Outcome.NOT_APPLIED, 0, 0),
    ("refused", 0, 5, Outcome.REFUSED, 0, 0),
    ("forbidden", 0, 5, Outcome.NOT_APPLIED, 0, 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}ms")
@pytest.mark.parametrize("tool", ["target.add_keyed", "target.set", "target.add"])
def test_a_write_meets_a_fault(rig, tool, case):
    fault, delay_ms, timeout_s, outcome, at_once, in_the_end = case
    name = thing()
    if fault:
        rig.fault(tool, name, fault, delay_ms)
    reply = rig.call(tool, thing=name, number=3, timeout_s=timeout_s, key=f"{name}/1")
    assert reply.outcome is outcome
    assert (reply.result is not None) == (outcome is Outcome.SUCCEEDED)
    assert reply.pauses == (fault == "forbidden")
    assert rig.effects(name) == at_once
    if delay_ms:
        rig.pass_ms(delay_ms + 100)
    assert rig.effects(name) == in_the_end


@pytest.mark.parametrize("fault", ["garbage", "truncated", "error_before", "lost_reply"])
def test_a_read_meets_a_fault(rig, fault):
    name = thing()
    rig.fault("target.get", name, fault)
    assert rig.call("target.get", thing=name).outcome is Outcome.UNKNOWN
    assert rig.call("target.get", thing=name).result["value"] == 0


def test_the_same_key_has_one_effect(rig):
    name = thing()
    rig.fault("target.add_keyed", name, "lost_reply")
    replies = [rig.call("target.add_keyed", thing=name, number=3, key=f"{name}/1") for _ in range(3)]
    assert [r.outcome for r in replies] == [Outcome.UNKNOWN, Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    assert rig.effects(name) == 1
    other = rig.call("target.add_keyed", thing=name, number=4, key=f"{name}/1")
    assert (other.outcome, rig.effects(name)) == (Outcome.REFUSED, 1)


def test_without_a_key_there_are_two(rig):
    name = thing()
    rig.fault("target.add", name, "lost_reply")
    for _ in range(2):
        rig.call("target.add", thing=name, number=3)
    assert rig.effects(name) == 2
    assert rig.call("target.get", thing=name).result["value"] == 6


def test_a_condition_that_somebody_moved_is_met_by_412(rig):
    name = thing()
    etag = rig.call("target.get", thing=name).result["etag"]
    rig.change(name, 9)
    reply = rig.call("target.set_if", thing=name, number=3, etag=etag)
    assert (reply.outcome, reply.code, reply.condition_failed) == (Outcome.NOT_APPLIED, "412", True)
    assert rig.effects(name) == 0
    etag = rig.call("target.get", thing=name).result["etag"]
    assert rig.call("target.set_if", thing=name, number=3, etag=etag).outcome is Outcome.SUCCEEDED


def test_a_taken_name_proves_nothing_about_whose_it_is(rig):
    name = thing()
    rig.fault("target.create", name, "lost_reply")
    first, second = (rig.call("target.create", thing=name, number=3) for _ in range(2))
    assert (first.outcome, second.outcome, second.code) == (Outcome.UNKNOWN, Outcome.UNKNOWN, "409")
    assert rig.effects(name) == 1


def test_a_service_is_stopped_and_started(rig):
    rig.program("start")
    rig.until("RUNNING")
    before = rig.process()
    assert rig.program("stop").result == {"answer": "ok"}
    assert rig.process()["state"] == "STOPPED"
    assert rig.program("stop").result == {"answer": "NOT_RUNNING"}
    assert health(rig) == {"answered": False, "status": 0, "json": None}
    rig.move_program(away=True)
    refused = rig.program("start")
    rig.move_program(away=False)
    assert (refused.outcome, refused.code) == (Outcome.NOT_APPLIED, "fault 20")
    assert rig.process()["state"] == "STOPPED"
    assert rig.program("start").result == {"answer": "ok"}
    after = rig.process()
    assert (after["state"], after["pid"] != before["pid"]) == ("RUNNING", True)
    assert rig.program("start").result == {"answer": "ALREADY_STARTED"}
    assert rig.process()["pid"] == after["pid"]


def health(rig):
    reply = rig.call("http.get", url=rig.health_url)
    assert reply.outcome is Outcome.SUCCEEDED
    return reply.result


def test_a_running_service_may_be_sick_until_it_is_started_again(rig):
    rig.program("start")
    rig.until("RUNNING")
    rig.make_sick()
    assert (health(rig)["status"], health(rig)["json"]["status"]) == (503, "faulty")
    assert rig.process()["state"] == "RUNNING"
    rig.program("stop")
    rig.program("start")
    end = time.monotonic() + 5
    while health(rig)["status"] != 200:
        assert time.monotonic() < end
        rig.pass_ms(50)


def test_a_log_has_its_last_lines(rig):
    reply = rig.program("log_tail", lines=3)
    assert reply.outcome is Outcome.SUCCEEDED
    assert 1 <= len(reply.result["text"].splitlines()) <= 3


@pytest.mark.parametrize("name", ["process", "stop", "start"])
def test_a_program_that_is_not_there_is_refused(rig, name):
    reply = rig.call(f"supervisor.{name}", server="prod-1", program="absent")
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "fault 10")


def test_an_address_that_is_not_listed_is_refused(rig):
    for url in ("http://127.0.0.1:9/", "http://localhost/", rig.health_url.replace("127.0.0.1", "127.1")):
        assert rig.call("http.get", url=url).outcome is Outcome.REFUSED


def test_the_catalog_says_where_a_service_is(rig):
    found = rig.call("catalog.service", service="checkout", env="prod")
    assert found.result["dependencies"] == [{"name": "payments", "env": "prod", "health_url": rig.health_url}]
    assert found.result["supervisor"] == "prod-1"
    assert rig.call("catalog.service", service="checkout", env="staging").outcome is Outcome.REFUSED
