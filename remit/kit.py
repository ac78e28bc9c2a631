"""What all runs of one approved policy share: its plan, its tools with their contracts, its credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.contract import Effect, ToolContract
from policies.in_force import Policy
from policies.plan import Plan, compile_plan
from policies.runbook import Runbook
from remit import toolbox
from remit.settings import Settings
from tools.credentials import Credentials
from tools.errors import SetupError
from tools.registry import Registry
from tools.scrub import one_line
from tools.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """An approved policy, made ready. Nothing of it comes from a file that was not approved.

    ``without_tools``: why its tools cannot be made here; empty where they can.
    """

    policy: Policy
    plan: Plan
    registry: Registry
    contracts: Mapping[str, ToolContract]
    credentials: Credentials
    without_tools: str = ""

    @property
    def as_approved(self) -> bool:
        """Every tool is there, and as it was approved."""
        now = {name: contract.digest for name, contract in self.contracts.items()}
        return not self.without_tools and all(now.get(t) == d for t, d in self.policy.contracts.items())


def kit_of(policy: Policy, settings: Settings, secrets: Secrets) -> Kit:
    """Make the kit of ``policy``; SetupError where a tool cannot be made, LoadError for its connectors."""
    approved = toolbox.approved(policy, modules=settings.tools.modules, folder=settings.desk)
    registry = toolbox.registry_of(approved)
    contracts = registry.contracts()
    if gone := sorted(set(policy.contracts) - set(contracts)):
        raise SetupError(f"not among the tools of this desk any more: {', '.join(gone)}")
    return Kit(
        policy=policy,
        plan=compile_plan(policy.runbook, contracts),
        registry=registry,
        contracts=contracts,
        credentials=Credentials(secrets, contracts.values(), shared=settings.credentials.shared),
    )


def kit_or_what_is_left(policy: Policy, settings: Settings, secrets: Secrets) -> Kit:
    """The kit of ``policy``; where its tools cannot be made, one that can neither read nor send.

    The plan of such a kit rests on contracts that promise nothing: enough for a packet and for decisions.
    """
    try:
        return kit_of(policy, settings, secrets)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module of the desk may raise anything
        why = one_line(f"{type(error).__name__}: {error}")
    contracts = {name: _promises_nothing(name) for name in _tools_of(policy.runbook)}
    return Kit(
        policy=policy,
        plan=compile_plan(policy.runbook, contracts),
        registry=Registry(),
        contracts=contracts,
        credentials=Credentials(secrets, (), shared=settings.credentials.shared),
        without_tools=why,
    )


def _tools_of(runbook: Runbook) -> set[str]:
    undos = (runbook.rollback(step.id) for step in runbook.steps)
    writes = {step.tool for step in runbook.steps} | {undo.tool for undo in undos if undo is not None}
    return writes | set(runbook.authority.tools)


def _promises_nothing(name: str) -> ToolContract:
    """A write that settles no double, may not be repeated, and is called by nobody."""
    return ToolContract(name=name, effect=Effect.WRITE, arguments={}, result={})


def secrets_of(settings: Settings, environ: Mapping[str, str]) -> Secrets:
    """Where the secrets of a desk come from."""
    return Secrets(settings.private / "secrets", environ=environ, keyring=settings.credentials.keyring)
