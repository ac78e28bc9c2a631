"""The only place that knows concrete classes: makes all that runs need, from the settings of a desk."""

import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from agents.executor import Executor
from agents.models.factory import model_from
from agents.models.port import Model
from agents.verifier import Verifier
from graph.session import Session
from graph.surroundings import Surroundings
from policies.approval import Principals
from policies.call import Call, Reply
from policies.guards import GUARDS, GuardContext
from policies.in_force import InForce, Policy, apply_desk
from policies.moment import Moment
from remit.desk import open_ledger, payload_key, program
from remit.kit import Kit, kit_or_what_is_left, secrets_of
from remit.secrecy import scrubber_of
from remit.settings import Settings
from remit.worker.claim import Claimant
from remit.worker.engine import Engine
from remit.worker.identity import Identity, boot_id, clock, monotonic_ms
from remit.worker.lease import Lease
from state import bodies
from state.entry import DESK
from state.errors import LedgerError
from state.holder import Holder
from state.ledger.payload import payload_of
from state.ledger.port import Ledger, Payload
from state.task import Clock
from tools.gateway import Gateway
from tools.scrub import Scrubber
from tools.secrets import Secrets

log = logging.getLogger("remit.worker")


class PolicyView:
    """What is in force, kept up to date from chain ``desk``; safe to ask from many threads."""

    def __init__(self, ledger: Ledger) -> None:
        """Read the chain from its beginning at the first question, then only what is new."""
        self._ledger, self._view, self._seq, self._guard = ledger, InForce(), 0, threading.Lock()

    def now(self) -> InForce:
        """What is in force now."""
        with self._guard:
            if self._ledger.length(DESK) == self._seq:
                return self._view
            for entry in self._ledger.read(DESK, after=self._seq):
                self._view = apply_desk(self._view, entry)
                self._seq = entry.seq
            return self._view


@dataclass(kw_only=True)
class App:
    """A desk, ready to carry runs. ``pauses`` is called at the named points of a run; tests stop there."""

    settings: Settings
    ledger: Ledger
    policies: PolicyView
    secrets: Secrets
    scrubber: Scrubber
    model: Model
    key: bytes
    pauses: Callable[[str], None]
    _kits: dict[str, Kit] = field(default_factory=dict)

    def kit(self, pins: Mapping[str, str]) -> Kit:
        """The kit of the policy that ``pins`` name; KeyError where it was never approved here.

        One whose tools cannot be made, or are not as approved, is tried again at the next call.
        """
        digest = pins["bundle"]
        if digest in self._kits:
            return self._kits[digest]
        kit = kit_or_what_is_left(self.policies.now().pinned(digest), self.settings, self.secrets)
        if kit.as_approved:
            self._kits[digest] = kit
        return kit

    def sealed(self, text: str) -> Payload:
        """Free text as a payload: scrubbed, capped, under a keyed digest."""
        return payload_of(self.scrubber.text(text, limit=65_536), key=self.key)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """A worker of this process, registered and with a running lease, until the block ends."""
        folder = self.settings.private / "workers"
        name = f"w-{uuid.uuid4().hex[:12]}"
        lease_s = self.settings.worker.lease_s
        with Identity.take(folder, id=name, lease_s=lease_s, now=self.ledger.now()) as identity:
            lease = Lease(ledger=self.ledger, worker=identity.worker)
            lease.start()
            claimant = Claimant(ledger=self.ledger, identity=identity, lease=lease, code=program())
            engine = Engine(
                claimant=claimant,
                session=lambda holder, sleep: self.session(holder, lease, sleep),
                ready=lambda task: self.kit(task.pins),
                threads=self.settings.worker.threads,
            )
            try:
                yield engine
            finally:
                engine.stopping.set()
                try:
                    lease.stop()
                except LedgerError as error:  # what it has done stands, and is to be told all the same
                    log.warning("%s stays on the list of workers, until another buries it: %s", name, error)

    def session(self, holder: Holder, lease: Lease, sleep: Callable[[float], None]) -> Session:
        """Everything that one run needs while ``holder`` holds it."""
        kit = self.kit(holder.task.pins)
        gateway = Gateway(
            guards=GUARDS,
            registry=kit.registry,
            credentials=kit.credentials,
            scrubber=self.scrubber,
            clock_ms=monotonic_ms,
            boot_id=boot_id(),
            still_mine=lease.still_mine,
            pauses=self.pauses,
        )
        ref = kit.policy.runbook.ref
        return Session(
            holder=holder,
            ledger=self.ledger,
            policy=kit.policy,
            plan=kit.plan,
            contracts=kit.contracts,
            gateway=gateway,
            verifier=verifier(kit, gateway, holder),
            executor=Executor(self.model),
            surroundings=Surroundings(
                ledger=self.ledger,
                policy=kit.policy,
                plan=kit.plan,
                present=lambda: self._present(ref),
                without_tools=kit.without_tools,
            ),
            present=lambda: self._present(ref),
            people=self._people,
            sealed=self.sealed,
            said=self.scrubber.said,
            clock=clock,
            sleep=sleep,
            pauses=self.pauses,
            without_tools=kit.without_tools,
        )

    def _present(self, ref: str) -> Policy | None:
        held = self.policies.now().runbooks.get(ref)
        return self.kit({"bundle": held.bundle.digest}).policy if held is not None else None

    def _people(self) -> Principals | None:
        return self.policies.now().people()


def verifier(kit: Kit, gateway: Gateway, holder: Holder, *, clock: Callable[[], Clock] = clock) -> Verifier:
    """The verifier of a run, which reads through ``gateway`` as itself; a denied read is an entry."""

    def read(call: Call) -> Reply:
        context = GuardContext(
            task=holder.task,
            epoch=holder.epoch,
            moment=Moment(at=holder.now(), clock=clock()),
            contract=kit.contracts.get(call.tool),
            pinned=kit.policy,
            plan=kit.plan,
        )
        reply = gateway.read(call, context)
        if reply.notes[:1] == ("denied",):
            holder.note(
                bodies.denied(
                    actor=holder.worker, role=call.role, op="", code=reply.code, guard=reply.notes[1],
                    digest=call.digest, message=reply.detail,
                )
            )  # fmt: skip
        return reply

    return Verifier(runbook=kit.policy.runbook, contracts=kit.contracts, read=read, now=holder.now)


def _undisturbed(point: str) -> None:
    """Production does nothing at the named points."""
    del point


@contextmanager
def open_app(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    pauses: Callable[[str], None] = _undisturbed,
    model: Model | None = None,
) -> Iterator[App]:
    """Open a desk for work, and close it again; DoorError, LedgerError, ModelNameError, SetupError."""
    environ = os.environ if environ is None else environ
    ledger = open_ledger(settings)
    try:
        secrets, policies = secrets_of(settings, environ), PolicyView(ledger)
        yield App(
            settings=settings,
            ledger=ledger,
            policies=policies,
            secrets=secrets,
            scrubber=scrubber_of(settings, secrets, policies.now),
            model=model or model_from(settings.model, environ),
            key=payload_key(settings),
            pauses=pauses,
        )
    finally:
        ledger.close()
