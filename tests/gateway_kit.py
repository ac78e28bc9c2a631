"""A real ledger with a run that may write, and a gateway before targets that keep their own log."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from policies.call import Reply
from policies.contract import ToolContract
from policies.guards import GUARDS, GuardContext, Guards
from state import bodies
from state.entry import Entry, Head, Kind
from state.holder import Holder, extend
from state.ledger.memory import MemoryLedger
from state.ledger.port import Append
from state.outcome import Outcome
from state.projection import row_of
from state.task import Clock, Task
from tests import guard_kit as kit
from tools.gateway import Gateway
from tools.registry import Registry
from tools.scrub import Scrubber
from tools.secrets import Secret, Secrets

CANARY = "s3cr3t-canary-value"
GRANTED = Reply(outcome=Outcome.SUCCEEDED, code="200", result={"grant_id": "g-1", "seats": 7})


@dataclass
class Target:
    """A tool that keeps a log of what reached it, and answers as told."""

    contract: ToolContract
    answer: Any = GRANTED
    log: list[dict[str, Any]] = field(default_factory=list)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        value = secret.reveal() if secret is not None else None
        self.log.append({"arguments": dict(arguments), "key": key, "secret": value, "timeout_s": timeout_s})
        arguments["count"] = 99  # a tool may do with its copy what it likes
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


@dataclass
class Desk:
    """A real ledger with a run that may write, and a gateway before one target."""

    ledger: MemoryLedger
    holder: Holder
    gateway: Gateway
    grant: Target
    get: Target
    secrets: dict[str, str]
    clock: list[int]
    points: list[str]
    mine: list[Any]
    at_point: dict[str, Callable[[], None]]

    def entries(self) -> list[Entry]:
        return self.ledger.read(kit.RUN)

    def kinds(self) -> list[Kind]:
        return [e.kind for e in self.entries()][5:]

    def context(self, **changes: Any) -> GuardContext:
        given = kit.context(pinned=kit.policy(), **changes)
        return replace(given, moment=replace(given.moment, at=self.ledger.now()))

    def write(self, **changes: Any) -> Any:
        return self.gateway.write(self.holder, kit.call(**changes), self.context())


def admitted_run(ledger: MemoryLedger) -> Holder:
    drafts = (
        bodies.requested(
            actor="dana", source="cli", by="dana", os_user="dana", as_given="", ref="", delivery=None,
            text=None, criteria=[],
        ),
        bodies.interpreted(actor="dana", runbook="seat-grant", version=1, inputs=kit.INPUTS, by="direct"),
        bodies.admitted(
            actor="dana", runbook="seat-grant", version=1, title="Grant seats", inputs=dict(kit.INPUTS),
            target="prod/acc-1", mode="delegated", solo=False, pins=kit.policy().pins, once_key=None,
            once_span_ms=None, delivery=None, deadline_ms=900_000, severity="high", requester="dana",
            source="cli",
        ),
    )  # fmt: skip
    task, entries = extend(Task(run=kit.RUN), drafts, at=kit.AT, epoch=0, code="t")
    ledger.create(Append(run=kit.RUN, epoch=0, head=Head(), entries=entries, row=row_of(task)))
    claimed = bodies.claimed(
        worker="w1", boot_id="boot-1", pid_ns="ns", pid=1, start_time=1, uid=1, lock_file="l",
        clock=Clock(boot_id="boot-1", ms=0), predecessor=None, proven=[],
    )  # fmt: skip
    head = task.head
    task, entries = extend(task, [claimed], at=kit.AT, epoch=1, code="t")
    ledger.claim(Append(run=kit.RUN, epoch=1, head=head, entries=entries, row=row_of(task)), worker="w1")
    holder = Holder(ledger=ledger, task=task, worker="w1", code="t")
    holder.append(
        bodies.hydrated(
            actor="w1", bindings={}, initial={}, derived={"label": "a"}, resources=[kit.RESOURCE],
            holds=[kit.RESOURCE],
        )
    )  # fmt: skip
    return holder


def make_desk(guards: Guards = GUARDS) -> Desk:
    ledger = MemoryLedger(clock=lambda: kit.AT, code="t")
    environ = {"REMIT_SECRET_SEATS_WRITE": CANARY, "REMIT_SECRET_SEATS_READ": "reader-" + CANARY}
    secrets = Secrets(None, environ=environ)
    grant, get = Target(kit.GRANT), Target(kit.GET)
    clock, points, mine = [5_000], [], [True]
    at_point: dict[str, Callable[[], object]] = {}

    def pauses(point: str) -> None:
        points.append(point)
        at_point.get(point, lambda: None)()

    gateway = Gateway(
        guards=guards,
        registry=Registry([grant, get]),
        credentials=secrets,
        scrubber=Scrubber(secrets.live),
        clock_ms=lambda: clock[0],
        boot_id="boot-1",
        still_mine=lambda: mine[0]() if callable(mine[0]) else mine[0],
        pauses=pauses,
    )
    return Desk(
        ledger=ledger, holder=admitted_run(ledger), gateway=gateway, grant=grant, get=get, secrets=environ,
        clock=clock, points=points, mine=mine, at_point=at_point,
    )  # fmt: skip
