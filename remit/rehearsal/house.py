"""A desk that is only in memory, for one case: its ledger, its policy, its worker; time is the world's.

Everything that decides is what every run has: intake, guards, gateway, graph, agents by rules. What is put in
its place are the clock, the ids, and the proof of a worker's death, which here is known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from ulid import ULID

from agents.executor import Executor
from agents.models.rules import RulesModel
from graph.runner import run_graph
from graph.session import Session
from graph.surroundings import Surroundings as Around
from policies import loader
from policies.approval import PRINCIPALS, Principals, approval
from policies.catalog import Catalog
from policies.guards import GUARDS
from policies.in_force import InForce, fold_desk
from policies.loader import Loaded, parse_delegation
from policies.plan import compile_plan
from policies.runbook import Runbook
from remit.bootstrap import verifier
from remit.desk import program
from remit.folder import Candidate, Folder
from remit.intake.principal import Asker
from remit.intake.requests import Intake, Request, Submitted
from remit.kit import Kit
from remit.rehearsal.stage import Stage
from remit.settings import Settings
from remit.toolbox import Surroundings
from state import bodies, canonical, instants
from state.entry import DESK
from state.holder import Holder, extend
from state.ledger.memory import MemoryLedger
from state.ledger.payload import payload_of
from state.ledger.port import Append, Payload, Worker
from state.projection import project, row_of
from state.reading import read_task
from state.task import Clock, Task
from tools.credentials import Credentials
from tools.gateway import Gateway
from tools.port import Tool
from tools.registry import Registry
from tools.scrub import Scrubber
from tools.secrets import Secrets

ASKER: Final = "rehearsal-operator"
DECIDER: Final = "rehearsal-oncall"
_BOOT: Final = "rehearsal"
_KEY: Final = b"rehearsal" * 4
_LEASE_S: Final = 10 * 365 * 86_400.0
_MOST_SEGMENTS: Final = 8
_EVERYTHING: Final = tuple("/".join(["*"] * n) for n in range(1, _MOST_SEGMENTS + 1))
_ROLES: Final = {ASKER: "rehearsal-operators", DECIDER: "rehearsal-deciders"}


class Died(BaseException):
    """The process ends here: nothing behind this point happens."""


@dataclass(kw_only=True)
class House:
    """A desk, and the hands of its people. ``at``: what happens at the named points of a run."""

    stage: Stage
    ledger: MemoryLedger
    in_force: InForce
    kit: Kit
    secrets: Secrets
    at: dict[str, Any] = field(default_factory=dict)
    task: Task | None = None
    _dead: set[str] = field(default_factory=set)
    _workers: Iterator[int] = field(default_factory=lambda: count(1))
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _worker: str = ""

    def __post_init__(self) -> None:
        """Let a first worker come."""
        self.new_worker()

    def submit(self, inputs: Mapping[str, Any]) -> Submitted:
        """Ask for a run, as its operator does."""
        asker = Asker(name=ASKER, how="as", os_user=ASKER)
        request = Request(
            asker=asker,
            source="cli",
            runbook=self.kit.policy.runbook.ref,
            inputs=dict(inputs),
            text_door=False,
        )
        intake = self.intake()
        return intake.submit(intake.read(request))

    def intake(self) -> Intake:
        """The door that requests come through."""
        return Intake(
            ledger=self.ledger, in_force=lambda: self.in_force, model=RulesModel(), new_id=self.new_id,
            sealed=self._sealed, code=program(),
        )  # fmt: skip

    def carry(self, run: str) -> Task:
        """Hold ``run`` until it leaves, and give it back; Died where the process ends meanwhile."""
        holder = self._claim(read_task(self.ledger, run))
        holder.watch = self._seen
        self._seen(holder.task)
        task = run_graph(self._session(holder))
        self.ledger.release(run, holder.epoch)
        return task

    def new_worker(self) -> None:
        """The present worker is dead, and everybody knows; another one comes."""
        if self._worker:
            self._dead.add(self._worker)
            self.ledger.forget(self._worker)
        number = next(self._workers)
        self._worker = f"w-{number}"
        self.ledger.register(
            Worker(
                id=self._worker, boot_id=_BOOT, pid_ns=_BOOT, pid=number, start_time=number, uid=0,
                lock_file="", lease_until=self.ledger.now(), lease_s=_LEASE_S,
            )
        )  # fmt: skip

    def new_id(self) -> str:
        """The next id: by the world's time, and by no chance."""
        ms, number = self.stage.world.clock.now_ms, next(self._ids)
        return str(ULID(ms.to_bytes(6, "big") + number.to_bytes(10, "big")))

    def _claim(self, task: Task) -> Holder:
        last = task.claims[-1] if task.claims else None
        before = None
        if last is not None:
            before = {"epoch": last.epoch, "worker": last.worker, "ended": self._ended(last.worker)}
        number = int(self._worker.partition("-")[2])
        draft = bodies.claimed(
            worker=self._worker, boot_id=_BOOT, pid_ns=_BOOT, pid=number, start_time=number, uid=0,
            lock_file="", clock=self._clock(), predecessor=before,
            proven=self._proven(task),
        )  # fmt: skip
        epoch = task.epoch + 1
        claimed, entries = extend(task, (draft,), at=self.ledger.now(), epoch=epoch, code=program())
        self.ledger.claim(
            Append(run=task.run, epoch=epoch, head=task.head, entries=entries, row=row_of(claimed)),
            worker=self._worker,
        )
        return Holder(ledger=self.ledger, task=claimed, worker=self._worker, code=program())

    def _proven(self, task: Task) -> list[int]:
        """Epochs of which the process is known to have ended: here, of all before this one."""
        return [claim.epoch for claim in task.claims]

    def _ended(self, worker: str) -> str:
        return "exited" if worker in self._dead else "released"

    def _session(self, holder: Holder) -> Session:
        kit, scrubber = self.kit, Scrubber(self.secrets.live)
        gateway = Gateway(
            guards=GUARDS,
            registry=kit.registry,
            credentials=kit.credentials,
            scrubber=scrubber,
            clock_ms=lambda: self.stage.world.clock.now_ms,
            boot_id=_BOOT,
            still_mine=lambda: True,
            pauses=self._pauses,
        )
        return Session(
            holder=holder,
            ledger=self.ledger,
            policy=kit.policy,
            plan=kit.plan,
            contracts=kit.contracts,
            gateway=gateway,
            verifier=verifier(kit, gateway, holder, clock=self._clock),
            executor=Executor(RulesModel()),
            surroundings=Around(
                ledger=self.ledger, policy=kit.policy, plan=kit.plan, present=lambda: kit.policy
            ),
            present=lambda: kit.policy,
            people=self._people,
            sealed=self._sealed,
            said=scrubber.said,
            clock=self._clock,
            sleep=lambda seconds: self.stage.world.clock.advance(round(seconds * 1000)),
            pauses=self._pauses,
        )

    def _people(self) -> Principals | None:
        return self.in_force.people()

    def _clock(self) -> Clock:
        return Clock(boot_id=_BOOT, ms=self.stage.world.clock.now_ms)

    def _pauses(self, point: str) -> None:
        act = self.at.get(point)
        if act is not None:
            act()

    def _seen(self, task: Task) -> None:
        self.task = task

    def _sealed(self, text: str) -> Payload:
        return payload_of(text, key=_KEY)


