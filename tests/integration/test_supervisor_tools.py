"""A real supervisord and a real service: what each of its answers means, and that reads show it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from policies.contract import DedupeKind
from state.outcome import Outcome
from tools.adapters.supervisor import supervisor_tools
from tools.errors import SetupError
from tools.secrets import Secret

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[unix_http_server]
file={folder}/s.sock
chmod=0700
{auth}
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
nodaemon=true
minfds=64
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:checkout]
command={folder}/program -m evals.target.service --name checkout
directory={root}
startsecs=1
autorestart=false
autostart=true
stopwaitsecs=2
stdout_logfile={folder}/checkout.log
redirect_stderr=true
[program:dies]
command=/bin/sh -c "printf 'caf\\303\\251 \\001\\033[31mlast words\\n'; exit 3"
startsecs=3
startretries=0
autorestart=false
autostart=false
stdout_logfile={folder}/dies.log
[program:stubborn]
command=/bin/sh -c "trap '' TERM; while :; do sleep 0.1; done"
startsecs=1
autostart=false
stopwaitsecs=3
"""


class Supervisord:
    def __init__(self, auth=""):
        self.folder = Path(tempfile.mkdtemp(prefix="sv-", dir="/tmp"))
        self.program = self.folder / "program"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self.program.chmod(0o755)
        config = self.folder / "s.conf"
        config.write_text(CONFIG.format(folder=self.folder, root=ROOT, auth=auth))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self.socket = self.folder / "s.sock"
        self.url = f"unix://{self.socket}"
        tools = supervisor_tools({"prod-1": self.url}, credentials={"executor": "sv"} if auth else None)
        self.tools = {tool.contract.name.removeprefix("supervisor."): tool for tool in tools}

    def call(self, name, program="checkout", *, secret=None, timeout_s=10.0, **more):
        arguments = {"server": "prod-1", "program": program, **more}
        return self.tools[name].send(arguments, key="r/s/1", secret=secret, timeout_s=timeout_s)

    def until(self, state, program="checkout", within_s=8.0):
        end = time.monotonic() + within_s
        while True:
            reply = self.call("process", program)
            if reply.result is not None and reply.result["state"] == state:
                return reply.result
            assert time.monotonic() < end, (state, reply)
            time.sleep(0.05)

    def close(self):
        # Its children sit in groups of their own, so it must end them itself.
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def supervisord():
    made = Supervisord()
    try:
        made.until("RUNNING")
        yield made
    finally:
        made.close()


@pytest.fixture
def running(supervisord):
    supervisord.call("start")
    supervisord.until("RUNNING")
    return supervisord


def test_a_process_is_read(running):
    reply = running.call("process")
    assert reply.outcome is Outcome.SUCCEEDED
    assert reply.result["name"] == "checkout"
    assert reply.result["state"] == "RUNNING"
    assert reply.result["pid"] > 0
    assert abs(reply.result["start"] - time.time()) < 60
    assert set(reply.result) == {"name", "state", "pid", "start", "stop", "exitstatus", "spawnerr"}


def test_stop_then_start_are_two_effects_that_can_be_read(running):
    before = running.call("process").result
    stopped = running.call("stop")
    assert (stopped.outcome, stopped.result) == (Outcome.SUCCEEDED, {"answer": "ok"})
    assert running.call("process").result["state"] == "STOPPED"
    again = running.call("stop")
    assert (again.outcome, again.code) == (Outcome.SUCCEEDED, "fault 70")
    assert again.result == {"answer": "NOT_RUNNING"}
    started = running.call("start")
    assert (started.outcome, started.result) == (Outcome.SUCCEEDED, {"answer": "ok"})
    after = running.call("process").result
    assert after["state"] == "RUNNING"
    assert after["pid"] != before["pid"]
    twice = running.call("start")
    assert (twice.outcome, twice.code, twice.result) == (
        Outcome.SUCCEEDED,
        "fault 60",
        {"answer": "ALREADY_STARTED"},
    )
    assert running.call("process").result["pid"] == after["pid"]


def test_a_program_file_moved_away_is_a_refusal_before_the_spawn(running):
    running.call("stop")
    before = running.call("process").result
    away = running.program.rename(running.folder / "away")
    try:
        reply = running.call("start")
        assert (reply.outcome, reply.code, reply.result) == (Outcome.NOT_APPLIED, "fault 20", None)
        away.chmod(0o644)
        away.rename(running.program)
        reply = running.call("start")
        assert (reply.outcome, reply.code) == (Outcome.NOT_APPLIED, "fault 21")
        assert running.call("process").result == before
    finally:
        running.program.chmod(0o755)
    assert running.call("start").outcome is Outcome.SUCCEEDED


