"""A simulated supervisord: its processes, its faults by number, and the services that the processes are."""

import json
import xmlrpc.client
from dataclasses import dataclass, field
from typing import Any, Final

from tools.http_client import HttpAnswer, HttpRequest
from tools.sim.clock import ManualClock

_RUNNING: Final = ("RUNNING", "STARTING", "BACKOFF")


@dataclass(kw_only=True)
class Process:
    """A program under supervision.

    ``sick``: answers 503 until it is started again; ``file_moved``: its program file is away (fault 20);
    ``dies``: it ends as soon as it is started (fault 40).
    """

    name: str
    state: str = "RUNNING"
    pid: int = 100
    start: int = 0
    stop: int = 0
    exitstatus: int = 0
    spawnerr: str = ""
    sick: bool = False
    file_moved: bool = False
    dies: bool = False
    log: list[str] = field(default_factory=list)


class SimSupervisor:
    """A host that speaks supervisord's XML-RPC."""

    def __init__(self, clock: ManualClock, journal: list[dict[str, Any]]) -> None:
        """Keep effects in ``journal``."""
        self.up = True
        self.processes: dict[str, Process] = {}
        self._clock, self._journal = clock, journal
        self._next_pid = 1000

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Do one call."""
        parameters, method = xmlrpc.client.loads(request.body)
        try:
            value = self._call(str(method).removeprefix("supervisor."), parameters)
        except xmlrpc.client.Fault as fault:
            return _answer(fault)
        return _answer((value,))

    def pretend(self, request: HttpRequest) -> HttpAnswer:
        """Say true to a write, and the truth to a read."""
        _, method = xmlrpc.client.loads(request.body)
        if method in ("supervisor.stopProcess", "supervisor.startProcess"):
            return _answer((True,))
        return self.serve(request)

    def _call(self, method: str, parameters: tuple[Any, ...]) -> Any:
        process = self.processes.get(parameters[0])
        if process is None:
            raise xmlrpc.client.Fault(10, f"BAD_NAME: {parameters[0]}")
        if method == "getProcessInfo":
            return {
                "name": process.name,
                "statename": process.state,
                "pid": process.pid,
                "start": process.start,
                "stop": process.stop,
                "exitstatus": process.exitstatus,
                "spawnerr": process.spawnerr,
            }
        if method == "tailProcessStdoutLog":
            text = "".join(line + "\n" for line in process.log)
            return [text[-parameters[2] :], len(text), len(text) > parameters[2]]
        return self._stop(process) if method == "stopProcess" else self._start(process)

    def _stop(self, process: Process) -> bool:
        if process.state not in _RUNNING:
            raise xmlrpc.client.Fault(70, f"NOT_RUNNING: {process.name}")
        process.state, process.pid, process.stop = "STOPPED", 0, self._now_s()
        self._effect("stop", process)
        return True

    def _start(self, process: Process) -> bool:
        if process.file_moved:
            raise xmlrpc.client.Fault(20, f"NO_FILE: {process.name}")
        if process.state in _RUNNING:
            raise xmlrpc.client.Fault(60, f"ALREADY_STARTED: {process.name}")
        self._next_pid += 1
        process.start, process.sick, process.spawnerr = self._now_s(), False, ""
        process.log.append(f"started, pid {self._next_pid}")
        process.state, process.pid = ("FATAL", 0) if process.dies else ("RUNNING", self._next_pid)
        self._effect("start", process)
        if process.dies:
            process.spawnerr = "Exited too quickly (process log may have details)"
            raise xmlrpc.client.Fault(40, f"ABNORMAL_TERMINATION: {process.name}")
        return True

    def _now_s(self) -> int:
        return self._clock.now_ms // 1000

    def _effect(self, verb: str, process: Process) -> None:
        self._journal.append(
            {"event": "effect", "at_ms": self._clock.now_ms, "thing": process.name, "verb": verb}
        )


class SimService:
    """A host that answers ``/health`` for a process while that process runs."""

    def __init__(self, process: Process) -> None:
        """Stand for ``process``."""
        self.process = process

    @property
    def up(self) -> bool:
        """Whether anybody listens."""
        return self.process.state == "RUNNING"

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Answer health."""
        del request
        body = json.dumps({"status": "faulty" if self.process.sick else "ok"}).encode()
        return HttpAnswer(status=503 if self.process.sick else 200, headers={}, body=body)

    def pretend(self, request: HttpRequest) -> HttpAnswer:
        """Claim to be well."""
        del request
        return HttpAnswer(status=200, headers={}, body=b'{"status": "ok"}')


def _answer(value: Any) -> HttpAnswer:
    return HttpAnswer(status=200, headers={}, body=xmlrpc.client.dumps(value, methodresponse=True).encode())
