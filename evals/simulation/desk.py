"""The desk of a world: what is approved there, and what a run needs while a worker holds it.

Policies, plans and approvals are the same in every world that has the same shapes, so they are made once a
process; chain ``desk``, tools, gateways and sessions are each world's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from agents.executor import Executor
from agents.models.port import Model
from evals.simulation.books import Shape, delegation, shape
from evals.simulation.ledger import CODE, KEY, SimLedger
from evals.simulation.wire import Wire, WiredTool
from graph.session import Session
from graph.surroundings import Surroundings as Around
from policies import guards
from policies.approval import PRINCIPALS, Principals, approval, proposal, target_of
from policies.in_force import InForce, Policy, apply_desk
from policies.loader import parse_delegation
from policies.plan import Plan, compile_plan
from remit.bootstrap import verifier
from remit.folder import Candidate, Folder
from remit.kit import Kit
from remit.settings import Settings
from remit.toolbox import Surroundings
from state import canonical
from state.entry import DESK, Draft, Entry
from state.holder import Holder
from state.ledger.payload import payload_of
from state.ledger.port import Payload
from state.task import Clock
from tools.adapters.http_connector import connector_tools
from tools.credentials import Credentials
from tools.gateway import Gateway
from tools.registry import Registry
from tools.scrub import Scrubber
from tools.secrets import Secrets

SECRETS: Final = {
    "REMIT_SECRET_THINGS_WRITE": "Bearer canary-of-the-executor",
    "REMIT_SECRET_THINGS_READ": "Bearer canary-of-the-verifier",
}
PEOPLE: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "base": {
        "ann": ["operator"], "bob": ["oncall"], "eve": ["oncall"], "sue": ["owner"], "tim": ["owner"],
        "tom": ["guest"],
    },
    "without_eve": {
        "ann": ["operator"], "bob": ["oncall"], "eve": ["guest"], "sue": ["owner"], "tim": ["owner"],
        "tom": ["guest"],
    },
}  # fmt: skip
CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "base": {},
    "confirm": {"mode": "confirm"},
    "elsewhere": {"resources": {"things/*": ["other/*"]}},
    "owners_decide": {"decide": ["owner"]},
    "nobody_asks": {"request": ["owner"]},
}


@cache
def candidate(number: int, change: str) -> Candidate:
    """What a shape is approved as, with one change of its delegation."""
    one = shape(number)
    return candidates(one, PEOPLE["base"], CHANGES[change])[one.ref]


@cache
def people(which: str) -> Candidate:
    """Principals and approvers."""
    return candidates(shape(0), PEOPLE[which], {})[PRINCIPALS]


def candidates(
    one: Shape, who: Mapping[str, list[str]], changes: Mapping[str, Any]
) -> Mapping[str, Candidate]:
    """What can be approved of a desk with that runbook, those people, and those changes of the delegation."""
    document = {
        "schema": "remit/delegation/v1",
        "principals": {name: {"roles": roles, "os": [name]} for name, roles in who.items()},
        "delegate": [delegation(one, **changes)],
        "approval": {"approvers": ["owner"], "not_author": True},
    }
    connector = one.connector.value
    folder = Folder(
        settings=Settings.model_construct(desk=Path()),
        delegation=parse_delegation(canonical.dumps(document).encode()),
        catalog=None, connectors={connector.connector: one.connector}, runbooks={one.ref: one.book},
        around=Surroundings(connectors={connector.connector: connector}), contracts=connector.contracts(),
        closures={}, not_executed=(), problems=(),
    )  # fmt: skip
    return folder.candidates()


def approved(candidate: Candidate | None, scope: str, was: str | None) -> list[Draft]:
    """Tim proposes a change of ``scope``, sue approves it. None: it is withdrawn."""
    bundle = candidate.bundle if candidate else None
    asked = proposal(scope=scope, to=target_of(scope, bundle), by="tim")
    given = approval(
        bundle=bundle, scope=scope, was=was, by="sue", author="tim", solo=False,
        contents=candidate.contents if candidate else {},
    )  # fmt: skip
    return [asked, given]


def opening(shapes: tuple[int, ...]) -> list[Draft]:
    """How chain ``desk`` begins: the first principals, then a runbook for each shape."""
    first = people("base")
    drafts = [
        approval(
            bundle=first.bundle, scope=PRINCIPALS, was=None, by="sue", author="sue", solo=False,
            contents=first.contents,
        )
    ]  # fmt: skip
    for number in shapes:
        drafts += approved(candidate(number, "base"), shape(number).ref, None)
    return drafts


@cache
def _secrets() -> Secrets:
    return Secrets(None, environ=SECRETS)


@cache
def _compiled(digest: str, number: int) -> Plan:
    del digest
    return compile_plan(shape(number).book.value, shape(number).connector.value.contracts())


@dataclass(kw_only=True)
class Desk:
    """One world's desk."""

    ledger: SimLedger
    wire: Wire
    shapes: tuple[int, ...]
    model: Model
    pauses: Callable[[str], None]
    _view: InForce = field(default_factory=InForce)
    _seq: int = 0
    _kits: dict[str, Kit] = field(default_factory=dict)

    def open(self) -> None:
        """Approve what can be asked for."""
        at = self.ledger.now()
        known = _OPENED.pop((self.shapes, at), None)
        if known is None:
            self.ledger.append_desk(opening(self.shapes), at=at, code=CODE)
            known = (tuple(self.ledger.read(DESK)), self.now())
        else:
            self.ledger.begin_desk(known[0])
        self._view, self._seq = known[1], known[0][-1].seq
        _OPENED[self.shapes, at] = known
        if len(_OPENED) > _MOST_OPENED:
            del _OPENED[next(iter(_OPENED))]

    def now(self) -> InForce:
        """What is in force now."""
        if self.ledger.length(DESK) != self._seq:
            for entry in self.ledger.read(DESK, after=self._seq):
                self._view = apply_desk(self._view, entry)
                self._seq = entry.seq
        return self._view

    def kit(self, pins: Mapping[str, str]) -> Kit:
        """The kit of the policy that ``pins`` name."""
        digest = pins["bundle"]
        if digest not in self._kits:
            self._kits[digest] = self._made(_pinned(self.now(), digest))
        return self._kits[digest]

    def _made(self, policy: Policy) -> Kit:
        number = int(policy.runbook.id.removeprefix("book-"))
        tools = connector_tools(shape(number).connector.value, exchange=self.wire.exchange)
        registry = Registry([WiredTool(inner=tool, wire=self.wire) for tool in tools])
        contracts = registry.contracts()
        return Kit(
            policy=policy, plan=_compiled(policy.bundle.digest, number), registry=registry,
            contracts=contracts, credentials=Credentials(_secrets(), contracts.values()),
        )  # fmt: skip

    def sealed(self, text: str) -> Payload:
        """Free text as a payload."""
        return payload_of(text, key=KEY)

    def people(self) -> Principals | None:
        """Principals in force."""
        return self.now().people()

    def present(self, ref: str) -> Policy | None:
        """The policy in force for ``id@version``; None: withdrawn."""
        held = self.now().runbooks.get(ref)
        return None if held is None else self.kit({"bundle": held.bundle.digest}).policy

    def session(
        self, holder: Holder, *, clock: Callable[[], Clock], still_mine: Callable[[], bool],
        sleep: Callable[[float], None],
    ) -> Session:  # fmt: skip
        """Everything that one run needs while ``holder`` holds it."""
        kit = self.kit(holder.task.pins)
        scrubber = Scrubber(_secrets().live)
        gateway = Gateway(
            guards=guards.GUARDS, registry=kit.registry, credentials=kit.credentials, scrubber=scrubber,
            clock_ms=lambda: clock().ms, boot_id=clock().boot_id, still_mine=still_mine, pauses=self.pauses,
            within=self.wire.within,
        )  # fmt: skip
        ref = kit.policy.runbook.ref
        around = Around(
            ledger=self.ledger, policy=kit.policy, plan=kit.plan, present=lambda: self.present(ref)
        )
        return Session(
            holder=holder, ledger=self.ledger, policy=kit.policy, plan=kit.plan, contracts=kit.contracts,
            gateway=gateway, verifier=verifier(kit, gateway, holder, clock=clock),
            executor=Executor(self.model), surroundings=around, present=lambda: self.present(ref),
            people=self.people, sealed=self.sealed, said=scrubber.said, clock=clock, sleep=sleep,
            pauses=self.pauses,
        )  # fmt: skip


_MOST_OPENED: Final = 400
_OPENED: Final[dict[tuple[tuple[int, ...], str], tuple[tuple[Entry, ...], InForce]]] = {}
"""How chain ``desk`` begins, and what is in force then: the same in every world that has the same shapes."""
_POLICIES: Final[dict[str, Policy]] = {}


def _pinned(view: InForce, digest: str) -> Policy:
    if digest not in _POLICIES:
        _POLICIES[digest] = view.pinned(digest)
    return _POLICIES[digest]


def forget() -> None:
    """Make anew what was made once: a rule of the product is another one from now on."""
    for made in (candidate, people, _compiled):
        made.cache_clear()
    _OPENED.clear()
    _POLICIES.clear()
