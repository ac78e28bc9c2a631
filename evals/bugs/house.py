"""A desk in memory, on which bugs are hunted: its people, its policy, workers that can die or sleep on."""

# ruff: noqa: SLF001 - it stands on the house of rehearsals, and puts in its place what that one has for ever

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from agents.executor import Executor
from agents.models.scripted import ScriptedModel
from evals.bugs.recorder import KeptLedger, Log
from graph.session import Session
from policies import loader
from policies.approval import PRINCIPALS, approval, proposal, target_of
from policies.catalog import Catalog
from policies.in_force import InForce, fold_desk
from policies.loader import Loaded, parse_delegation
from policies.plan import compile_plan
from policies.runbook import Runbook
from remit.desk import program
from remit.folder import Folder
from remit.kit import Kit
from remit.rehearsal.house import House, ref_of
from remit.settings import Settings
from remit.toolbox import Surroundings
from state import canonical, instants
from state.entry import DESK
from state.holder import Holder
from state.projection import project
from state.task import Task
from tools.credentials import Credentials
from tools.registry import Registry
from tools.secrets import Secrets
from tools.sim.world import World

_KEY: Final = b"hunted" * 6
PEOPLE: Final = {"ann": ["operator"], "bob": ["oncall"], "sue": ["owner"], "tim": ["owner"], "eve": ["guest"]}


@dataclass(kw_only=True)
class Play(House):
    """A desk in memory whose workers can die, sleep on, or stand on another host."""

    log: Log
    model: ScriptedModel | None = None
    alive: set[int] = field(default_factory=set)  # epochs whose process may still send

    def _proven(self, task: Task) -> list[int]:
        return [epoch for epoch in super()._proven(task) if epoch not in self.alive]

    def _ended(self, worker: str) -> str:
        del worker
        return "released"

    def _session(self, holder: Holder) -> Session:
        session = super()._session(holder)
        session.present = self._present
        session.surroundings._present = self._present
        session.gateway._still_mine = lambda: self.ledger.info(holder.run).epoch == holder.epoch
        if self.model is not None:
            session.executor = Executor(self.model)
        return session

    def _people(self) -> Any:
        return self.now_in_force().people()

    def now_in_force(self) -> InForce:
        """What chain ``desk`` says now."""
        return fold_desk(self.ledger.read(DESK))

    def _present(self) -> Any:
        view = self.now_in_force()
        ref = self.kit.policy.runbook.ref
        return view.policy(ref) if ref in view.runbooks else None


def open_play(world: World, log: Log, tools: list[Any], one: Loaded[Runbook], mode: str) -> Play:
    """Approve a runbook with the tools of a world; ``mode``: confirm or delegated."""
    registry = Registry(tools)
    contracts = registry.contracts()
    ledger = KeptLedger(
        clock=lambda: instants.iso(datetime.fromtimestamp(world.clock.now_ms / 1000, UTC)),
        code=program(), project=project, payload_key=_KEY,
    )  # fmt: skip
    ledger.log = log
    delegation = parse_delegation(_delegation(one.value, mode).encode())
    folder = Folder(
        settings=Settings.model_construct(desk=Path()),
        delegation=delegation, catalog=_catalog(), connectors={}, runbooks={ref_of(one): one},
        around=Surroundings(), contracts=contracts, closures={}, not_executed=(), problems=(),
    )  # fmt: skip
    candidates = folder.candidates()
    drafts = [
        approval(
            bundle=candidates[scope].bundle, scope=scope, was=None, by="sue", author=author, solo=False,
            contents=candidates[scope].contents,
        )
        for scope, author in ((PRINCIPALS, "sue"), (ref_of(one), "tim"))
    ]  # fmt: skip
    proposed = _proposed(candidates[ref_of(one)])
    ledger.append_desk([drafts[0], proposed, drafts[1]], at=ledger.now(), code=program())
    in_force = fold_desk(ledger.read(DESK))
    policy = in_force.policy(ref_of(one))
    names = {name for contract in contracts.values() for name in contract.credentials.values()}
    secrets = Secrets(
        None, environ={f"REMIT_SECRET_{n.upper()}": f"hunted-{n}-credential-{len(n)}" for n in names}
    )
    kit = Kit(
        policy=policy, plan=compile_plan(policy.runbook, contracts), registry=registry, contracts=contracts,
        credentials=Credentials(secrets, contracts.values()),
    )  # fmt: skip
    stage: Any = SimpleNamespace(world=world)
    return Play(stage=stage, ledger=ledger, in_force=in_force, kit=kit, secrets=secrets, log=log)


def _proposed(candidate: Any) -> Any:
    scope = candidate.bundle.scope
    return proposal(scope=scope, to=target_of(scope, candidate.bundle), by="tim")


def _catalog() -> Any:
    text = canonical.dumps({"schema": "remit/catalog/v1", "services": []})
    return loader.parse_as(Catalog, text.encode(), Path("catalog.yaml"), lambda *_: [])


def _delegation(one: Runbook, mode: str) -> str:
    return canonical.dumps(
        {
            "schema": "remit/delegation/v1",
            "principals": {name: {"roles": roles, "os": [name]} for name, roles in PEOPLE.items()},
            "delegate": [
                {
                    "runbook": one.ref, "mode": mode, "request": ["operator"], "decide": ["oncall"],
                    "target": "things/{inputs.thing}", "targets": ["things/*"],
                    "resources": {"things/*": ["thing/*"]}, "concurrency": 9,
                }
            ],
            "approval": {"approvers": ["owner"], "solo": False},
        }
    )  # fmt: skip
