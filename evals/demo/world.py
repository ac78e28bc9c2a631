"""The demo's world: a real supervisord with three services, and an HTTP target that honours no key.

What is done here to the world is done as a failure or as a colleague would do it, never through remit; and
what the acts are judged by is what supervisord and the target themselves say.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from supervisor.xmlrpc import SupervisorTransport

from evals.demo.errors import NoWorldError
from evals.demo.household import Household
from evals.target.journal import read_journal

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final = ("payments", "catalog", "checkout")  # checkout depends on the others
WRITE_TOKEN: Final = "demo-writes"  # noqa: S105 - the target's own
READ_TOKEN: Final = "demo-reads"  # noqa: S105
READY_WITHIN_S: Final = 20.0
_ANSWER_WITHIN_S: Final = 5.0
_DEEDS: Final = re.compile(r"^\S+ \S+ [A-Z]+ (spawned|stopped|exited): '?([a-z]+)", re.MULTILINE)

_SUPERVISORD: Final = """\
[unix_http_server]
file={run}/s.sock
chmod=0700
[supervisord]
logfile={logs}/supervisord.log
logfile_backups=0
pidfile={run}/supervisord.pid
childlogdir={logs}
nodaemon=true
silent=true
minfds=64
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM: Final = """\
[program:{name}]
command={run}/bin/{name} --port {port} --name {name}
directory={run}
startsecs=1
autorestart=false
stopwaitsecs=3
stdout_logfile={logs}/{name}.log
redirect_stderr=true
"""
_SCRIPT: Final = '#!/bin/sh\nexec "{python}" "{service}" "$@"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What supervisord says of a program."""

    state: str
    pid: int
    start: int