def test_a_process_that_dies_at_once_did_run(supervisord):
    reply = supervisord.call("start", "dies")
    assert reply.outcome is Outcome.SUCCEEDED
    assert reply.code in ("fault 40", "fault 50")  # both are raised after the spawn, by which comes first
    assert (
        supervisord.until("FATAL", "dies")["spawnerr"] == "Exited too quickly (process log may have details)"
    )
    assert supervisord.call("stop", "dies").code == "fault 70"


@pytest.mark.parametrize("name", ["process", "stop", "start", "log_tail"])
def test_a_program_that_is_not_there_is_refused(supervisord, name):
    more = {"lines": 5} if name == "log_tail" else {}
    reply = supervisord.call(name, "absent", **more)
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "fault 10")


def test_a_server_that_is_not_listed_is_refused(supervisord):
    arguments = {"server": "prod-2", "program": "checkout"}
    reply = supervisord.tools["stop"].send(arguments, key="k", secret=None, timeout_s=1)
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "unknown_server")


def test_a_log_is_read_whatever_bytes_it_holds(supervisord):
    supervisord.call("start", "dies")
    supervisord.until("FATAL", "dies")
    reply = supervisord.call("log_tail", "dies", lines=1)
    assert reply.outcome is Outcome.SUCCEEDED
    assert "last words" in reply.result["text"]
    assert "\x1b" not in reply.result["text"]
    assert "\n" not in reply.result["text"]


def test_a_log_that_is_cut_inside_a_character_is_read(supervisord):
    log = supervisord.folder / "dies.log"
    log.write_bytes("é".encode() * 5000 + b"x")
    for lines in (1, 2, 3):  # 200 bytes a line: an even number, so the cut is inside a character
        reply = supervisord.call("log_tail", "dies", lines=lines)
        assert (reply.outcome, reply.result["truncated"]) == (Outcome.SUCCEEDED, True)
        assert reply.result["text"].endswith("éx")
    log.write_bytes(b"\xff\xfe\xfd never text\n")
    reply = supervisord.call("log_tail", "dies", lines=1)
    assert (reply.outcome, reply.code) == (Outcome.UNKNOWN, "500")  # not readable, and no more than that


def test_a_long_log_keeps_its_end(supervisord):
    log = supervisord.folder / "dies.log"
    log.write_text("".join(f"{n:05d} {'x' * 190}\n" for n in range(1000)))
    reply = supervisord.call("log_tail", "dies", lines=200)
    assert reply.result["text"].endswith(f"00999 {'x' * 190}")
    assert len(reply.result["text"]) == 12_000
    assert reply.result["truncated"]
    reply = supervisord.call("log_tail", "dies", lines=2)
    assert [line[:5] for line in reply.result["text"].splitlines()] == ["00998", "00999"]


def test_an_answer_that_takes_longer_than_the_deadline_is_unknown_and_the_effect_lands(supervisord):
    supervisord.call("start", "stubborn")
    supervisord.until("RUNNING", "stubborn")
    began = time.monotonic()
    reply = supervisord.call("stop", "stubborn", timeout_s=0.5)
    assert time.monotonic() - began < 0.8
    assert (reply.outcome, reply.code) == (Outcome.UNKNOWN, "timeout")
    assert supervisord.call("process", "stubborn").result["state"] == "STOPPING"
    supervisord.until("STOPPED", "stubborn")


def test_a_frozen_supervisord_is_unknown_and_what_was_sent_lands_later(running):
    running.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        reply = running.call("stop", timeout_s=0.5)
        assert time.monotonic() - began < 0.8
        assert (reply.outcome, reply.code) == (Outcome.UNKNOWN, "timeout")
        assert running.call("process", timeout_s=0.3).outcome is Outcome.UNKNOWN
    finally:
        running.process.send_signal(signal.SIGCONT)
    running.until("STOPPED")


def test_without_a_socket_nothing_was_sent(tmp_path):
    for name, tool in [(t.contract.name, t) for t in supervisor_tools({"prod-1": f"unix://{tmp_path}/s"})]:
        more = {"lines": 5} if name.endswith("log_tail") else {}
        arguments = {"server": "prod-1", "program": "checkout", **more}
        reply = tool.send(arguments, key="k", secret=None, timeout_s=1)
        assert (reply.outcome, reply.code) == (Outcome.NOT_SENT, "no_connection"), name


