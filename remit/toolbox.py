"""Which tools a desk has: the built-in ones with their addresses, its connectors' and its Python modules'."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.approval import document
from policies.catalog import Catalog
from policies.connector import Connector

if TYPE_CHECKING:
    from policies.in_force import Policy
    from tools.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything outside a runbook that gives its tools their meaning; all of it is bound by approval."""

    supervisors: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    catalog: Catalog | None = None
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    folder: Path | None = None  # where modules are looked for first

    def addresses(self) -> dict[str, Any]:
        """Every base address, as approval binds it."""
        return {
            "supervisors": dict(sorted(self.supervisors.items())),
            "hosts": sorted(self.hosts),
            "connectors": {name: c.base_url for name, c in sorted(self.connectors.items())},
        }


def registry_of(around: Surroundings) -> "Registry":
    """Make every tool; SetupError where one cannot be made or two have one name."""
    from tools.adapters.catalog import catalog_tool
    from tools.adapters.http_connector import connector_tools
    from tools.adapters.http_get import http_get
    from tools.adapters.supervisor import supervisor_tools
    from tools.python_tool import load_module_tools
    from tools.registry import Registry

    registry = Registry([http_get(around.hosts), *supervisor_tools(around.supervisors)])
    if around.catalog is not None:
        registry.add(catalog_tool(around.catalog))
    for connector in around.connectors.values():
        for made in connector_tools(connector):
            registry.add(made)
    for declared in load_module_tools(around.modules, around.folder):
        registry.add(declared)
    return registry


def approved(policy: "Policy", *, modules: tuple[str, ...], folder: Path) -> Surroundings:
    """Take the surroundings that were approved with a runbook, whatever the files say now; LoadError."""
    from policies.loader import revive

    return Surroundings(
        supervisors=policy.addresses["supervisors"],
        hosts=tuple(policy.addresses["hosts"]),
        catalog=None if policy.catalog is None else Catalog.model_validate_json(document(policy.catalog)),
        connectors={name: revive(Connector, content) for name, content in policy.connectors.items()},
        modules=modules,
        folder=folder,
    )
