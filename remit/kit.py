"""What all runs of one approved policy share: its plan, its tools with their contracts, its credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.contract import ToolContract
from policies.in_force import Policy
from policies.plan import Plan, compile_plan
from remit import toolbox
from remit.settings import Settings
from tools.credentials import Credentials
from tools.registry import Registry
from tools.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """An approved policy, made ready. Nothing of it comes from a file that was not approved."""

    policy: Policy
    plan: Plan
    registry: Registry
    contracts: Mapping[str, ToolContract]
    credentials: Credentials


def kit_of(policy: Policy, settings: Settings, secrets: Secrets) -> Kit:
    """Make the kit of ``policy``; SetupError where a tool cannot be made, LoadError for its connectors."""
    approved = toolbox.approved(policy, modules=settings.tools.modules, folder=settings.desk)
    registry = toolbox.registry_of(approved)
    contracts = registry.contracts()
    return Kit(
        policy=policy,
        plan=compile_plan(policy.runbook, contracts),
        registry=registry,
        contracts=contracts,
        credentials=Credentials(secrets, contracts.values(), shared=settings.credentials.shared),
    )


def secrets_of(settings: Settings, environ: Mapping[str, str]) -> Secrets:
    """Where the secrets of a desk come from."""
    return Secrets(settings.private / "secrets", environ=environ, keyring=settings.credentials.keyring)
