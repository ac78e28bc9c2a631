"""What goes wrong in a case, and when: each fault meets the calls that it names, or its moment."""

import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from policies.call import Reply
from remit.rehearsal.form import FaultForm
from remit.rehearsal.stage import SUPERVISOR, Service, Stage, overlaid
from remit.rehearsal.words import STANDING
from state.outcome import Outcome
from state.task import Status, Task
from tools.http_client import HttpAnswer
from tools.sim.faults import Fault

HEALTHY: Final = "healthy"
WELL: Final = 200
_SUPERVISOR_FAULTS: Final = {"refused": (10, "BAD_NAME"), "not_applied": (6, "SHUTDOWN_STATE")}
DEFINITE: Final = frozenset(_SUPERVISOR_FAULTS)  # kinds that only an answer which the contract lists can say
_RUNS: Final = ("RUNNING", "STARTING", "BACKOFF")


@dataclass(kw_only=True)
class _Mishap:
    """One fault of the case, as far as it has come."""

    form: FaultForm
    begun: bool = False
    over: bool = False
    calls: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)  # of the last call that it is about

    @property
    def times(self) -> float:
        """How many calls it meets."""
        if self.form.times is None:
            return float("inf") if self.form.kind in STANDING else 1
        return float("inf") if self.form.times == "always" else self.form.times

    def meets(self) -> bool:
        """Whether it meets the call that was counted last."""
        return self.form.nth <= self.calls < self.form.nth + self.times


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in the world. ``behind``: the entry of the run that stood last then."""

    at_ms: int
    behind: int
    what: str


class Mishaps:
    """Everything that goes wrong in one case. ``events``: what did."""

    def __init__(
        self, stage: Stage, forms: tuple[FaultForm, ...], *, task: Callable[[], Task | None], own: str
    ) -> None:
        """``task``: the run as it is now; ``own``: the service that the case is about."""
        self._stage, self._task, self._own = stage, task, own
        self._mishaps = [_Mishap(form=form) for form in forms]
        self._overlays: dict[str, dict[str, Any]] = {}
        self.events: list[Event] = []
        for mishap in self._mishaps:
            if mishap.form.after is None:
                self._begin(mishap)

    def before(self, tool: str, arguments: dict[str, Any]) -> None:
        """Let whatever is due go wrong just before a call."""
        self._look()
        self._stage.prepare(tool, arguments)
        for mishap in self._mishaps:
            if mishap.form.tool != tool or mishap.over or not self._about(mishap, tool, arguments):
                continue
            mishap.arguments = arguments
            if not mishap.begun or mishap.form.at_ms is not None:
                continue
            mishap.calls += 1
            if mishap.meets():
                self._happen(mishap)

    def behind(self, tool: str, arguments: dict[str, Any], reply: Reply) -> Reply:
        """Take note of an answer: a service may have become healthy."""
        shown = reply.result or {}
        well = (
            reply.outcome is Outcome.SUCCEEDED
            and shown.get("answered") is True
            and shown.get("status") == WELL
        )
        for mishap in self._mishaps:
            waits = not mishap.begun and mishap.form.after == HEALTHY and mishap.form.tool == tool
            if waits and well and self._about(mishap, tool, arguments):
                self._begin(mishap)
        return overlaid(reply, self._overlays[tool]) if tool in self._overlays else reply

    def mend(self, what: Literal[True] | tuple[str, ...]) -> None:
        """Put right what the faults still do (True), or what ails the services of these names."""
        for mishap in self._mishaps:
            about = self._service(mishap)
            if what is True or (isinstance(what, tuple) and about is not None and about.form.name in what):
                mishap.over = True
                if mishap.form.kind == "flap" and about is not None:
                    about.process.sick = False
        for name in what if isinstance(what, tuple) else ():
            service = self._stage.services[name]
            service.process.sick = service.process.dies = service.process.file_moved = False
            if service.form.is_ == "stopped" and service.process.state not in _RUNS:
                _put(service, "RUNNING", self._now_s())
            self._stage.world.supervisors[service.form.supervisor].up = True
        said = "whatever the faults still did" if what is True else ", ".join(what or ())
        self.say(f"put right: {said}")

    def _look(self) -> None:
        task = self._task()
        for mishap in self._mishaps:
            step = mishap.form.after
            if mishap.begun or step in (None, HEALTHY) or task is None:
                continue
            if any(
                o.step == step and o.undoes is None and o.status is Status.CONFIRMED for o in task.operations
            ):
                self._begin(mishap)

    def _begin(self, mishap: _Mishap) -> None:
        mishap.begun = True
        if mishap.form.at_ms is not None:
            self._stage.world.clock.after(mishap.form.at_ms, partial(self._happen, mishap))

    def _happen(self, mishap: _Mishap) -> None:
        if mishap.over:
            return
        kind, form = mishap.form.kind, mishap.form
        if kind == "flap":
            self._flap(mishap)
        elif kind == "changed_by_others":
            self._change(mishap)
        elif kind == "status":
            self._stage.wire.answer = HttpAnswer(status=form.value, headers={}, body=b"")
            self.say(f"fault: {form.tool} is answered with {form.value}")
        elif form.tool.startswith(SUPERVISOR) and kind in _SUPERVISOR_FAULTS:
            code, text = _SUPERVISOR_FAULTS[kind]
            body = xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True)
            self._stage.wire.answer = HttpAnswer(status=200, headers={}, body=body.encode())
            self.say(f"fault: {form.tool} is answered with fault {code}: {text}")
        elif kind in DEFINITE and form.tool in self._stage.targets:
            status = self._stage.definite(form.tool, kind)
            assert status is not None  # noqa: S101 - the reader of the file has asked
            self._stage.wire.answer = HttpAnswer(status=status, headers={}, body=b"")
            self.say(f"fault: {form.tool} is answered with {status}: {kind}")
        else:
            self._stage.world.faults.add(Fault(tool=form.tool, kind=kind, delay_ms=form.delay_ms or 0))
            self.say(f"fault: {kind} meets a call of {form.tool}")

    def _flap(self, mishap: _Mishap) -> None:
        service = self._service(mishap)
        assert service is not None  # noqa: S101 - the reader of the file has asked
        mishap.over = mishap.form.for_ms is None and mishap.form.times in (None, 1)
        service.process.sick = True
        self.say(f"fault: {service.form.name} is ill from now on")
        if mishap.form.for_ms is not None:
            self._stage.world.clock.after(mishap.form.for_ms, partial(self._recover, service))

    def _recover(self, service: Service) -> None:
        service.process.sick = False
        self.say(f"fault over: {service.form.name} is well again")

    def _change(self, mishap: _Mishap) -> None:
        form, service = mishap.form, self._service(mishap)
        if self._stage.is_played(form.tool):
            self._stage.change(form.tool, mishap.arguments, form.value)
            self.say(f"somebody else: {form.tool} shows {_said(form.value)}")
        elif form.tool == "catalog.service":
            self._overlays[form.tool] = dict(form.value)
            self.say(f"somebody else: the catalog shows {_said(form.value)}")
        elif service is not None and form.tool == "http.get":
            service.process.sick = form.value != WELL if form.value is not None else not service.process.sick
            self.say(f"somebody else: {service.form.name} is {'ill' if service.process.sick else 'well'}")
        elif service is not None:
            wanted = form.value or ("STOPPED" if service.process.state in _RUNS else "RUNNING")
            _put(service, wanted, self._now_s())
            self.say(f"somebody else: {service.process.name} is {wanted}")

    def _about(self, mishap: _Mishap, tool: str, arguments: Mapping[str, Any]) -> bool:
        target = mishap.form.target or (self._own if tool == "http.get" else None)
        if target is None:
            return True
        service = self._stage.services.get(target)
        if service is not None and not self._stage.is_played(tool):
            return service.is_meant_by(tool, arguments)
        return target in map(str, arguments.values())

    def _service(self, mishap: _Mishap) -> Service | None:
        return self._stage.services.get(mishap.form.target or self._own)

    def _now_s(self) -> int:
        return self._stage.world.clock.now_ms // 1000

    def say(self, what: str) -> None:
        """Note what has happened, for the story."""
        task = self._task()
        seq = task.head.seq if task is not None else 0
        self.events.append(Event(at_ms=self._stage.world.clock.now_ms, behind=seq, what=what))


def _put(service: Service, state: str, now_s: int) -> None:
    """What somebody else does to a process; it is no effect of ours."""
    process = service.process
    process.state, runs = state, state in _RUNS
    process.pid = process.pid + 7000 if runs else 0
    if runs:
        process.start, process.sick = now_s, False
    else:
        process.stop = now_s


def _said(value: Any) -> str:
    return ", ".join(f"{n}={v}" for n, v in value.items()) if isinstance(value, Mapping) else str(value)