def open_house(stage: Stage, tools: list[Tool], book: Loaded[Runbook]) -> House:
    """Approve the runbook with the tools of the stage, for everybody and everything of this world."""
    registry = Registry(tools)
    folder = _folder(stage, book, registry)
    candidates = folder.candidates()
    ledger = MemoryLedger(
        clock=lambda: instants.iso(datetime.fromtimestamp(stage.world.clock.now_ms / 1000, UTC)),
        code=program(), project=project, payload_key=_KEY,
    )  # fmt: skip
    drafts = [_approved(scope, candidates[scope]) for scope in (PRINCIPALS, ref_of(book))]
    ledger.append_desk(drafts, at=ledger.now(), code=program())
    in_force = fold_desk(ledger.read(DESK))
    policy = in_force.policy(ref_of(book))
    contracts = registry.contracts()
    names = {name for contract in contracts.values() for name in contract.credentials.values()}
    secrets = Secrets(
        None, environ={f"REMIT_SECRET_{name.upper()}": f"rehearsed-{name}-credential" for name in names}
    )
    kit = Kit(
        policy=policy,
        plan=compile_plan(policy.runbook, contracts),
        registry=registry,
        contracts=contracts,
        credentials=Credentials(secrets, contracts.values()),
    )
    return House(stage=stage, ledger=ledger, in_force=in_force, kit=kit, secrets=secrets)


def ref_of(book: Loaded[Runbook]) -> str:
    """``id@version`` of a runbook."""
    return f"{book.value.id}@{book.value.version}"


def _approved(scope: str, candidate: Candidate) -> Any:
    return approval(
        bundle=candidate.bundle,
        scope=scope,
        was=None,
        by=ASKER,
        author=ASKER,
        solo=True,
        contents=candidate.contents,
    )


def _folder(stage: Stage, book: Loaded[Runbook], registry: Registry) -> Folder:
    catalog = stage.catalog.model_dump(mode="json", by_alias=True)
    around = Surroundings(supervisors={name: f"unix:///sim/{name}" for name in stage.world.supervisors})
    return Folder(
        settings=Settings.model_construct(desk=Path()),
        delegation=parse_delegation(_delegation(book.value).encode()),
        catalog=_loaded(catalog),
        connectors={},
        runbooks={ref_of(book): book},
        around=around,
        contracts=registry.contracts(),
        closures={},
        not_executed=(),
        problems=(),
    )


def _loaded(catalog: dict[str, Any]) -> Loaded[Catalog]:
    return loader.parse_as(Catalog, canonical.dumps(catalog).encode(), Path("catalog.yaml"), lambda *_: [])


def _delegation(book: Runbook) -> str:
    """Who may do what in a rehearsal: the operator asks, another human decides, nothing is out of bounds."""
    inputs = "/".join(f"{{inputs.{name}}}" for name in list(book.inputs)[:_MOST_SEGMENTS])
    principals = {name: {"roles": [role], "os": [name]} for name, role in _ROLES.items()}
    principals[ASKER]["roles"].append("owner")
    return canonical.dumps(
        {
            "schema": "remit/delegation/v1",
            "principals": principals,
            "delegate": [
                {
                    "runbook": book.ref,
                    "mode": "delegated",
                    "request": [_ROLES[ASKER]],
                    "decide": [_ROLES[DECIDER]],
                    "target": inputs or "rehearsal",
                    "targets": list(_EVERYTHING),
                    "resources": {target: list(_EVERYTHING) for target in _EVERYTHING},
                }
            ],
            "approval": {"approvers": ["owner"], "solo": True},
        }
    )
