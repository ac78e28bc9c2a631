"""The world of one case, built: services, stand-ins, and every tool that the runbook can call there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies.call import Reply
from policies.catalog import Catalog
from policies.contract import ToolContract
from remit.rehearsal.form import ServiceAs, WorldForm
from remit.rehearsal.stand_in import Shelf, StandIn
from tools.adapters.catalog import catalog_tool
from tools.adapters.http_get import http_get
from tools.adapters.supervisor import supervisor_tools
from tools.http_client import MAX_BODY_BYTES, HttpAnswer, HttpFailure, HttpRequest
from tools.port import Tool
from tools.secrets import Secret
from tools.sim.network import Network
from tools.sim.supervisor import Process
from tools.sim.world import SimTool, World

PORT: Final = 8080
_CONDITIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "healthy": {},
    "ill": {"sick": True},
    "stopped": {"state": "STOPPED", "pid": 0},
    "dies_at_start": {"sick": True, "dies": True},
    "file_moved": {"sick": True, "file_moved": True},
    "unreachable": {"sick": True},
}
BUILT_IN: Final = frozenset({"http.get", "catalog.service"})
_VERBS: Final = {"stop": "supervisor.stop", "start": "supervisor.start"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of this world, with the process that it is."""

    form: ServiceAs
    process: Process
    health_url: str

    def is_meant_by(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a call is about this service."""
        if tool == "http.get":
            return arguments.get("url") == self.health_url
        if tool == "catalog.service":
            return (arguments.get("service"), arguments.get("env")) == (self.form.name, self.form.env)
        named = (arguments.get("server"), arguments.get("program"))
        return named == (self.form.supervisor, self.process.name)


class Wire:
    """The network of the world, on which one answer can be put in the place of a target's."""

    def __init__(self, network: Network) -> None:
        """Travel on ``network``."""
        self._network = network
        self.status: int | None = None

    def exchange(
        self, request: HttpRequest, *, timeout_s: float, max_bytes: int = MAX_BODY_BYTES
    ) -> HttpAnswer | HttpFailure:
        """Make one request; time passes as it would."""
        if self.status is None:
            return self._network.exchange(request, timeout_s=timeout_s, max_bytes=max_bytes)
        status, self.status = self.status, None
        return HttpAnswer(status=status, headers={}, body=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A tool on the stage: whoever directs sees each call before it is made, and its answer."""

    inner: Tool
    before: Callable[[str, dict[str, Any]], None]
    behind: Callable[[str, dict[str, Any], Reply], Reply]

    @property
    def contract(self) -> ToolContract:
        """The contract of the real tool, unchanged."""
        return self.inner.contract

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the call in the world."""
        name = self.contract.name
        self.before(name, arguments)
        reply = self.inner.send(arguments, key=key, secret=secret, timeout_s=timeout_s)
        return self.behind(name, arguments, reply)


@dataclass(kw_only=True)
class Stage:
    """One world at the beginning of a case."""

    world: World
    wire: Wire
    services: Mapping[str, Service]  # by name, those of the case's environment first
    shelf: Shelf
    tools: tuple[Tool, ...]
    catalog: Catalog
    stand_ins: frozenset[str] = field(default_factory=frozenset)

    @property
    def contracts(self) -> dict[str, ToolContract]:
        """Every tool's contract by name."""
        return {tool.contract.name: tool.contract for tool in self.tools}

    def effects(self) -> dict[str, int]:
        """What was really done, by tool: from the world's own log, not from the ledger."""
        return self._counted("effect")

    def requests(self) -> dict[str, int]:
        """Requests of writes that reached a target, by tool."""
        writes = {name for name, contract in self.contracts.items() if contract.effect != "read"}
        return {tool: count for tool, count in self._counted("request").items() if tool in writes}

    def _counted(self, event: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self.world.journal:
            if line["event"] == event:
                tool = line.get("tool") or _VERBS.get(line.get("verb", ""), str(line.get("verb")))
                found[tool] = found.get(tool, 0) + 1
        return dict(sorted(found.items()))


def build(form: WorldForm, contracts: Iterable[ToolContract], *, env: str | None) -> Stage:
    """Set the world up. ``contracts``: tools beside the built-in ones, each played by a stand-in."""
    world = World()
    services = _services(world, form, env)
    catalog = Catalog.model_validate(
        {"schema": "remit/catalog/v1", "services": tuple(_line(s) for s in services)}, strict=False
    )
    known = {contract.name: contract for contract in contracts}
    shelf = Shelf(form.shows, known, form.models)
    wire = Wire(world.network)
    servers = {name: f"unix:///sim/{name}" for name in world.supervisors}
    hosts = [f"{s.form.name}.{s.form.env}.sim:{PORT}" for s in services]
    real: list[Tool] = [
        *supervisor_tools(servers, exchange=wire.exchange),
        http_get(hosts, exchange=wire.exchange),
    ]
    real.append(catalog_tool(catalog))
    played: list[Tool] = [
        StandIn(contract=c, shelf=shelf, clock=world.clock, faults=world.faults, journal=world.journal)
        for c in known.values()
    ]
    tools = [SimTool(inner=tool, network=world.network) for tool in real]
    return Stage(
        world=world, wire=wire, services=_by_name(services), shelf=shelf, tools=(*tools, *played),
        catalog=catalog, stand_ins=frozenset(known),
    )  # fmt: skip


def directed(
    stage: Stage,
    before: Callable[[str, dict[str, Any]], None],
    behind: Callable[[str, dict[str, Any], Reply], Reply],
) -> list[Tool]:
    """Every tool of the stage, watched."""
    return [Staged(inner=tool, before=before, behind=behind) for tool in stage.tools]


def overlaid(reply: Reply, fields: Mapping[str, Any]) -> Reply:
    """A reply as it is once somebody has changed what it shows."""
    return reply if reply.result is None else replace(reply, result={**reply.result, **fields})


def _services(world: World, form: WorldForm, env: str | None) -> list[Service]:
    found = []
    for service in sorted(form.services, key=lambda s: s.env != env):
        if service.supervisor not in world.supervisors:
            world.add_supervisor(service.supervisor)
        if service.is_ == "unreachable":
            world.supervisors[service.supervisor].up = False
        program = service.program or service.name
        process = Process(name=program, **_CONDITIONS[service.is_])
        url = f"http://{service.name}.{service.env}.sim:{PORT}/health"
        world.add_process(service.supervisor, process, health_url=url)
        found.append(Service(form=service, process=process, health_url=url))
    return found


def _by_name(services: Iterable[Service]) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for service in services:
        found.setdefault(service.form.name, service)
    return found


def _line(service: Service) -> dict[str, Any]:
    form = service.form
    return {
        "name": form.name, "env": form.env, "supervisor": form.supervisor, "program": service.process.name,
        "health_url": service.health_url, "dependencies": form.dependencies,
        "system_owner": form.system_owner,
    }  # fmt: skip
