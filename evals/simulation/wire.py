"""The way to the target, and the target: what arrives is kept, whoever sent it, whenever it lands."""

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

from evals.invariants.evidence import Arrival, State, When
from evals.simulation.books import ADDRESS
from evals.simulation.faults import WireFaults
from evals.simulation.keeping import Kept
from evals.simulation.scheduler import Actor, Scheduler
from policies.call import Reply
from policies.contract import ToolContract
from state.entry import Kind
from state.ledger.port import Ledger
from tools.addresses import parse_url
from tools.http_client import MAX_BODY_BYTES, HttpAnswer, HttpFailure, HttpRequest
from tools.patience import NotReturnedError
from tools.port import Tool
from tools.secrets import Secret
from tools.sim.network import Network, NeverBack
from tools.sim.target import SimTarget, Thing

_WRITE: Final = re.compile(r"/(?P<kind>[a-z_]+)/(?P<thing>[a-z0-9-]+)/(?P<verb>add|set|create)\Z")
_READ: Final = re.compile(r"/things/(?P<thing>[a-z0-9-]+)\Z")
_LATENCY_MS: Final = (0, 0, 2, 20, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One call as it left: whose it is, and with what."""

    run: str
    op: str
    attempt: int
    tool: str
    arguments: dict[str, Any]
    credential: str
    when: When


class KeptTarget(SimTarget):
    """A target that keeps what came to it and what was true of it when."""

    def __init__(self, kept: Kept, *, key_window_ms: int, leaks: bool) -> None:
        """Honour keys for ``key_window_ms``. ``leaks``: answers show the credential they came for."""
        super().__init__(kept.scheduler.clock, [], key_window_ms=key_window_ms)
        self._leaks = leaks
        self._kept = kept
        self._past: dict[str, list[tuple[int, Thing | None]]] = {}
        self._ago_ms = 0
        self.sent: dict[int, tuple[HttpRequest, Sending]] = {}
        self.left_behind: dict[int, Actor | None] = {}

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Answer, and keep what came of it."""
        written = _WRITE.match(request.target)
        if written is None:
            sent = self.sent.get(id(request))
            self._kept.readers.add(sent[1].credential if sent else "")
            return self._shown_with(request, super().serve(request))
        sender = self.left_behind.get(id(request))
        if sender is not None and sender.doomed:
            return HttpAnswer(status=503, headers={}, body=b"")
        name = written["thing"]
        self._first(name)
        before = self.things[name].version if name in self.things else 0
        answer = super().serve(request)
        applied = name in self.things and self.things[name].version != before
        self._arrived(request, name, written["verb"], answer, applied=applied)
        if applied:
            self._changed(name)
        return self._shown_with(request, answer)

    def _shown_with(self, request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        if not self._leaks or not answer.body:
            return answer
        seen = next((v for header, v in request.headers if header.lower() == "authorization"), "nobody")
        body = json.dumps({**json.loads(answer.body), "id": f"asked by {seen.split()[-1]}"}).encode()
        return replace(answer, body=body)

    def serve_past(self, request: HttpRequest, ago_ms: int) -> HttpAnswer:
        """Answer as things were ``ago_ms`` milliseconds ago."""
        self._ago_ms = ago_ms
        try:
            return self.serve(request)
        finally:
            self._ago_ms = 0

    def _seen(self, name: str) -> Thing | None:
        past = self._past.get(name)
        if not self._ago_ms or not past:
            return super()._seen(name)
        return past[max(0, bisect_right(past, self._clock.now_ms - self._ago_ms, key=lambda p: p[0]) - 1)][1]

    def change(self, name: str, value: int) -> None:
        """Let somebody else set it."""
        self._first(name)
        super().change(name, value)
        self._kept.tell(f"{name} is set to {value}, past remit")
        self._changed(name)

    def _first(self, name: str) -> None:
        if name not in self._past:
            self._past[name] = [(0, None)]
            self._kept.states.append(State(when=When(order=0, ms=0), thing=name, value=0))

    def _changed(self, name: str) -> None:
        thing = self.things[name]
        self._past[name].append((self._clock.now_ms, Thing(value=thing.value, version=thing.version)))
        self._kept.states.append(State(when=self._kept.now(), thing=name, value=thing.value))

    def _arrived(
        self, request: HttpRequest, name: str, verb: str, answer: HttpAnswer, *, applied: bool
    ) -> None:
        headers = {header.lower(): value for header, value in request.headers}
        _, sending = self.sent[id(request)]
        arguments = {"thing": name, "number": json.loads(request.body)["number"]}
        if "if-match" in headers:
            arguments["etag"] = headers["if-match"]
        self._kept.arrivals.append(
            Arrival(
                when=self._kept.now(), applied=applied, resource=f"thing/{name}", tool=sending.tool,
                arguments=arguments, key=headers.get("idempotency-key", ""), run=sending.run, op=sending.op,
                attempt=sending.attempt, credential=sending.credential, sent=sending.when,
            )
        )  # fmt: skip
        what = f"{sending.run[-4:]}/{sending.op} attempt {sending.attempt} arrives: {verb} {name}"
        came = f"applied, now {self.things[name].value}" if applied else f"nothing, {answer.status}"
        self._kept.tell(f"{what}: {came}", who="target")


@dataclass(kw_only=True)
class Wire:
    """What every tool of a world travels over."""

    scheduler: Scheduler
    kept: Kept
    faults: WireFaults
    target: KeptTarget
    rng: Random
    ledger: Ledger
    network: Network = field(init=False)
    _sending: Sending | None = None

    def __post_init__(self) -> None:
        """Reach the target."""
        self.network = Network(self.scheduler.clock, self.faults, [])
        self.network.attach(str(parse_url(ADDRESS)[0]), self.target)

    def exchange(
        self, request: HttpRequest, *, timeout_s: float, max_bytes: int = MAX_BODY_BYTES
    ) -> HttpAnswer | HttpFailure:
        """Make one request of the call that is being sent."""
        sending = self._sending
        assert sending is not None
        self.target.sent[id(request)] = (request, sending)
        self.scheduler.check()
        self.network.tool = sending.tool
        self.faults.meets = partial(self._met, sending)
        try:
            answer = self.network.exchange(request, timeout_s=timeout_s, max_bytes=max_bytes)
        except NeverBack:  # its thread may send whenever it likes, but not when its process is no more
            self.target.left_behind[id(request)] = self.scheduler.current
            raise
        wait_ms = self.rng.choice(_LATENCY_MS)
        if wait_ms:
            self.scheduler.sleep(wait_ms)
        return answer

    def _met(self, sending: Sending, fault: str) -> None:
        kind = sending.tool.removeprefix("things.").removeprefix("add_")
        write = "undo" if sending.op.startswith("undo:") else "call"
        self.kept.meet(fault, phase="read" if kind == "get" else write, kind=kind)
        if sending.tool != "things.get":
            self.kept.tell(f"{sending.op} attempt {sending.attempt} of {sending.run[-4:]} meets {fault}")

    def sends(self, tool: Tool, arguments: dict[str, Any], key: str, secret: Secret | None) -> None:
        """Remember whose call it is that is about to travel."""
        run, _, op = key.partition("/")
        attempt = 0
        if tool.contract.effect != "read":
            intents = [e for e in self.ledger.read(run)[-3:] if e.kind is Kind.INTENT]
            attempt = int(intents[-1].body["attempt"]) if intents else 0
        self._sending = Sending(
            run=run, op=op, attempt=attempt, tool=tool.contract.name, arguments=arguments,
            credential="none" if secret is None else secret.name, when=self.kept.now(),
        )  # fmt: skip

    def within(self, call: Callable[[], Reply], seconds: float) -> Reply:
        """Wait for a call as ``tools.patience`` does; what does not come back is left behind."""
        try:
            return call()
        except NeverBack:
            self.scheduler.sleep(round(1000 * seconds))
            raise NotReturnedError(f"not back within {seconds:g} s") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class WiredTool:
    """A real adapter of which is kept whose call each of its requests was."""

    inner: Tool
    wire: Wire

    @property
    def contract(self) -> ToolContract:
        """The contract of the real tool, unchanged."""
        return self.inner.contract

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the call."""
        self.wire.sends(self.inner, arguments, key, secret)
        return self.inner.send(arguments, key=key, secret=secret, timeout_s=timeout_s)
