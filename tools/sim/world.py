"""A world in memory: supervised services, a target, a catalog, the faults between, and its own effect log.

Deterministic and single-threaded: time passes when a call takes it, or when ``clock.advance`` is called.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from policies.call import Reply
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import ToolContract
from tools.adapters.catalog import catalog_tool
from tools.adapters.http_connector import connector_tools
from tools.adapters.http_get import http_get
from tools.adapters.supervisor import supervisor_tools
from tools.addresses import parse_url
from tools.port import Tool
from tools.secrets import Secret
from tools.sim.clock import ManualClock
from tools.sim.faults import Fault, Faults
from tools.sim.modelled import ModelledTarget
from tools.sim.network import Network
from tools.sim.supervisor import Process, SimService, SimSupervisor
from tools.sim.target import SimTarget

EPOCH_MS: Final = 1_795_471_200_000  # any whole second will do; a world starts at the same one each time


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTool:
    """A real adapter whose requests travel in a world, so that its calls can meet that world's faults."""

    inner: Tool
    network: Network = field(repr=False)

    @property
    def contract(self) -> ToolContract:
        """The contract of the real tool, unchanged."""
        return self.inner.contract

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the call in the world."""
        self.network.tool = self.contract.name
        return self.inner.send(arguments, key=key, secret=secret, timeout_s=timeout_s)


class World:
    """Everything there is, and every tool that reaches it."""

    def __init__(self) -> None:
        """Begin empty."""
        self.clock = ManualClock(EPOCH_MS)
        self.faults = Faults()
        self.journal: list[dict[str, Any]] = []
        self.network = Network(self.clock, self.faults, self.journal)
        self.supervisors: dict[str, SimSupervisor] = {}

    def add_supervisor(self, name: str) -> SimSupervisor:
        """Set one up at ``unix:///sim/NAME``."""
        made = SimSupervisor(self.clock, self.journal)
        self.supervisors[name] = made
        self.network.attach(_socket(name), made)
        return made

    def add_process(self, server: str, process: Process, *, health_url: str | None = None) -> Process:
        """Put a process under a supervisor, and its health at an address."""
        self.supervisors[server].processes[process.name] = process
        if health_url is not None:
            self.network.attach(str(parse_url(health_url)[0]), SimService(process))
        return process

    def add_target(self, base_url: str) -> SimTarget:
        """Set a target up at an address."""
        made = SimTarget(self.clock, self.journal)
        self.network.attach(str(parse_url(base_url)[0]), made)
        return made

    def add_modelled(self, connector: Connector, *, only_what_was_put: bool = False) -> ModelledTarget:
        """Set up, at a connector's own address, what its ``model`` says its API does."""
        made = ModelledTarget(connector, self.clock, self.journal, only_what_was_put=only_what_was_put)
        self.network.attach(str(parse_url(connector.base_url)[0]), made)
        return made

    def add_fault(self, tool: str, kind: str, *, nth: int = 1, times: int = 1, delay_ms: int = 0) -> None:
        """Plan a fault for calls of ``tool``; ValueError for a kind that is none."""
        self.faults.add(Fault(tool=tool, kind=kind, nth=nth, times=times, delay_ms=delay_ms))

    def effects(self, thing: str) -> int:
        """Count what was really done to ``thing``."""
        return sum(1 for e in self.journal if e["event"] == "effect" and e["thing"] == thing)

    def tools(
        self,
        *,
        hosts: Iterable[str] = (),
        catalog: Catalog | None = None,
        connectors: Iterable[Connector] = (),
    ) -> list[Tool]:
        """Make every tool of this world: the real adapters on its network."""
        travel = self.network.exchange
        servers = {name: _socket(name) for name in self.supervisors}
        made: list[Tool] = [*supervisor_tools(servers, exchange=travel), http_get(hosts, exchange=travel)]
        for connector in connectors:
            made += connector_tools(connector, exchange=travel)
        if catalog is not None:
            made.append(catalog_tool(catalog))
        return [SimTool(inner=tool, network=self.network) for tool in made]


def _socket(name: str) -> str:
    return f"unix:///sim/{name}"