def test_a_credential_is_asked_for_and_taken():
    made = Supervisord(auth="username=ops\npassword=pw-secret-9")
    right, wrong = Secret("sv", "ops:pw-secret-9"), Secret("sv", "ops:pw-wrong-77")
    try:
        end = time.monotonic() + 8
        while (reply := made.call("process", secret=right)).outcome is not Outcome.SUCCEEDED:
            assert time.monotonic() < end, reply
            time.sleep(0.05)
        for secret in (None, wrong):
            reply = made.call("stop", secret=secret)
            assert (reply.outcome, reply.code, reply.pauses) == (Outcome.NOT_APPLIED, "401", True)
            assert "pw-" not in repr(reply)
        assert made.call("process", secret=right).result["state"] in ("STARTING", "RUNNING")
    finally:
        made.close()


@pytest.fixture
def liar():
    """A supervisor that answers every request with the body it is given."""
    folder = Path(tempfile.mkdtemp(prefix="sv-", dir="/tmp"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "s"))
    listener.listen(8)
    says = {}

    def serve():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (says["status"], len(says["body"]))
            with sock, contextlib.suppress(OSError):
                sock.recv(65536)
                sock.sendall(head + says["body"])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    tools = {t.contract.name: t for t in supervisor_tools({"prod-1": f"unix://{folder}/s"})}

    def call(name, body, status=200):
        says.update(status=status, body=body)
        return tools[name].send({"server": "prod-1", "program": "p"}, key="k", secret=None, timeout_s=2)

    yield call
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)
    shutil.rmtree(folder)


def fault(code):
    member = "<member><name>{}</name><value>{}</value></member>".format
    body = member("faultCode", code) + member("faultString", "<string>why</string>")
    return f"<methodResponse><fault><value><struct>{body}</struct></value></fault></methodResponse>".encode()


def answer(value):
    return f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>".encode()


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + answer("<string>&a;</string>")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"<methodResponse>",
        BOMB,
        answer("<boolean>0</boolean>"),
        answer("<string>true</string>"),
        answer("<int>1</int>"),
        fault("<string>20</string>"),
        fault("<int>99</int>"),
        fault("<int>1</int>"),
        b"<methodResponse><params></params></methodResponse>",
    ],
)
def test_anything_else_on_a_write_is_unknown(liar, body):
    for name in ("supervisor.stop", "supervisor.start"):
        reply = liar(name, body)
        assert (reply.outcome, reply.result) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize("status", [500, 503, 404, 302, 204])
def test_a_status_that_supervisord_does_not_give_is_unknown(liar, status):
    assert liar("supervisor.stop", answer("<boolean>1</boolean>"), status).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("code", "stop", "start"),
    [
        (6, Outcome.NOT_APPLIED, Outcome.NOT_APPLIED),
        (10, Outcome.REFUSED, Outcome.REFUSED),
        (20, Outcome.NOT_APPLIED, Outcome.NOT_APPLIED),
        (21, Outcome.NOT_APPLIED, Outcome.NOT_APPLIED),
        (30, Outcome.NOT_APPLIED, Outcome.NOT_APPLIED),
        (40, Outcome.UNKNOWN, Outcome.SUCCEEDED),
        (50, Outcome.UNKNOWN, Outcome.SUCCEEDED),
        (60, Outcome.UNKNOWN, Outcome.SUCCEEDED),
        (70, Outcome.SUCCEEDED, Outcome.UNKNOWN),
    ],
)
def test_each_fault_by_its_number(liar, code, stop, start):
    assert liar("supervisor.stop", fault(f"<int>{code}</int>")).outcome is stop
    assert liar("supervisor.start", fault(f"<int>{code}</int>")).outcome is start


def test_the_contracts_say_what_policy_needs():
    tools = {t.contract.name: t.contract for t in supervisor_tools({"a": "unix:///run/a.sock"})}
    for name in ("supervisor.stop", "supervisor.start"):
        contract = tools[name]
        assert contract.dedupe.kind is DedupeKind.READ_BACK
        assert contract.sets_state
        assert contract.resource == "supervisor:{server}/{program}"
    other = {t.contract.name: t.contract for t in supervisor_tools({"a": "unix:///run/b.sock"})}
    assert all(tools[name].digest != other[name].digest for name in tools)  # the base address is bound


@pytest.mark.parametrize("url", ["", "unix://rel/x", "http://h:1/path", "ftp://h", "unix:///" + "x" * 200])
def test_an_address_that_is_none_is_an_error_at_start(url):
    with pytest.raises(SetupError):
        supervisor_tools({"a": url})
