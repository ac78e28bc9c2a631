"""What the world keeps itself while bugs are at work: when each entry was committed, and what targets did."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evals.invariants.evidence import Arrival, State, When
from evals.invariants.witness import Witness
from policies.connector import Connector
from state.entry import DESK, Draft, Entry
from state.ledger.memory import MemoryLedger
from state.ledger.port import Append, Signal, Stop
from tools.addresses import parse_url
from tools.http_client import HttpAnswer, HttpRequest
from tools.port import Reply, Secret, Tool, ToolContract
from tools.sim.clock import ManualClock
from tools.sim.target import SimTarget

_WRITE: Final = re.compile(r"/(?P<kind>[a-z_]+)/(?P<thing>[a-z0-9-]+)/(?P<verb>add|set|create)\Z")


@dataclass(kw_only=True)
class Log(Witness):
    """What a small world kept. ``sent``: each request, and the key of the operation it was made for."""

    sending: str = ""
    sent: list[tuple[HttpRequest, str]] = field(default_factory=list)

    def sent_for(self, request: HttpRequest) -> str:
        """The key of the operation that a request was made for, whether or not it carries it."""
        return next((key for known, key in self.sent if known is request), "")


class KeptLedger(MemoryLedger):
    """A ledger of which somebody else keeps when what was committed."""

    log: Log

    @property
    def witness(self) -> Log:
        """Who is told of every commit."""
        return self.log

    def create(self, append: Append) -> Any:
        """Begin a chain."""
        head = super().create(append)
        self.log.committed(append.entries)
        return head

    def claim(self, append: Append, *, worker: str) -> Any:
        """Take a run."""
        head = super().claim(append, worker=worker)
        self.log.committed(append.entries)
        return head

    def append(self, append: Append) -> Any:
        """Append to a run."""
        head = super().append(append)
        self.log.committed(append.entries)
        return head

    def append_desk(self, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Append to chain ``desk``."""
        made = super().append_desk(drafts, at=at, code=code)
        self.log.committed(made)
        return made

    def stop(self, stop: Stop, **who: Any) -> None:
        """Set the switch."""
        super().stop(stop, **who)
        self.log.committed(self.read(DESK)[-1:])

    def start(self, scope: str, **who: Any) -> bool:
        """Lift a stop."""
        lifted = super().start(scope, **who)
        if lifted:
            self.log.committed(self.read(DESK)[-1:])
        return lifted

    def post(self, signal: Signal) -> bool:
        """Take a signal in."""
        new = super().post(signal)
        if new:
            self.log.posted.add(signal.id)
        return new


class KeptTarget(SimTarget):
    """A target that writes down what came and what it changed. ``leaks``: it shows the credential."""

    def __init__(self, clock: ManualClock, log: Log, *, key_window_ms: int, leaks: bool) -> None:
        """Remember keys for ``key_window_ms``."""
        super().__init__(clock, [], key_window_ms=key_window_ms)
        self._log, self._leaks = log, leaks

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Answer, and keep what it was."""
        headers = {name.lower(): value for name, value in request.headers}
        credential = headers.get("authorization", "none")
        written = _WRITE.match(request.target)
        if written is None:
            self._log.readers.add(credential)
            return self._leaking(super().serve(request), credential)
        thing = self.things.get(written["thing"])
        before = (thing.version, thing.value) if thing is not None else (1, 0)
        if not any(state.thing == written["thing"] for state in self._log.states):
            self._log.states.append(State(when=When(order=0, ms=0), thing=written["thing"], value=before[1]))
        answer = super().serve(request)
        thing = self.things.get(written["thing"])
        applied = thing is not None and thing.version != before[0]
        arguments: dict[str, Any] = {"thing": written["thing"], **json.loads(request.body or b"{}")}
        if "if-match" in headers:
            arguments["etag"] = headers["if-match"]
        when = self._log.now()
        run, _, op = self._log.sent_for(request).partition("/")
        self._log.arrivals.append(
            Arrival(
                run=run, op=op, when=when, applied=applied,
                resource=f"thing/{written['thing']}", arguments=arguments,
                tool="things.set" if written["verb"] == "set" else f"things.add_{written['kind']}",
                key=headers.get("idempotency-key", ""), credential=credential,
            )
        )  # fmt: skip
        if applied and thing is not None:
            self._log.states.append(State(when=when, thing=written["thing"], value=thing.value))
        return answer

    def change(self, name: str, value: int) -> None:
        """Let somebody else set it."""
        before = self.things[name].value if name in self.things else 0
        if not any(state.thing == name for state in self._log.states):
            self._log.states.append(State(when=When(order=0, ms=0), thing=name, value=before))
        super().change(name, value)
        self._log.states.append(State(when=self._log.now(), thing=name, value=value))

    def _leaking(self, answer: HttpAnswer, credential: str) -> HttpAnswer:
        if not self._leaks or not answer.body:
            return answer
        shown = {**json.loads(answer.body), "id": f"seen by {credential}"}
        return HttpAnswer(status=answer.status, headers=answer.headers, body=json.dumps(shown).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTool:
    """A tool of which is kept what each of its requests was made for."""

    inner: Tool
    log: Log

    @property
    def contract(self) -> ToolContract:
        """The contract of the real tool."""
        return self.inner.contract

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the call."""
        self.log.sending = key
        return self.inner.send(arguments, key=key, secret=secret, timeout_s=timeout_s)


def kept_exchange(log: Log, exchange: Any) -> Any:
    """Travel as ``exchange`` does, and keep what each request was made for."""

    def travel(request: HttpRequest, **given: Any) -> Any:
        log.sent.append((request, log.sending))
        return exchange(request, **given)

    return travel


def reached(connector: Connector, target: SimTarget, network: Any) -> None:
    """Let ``target`` answer at a connector's address."""
    network.attach(str(parse_url(connector.base_url)[0]), target)
