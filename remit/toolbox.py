"""Which tools a desk has: the built-in ones with their addresses, its connectors' and its Python modules'."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policies.approval import document
from policies.call import Reply
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import ToolContract
from state.outcome import Outcome

if TYPE_CHECKING:
    from policies.in_force import Policy
    from tools.desk_modules import DeskModules
    from tools.registry import Registry

NOT_AS_APPROVED: Final = "not as approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything outside a runbook that gives its tools their meaning; all of it is bound by approval.

    ``trusted``: modules with the digests of the sources that were approved; no other is executed (None: every
    module is). ``promised``: documents of approved contracts by tool, for tools that then are missing.
    """

    supervisors: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    catalog: Catalog | None = None
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    folder: Path | None = None  # where modules are looked for first
    trusted: frozenset[tuple[str, str]] | None = None
    promised: Mapping[str, str] = field(default_factory=dict)

    def addresses(self) -> dict[str, Any]:
        """Every base address, as approval binds it."""
        return {
            "supervisors": dict(sorted(self.supervisors.items())),
            "hosts": sorted(self.hosts),
            "connectors": {name: c.base_url for name, c in sorted(self.connectors.items())},
        }

    def read_modules(self) -> "DeskModules":
        """Read the modules' sources as they stand now; nothing is executed."""
        from tools.desk_modules import DeskModules

        return DeskModules.read(self.modules, self.folder)

    def untrusted(self, modules: "DeskModules") -> list[str]:
        """Modules that must not be executed: they, or what they import, are not as it was approved."""
        if self.trusted is None:
            return []
        return [n for n in modules.listed if not self.trusted.issuperset(modules.closure(n).items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentTool:
    """A tool whose module is not executed: its contract without the source that was approved.

    Guards compare contracts, so that they deny each of its calls (``contract_changed``).
    """

    contract: ToolContract

    def send(self, arguments: dict[str, Any], *, key: str, secret: object, timeout_s: float) -> Reply:
        """Send nothing."""
        del arguments, key, secret, timeout_s
        return Reply(outcome=Outcome.NOT_SENT, code="not_as_approved", detail="its module is not as approved")


def registry_of(around: Surroundings, modules: "DeskModules | None" = None) -> "Registry":
    """Make every tool; SetupError where one cannot be made or two have one name.

    ``modules``: as they were read already; else they are read now.
    """
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
    modules = around.read_modules() if modules is None else modules
    left_out = around.untrusted(modules)
    for declared in load_module_tools(modules, [n for n in modules.listed if n not in left_out]):
        registry.add(declared)
    for absent in _absent(around.promised, left_out, registry.contracts()):
        registry.add(absent)
    return registry


def _absent(
    promised: Mapping[str, str], left_out: Collection[str], made: Mapping[str, ToolContract]
) -> Iterator[AbsentTool]:
    for tool, text in promised.items():
        contract = ToolContract.from_document(text)
        if contract.connector in left_out and tool not in made:
            yield AbsentTool(contract=contract.model_copy(update={"source": NOT_AS_APPROVED}))


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
        trusted=frozenset(policy.sources.items()),
        promised=policy.documents,
    )