class World:
    """The running world. ``run``: sockets and programs, gone at the end; ``logs``: what is kept."""

    def __init__(self, household: Household, *, run: Path, logs: Path) -> None:
        """Start nothing yet; ``run`` must be short, for a socket's name has at most 107 characters."""
        self._household, self.run, self.logs = household, run, logs
        self.target: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, int] = {}
        self.target_port = 0

    # starting and ending
    def start(self) -> None:
        """Start supervisord with its services, and the target; NoWorldError, Interrupted."""
        (self.run / "bin").mkdir(parents=True)
        self.logs.mkdir(parents=True)
        self.ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        service = ROOT / "evals" / "target" / "service.py"
        for name in SERVICES:
            self.program(name).write_text(_SCRIPT.format(python=sys.executable, service=service))
            self.program(name).chmod(0o755)
        config = self.run / "supervisord.conf"
        places = {"run": self.run, "logs": self.logs}
        programs = (_PROGRAM.format(name=name, port=port, **places) for name, port in self.ports.items())
        config.write_text("".join((_SUPERVISORD.format(**places), *programs)).replace("%", "%%"))
        supervisord = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
        self._household.start(
            [sys.executable, str(Path(__file__).with_name("tied.py")), str(os.getpid()), *supervisord],
            cwd=self.run,
            out=subprocess.DEVNULL,
        )
        self.target = self._household.start(
            [sys.executable, "-m", "evals.target.server", "--log", str(self.journal_file), "--lifeline"],
            cwd=ROOT,
            env={"TARGET_WRITE_TOKEN": WRITE_TOKEN, "TARGET_READ_TOKEN": READ_TOKEN},
            out=subprocess.PIPE,
            lifeline=True,
        )
        assert self.target.stdout is not None
        said = self.target.stdout.readline().strip()
        if not said.isdigit():
            raise NoWorldError("the target did not start")
        self.target_port = int(said)

    def wait_until_ready(self) -> None:
        """Wait until every service answers; NoWorldError, Interrupted."""
        ready = self._household.until(
            lambda: all(self.health(n) == HTTPStatus.OK and self._is_up(n) for n in SERVICES),
            within_s=READY_WITHIN_S,
        )
        if not ready:
            raise NoWorldError(f"the services are not up within {READY_WITHIN_S:g} s; see {self.logs}")

    def end(self) -> list[int]:
        """End every process of the demo; what could not be ended."""
        if self.target is not None and self.target.stdin is not None:
            self.target.stdin.close()
        left = self._household.end()
        if self.target is not None and self.target.stdout is not None:
            self.target.stdout.close()
        shutil.rmtree(self.run, ignore_errors=True)
        return left

    # where things are
    def program(self, name: str) -> Path:
        """The file that supervisord starts for a program."""
        return self.run / "bin" / name

    def health_url(self, name: str) -> str:
        """Where a service says whether it is well."""
        return f"http://127.0.0.1:{self.ports[name]}/health"

    @property
    def socket(self) -> str:
        """The address of supervisord."""
        return f"unix://{self.run}/s.sock"

    @property
    def target_url(self) -> str:
        """The address of the target."""
        return f"http://127.0.0.1:{self.target_port}"

    @property
    def journal_file(self) -> Path:
        """The target's own log."""
        return self.logs / "target.jsonl"

    # what the world says
    def health(self, name: str) -> int:
        """The status with which a service answers; 0 where nobody does."""
        try:
            with _asked(self.health_url(name)) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def process(self, name: str) -> Process:
        """What supervisord says of a program; OSError where it does not answer."""
        info = self._supervisor("getProcessInfo", name)
        return Process(state=info["statename"], pid=info["pid"], start=info["start"])

    def supervised(self, name: str) -> list[str]:
        """What supervisord's own log says that it did to a program: ``spawned``, ``stopped``, in order."""
        text = (self.logs / "supervisord.log").read_text(errors="replace")
        return [found[1] for found in _DEEDS.finditer(text) if found[2] == name]

    def writes(self, account: str) -> list[dict[str, Any]]:
        """The target's own log, as far as it is about writes to an account and what became of them."""
        lines = read_journal(self.journal_file)
        sent = {e["request"] for e in lines if e["event"] == "request" and f"/{account}/" in e["path"]}
        return [e for e in lines if e.get("request") in sent]

    def value(self, account: str) -> int:
        """Read what the target holds for an account, as anybody could."""
        with _asked(f"{self.target_url}/things/{account}", token=READ_TOKEN) as reply:
            return int(json.loads(reply.read())["value"])

    # what happens to the world
    def break_service(self, name: str) -> None:
        """Let a service lose its way: it answers 503 until it is started again."""
        _asked(f"http://127.0.0.1:{self.ports[name]}/fault", body={}).close()

    def stop_service(self, name: str) -> None:
        """Take a service down, as a colleague would."""
        self._supervisor("stopProcess", name)

    def start_service(self, name: str) -> None:
        """Bring a service up, as a colleague would."""
        self._supervisor("startProcess", name)

    def set_value(self, account: str, value: int) -> None:
        """Let an account have this value."""
        _asked(f"{self.target_url}/control/things/{account}", body={"value": value}).close()

    def delay_next_write(self, account: str, delay_ms: int) -> None:
        """Let the target take its time with the next write: received at once, applied ``delay_ms`` later."""
        plan = {account: [{"kind": "late", "delay_ms": delay_ms}]}
        _asked(f"{self.target_url}/control/plan", body=plan).close()

    def _is_up(self, name: str) -> bool:
        try:
            return self.process(name).state == "RUNNING"
        except (OSError, xmlrpc.client.Error):
            return False

    def _supervisor(self, method: str, name: str) -> Any:
        transport = SupervisorTransport(None, None, serverurl=self.socket)
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(name)


def _asked(url: str, *, body: Mapping[str, Any] | None = None, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - loopback
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        request, timeout=_ANSWER_WITHIN_S
    )


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; each service must have the same one after each start."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in opened]
    finally:
        for one in opened:
            one.close()
