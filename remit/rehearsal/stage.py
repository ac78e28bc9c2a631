"""The world of one case, built: services, stand-ins, and every tool that the runbook can call there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from policies.call import Reply
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import DedupeKind, Effect, ToolContract
from remit.rehearsal.form import ServiceAs, WorldForm
from remit.rehearsal.stand_in import Shelf, StandIn
from state import canonical
from tools.adapters.catalog import catalog_tool
from tools.adapters.http_connector import connector_tools
from tools.adapters.http_get import http_get
from tools.adapters.supervisor import supervisor_tools
from tools.answers import PRECONDITION_FAILED
from tools.http_client import MAX_BODY_BYTES, HttpAnswer, HttpFailure, HttpRequest
from tools.port import Tool
from tools.secrets import Secret
from tools.sim.faults import STATUS
from tools.sim.modelled import ModelledTarget
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
SUPERVISOR: Final = "supervisor."
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

    def __init__(self, world: World) -> None:
        """Travel on the world's network."""
        self._world, self._network = world, world.network
        self.answer: HttpAnswer | None = None

    def exchange(
        self, request: HttpRequest, *, timeout_s: float, max_bytes: int = MAX_BODY_BYTES
    ) -> HttpAnswer | HttpFailure:
        """Make one request; time passes as it would."""
        if self.answer is None:
            return self._network.exchange(request, timeout_s=timeout_s, max_bytes=max_bytes)
        answer, self.answer = self.answer, None
        self._world.journal.append(
            {"event": "request", "at_ms": self._world.clock.now_ms, "tool": self._network.tool}
        )
        return answer


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
    """One world at the beginning of a case. ``unseen``: reads of which the world says nothing."""

    form: WorldForm
    world: World
    wire: Wire
    services: Mapping[str, Service]  # by name, those of the case's environment first
    catalog: Catalog
    shelf: Shelf
    targets: Mapping[str, ModelledTarget]  # by tool
    tools: tuple[Tool, ...]
    unseen: list[str] = field(default_factory=list)
    _put: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def contracts(self) -> dict[str, ToolContract]:
        """Every tool's contract by name."""
        return {tool.contract.name: tool.contract for tool in self.tools}

    def is_played(self, tool: str) -> bool:
        """Whether the tool's target is no service but what a model makes of it."""
        return tool not in BUILT_IN and not tool.startswith(SUPERVISOR)

    def speaks_http(self, tool: str) -> bool:
        """Whether a call of the tool is answered with an HTTP status that a test can name."""
        return tool == "http.get" or tool in self.targets

    def definite(self, tool: str, kind: str) -> int | None:
        """The status by which a target says ``kind`` (refused, not_applied); None where it has none."""
        contract = self.contracts[tool]
        means_moved = {PRECONDITION_FAILED} if contract.dedupe.kind is DedupeKind.CONDITIONAL_WRITE else set()
        listed = sorted({*getattr(contract.answers, kind)} - means_moved)
        return STATUS[kind] if STATUS[kind] in listed else next(iter(listed), None)

    def prepare(self, tool: str, arguments: dict[str, Any]) -> None:
        """Let whatever a call reads or changes show what the world says, before the call is made."""
        contract = self.contracts[tool]
        if contract.effect is Effect.READ:
            if self.is_played(tool) and not self._shown(tool, arguments):
                self.unseen.append(f"{tool} {canonical.dumps(arguments)}")
            return
        for read in contract.model or {}:
            wanted = self.contracts[read].arguments
            if wanted.keys() <= arguments.keys():
                self._shown(read, {name: arguments[name] for name in wanted})

    def change(self, read: str, arguments: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """Let somebody else change what a read shows."""
        if read in self.targets:
            self.targets[read].change(read, arguments, **fields)
        else:
            self.shelf.put(read, arguments, fields)

    def effects(self) -> dict[str, int]:
        """What was really done, by tool: from the world's own log, not from the ledger."""
        return self._counted("effect")

    def requests(self) -> dict[str, int]:
        """Requests of writes that reached a target, by tool."""
        found = self._counted("request")
        return {tool: n for tool, n in found.items() if self.contracts[tool].effect is not Effect.READ}

    def _shown(self, read: str, arguments: dict[str, Any]) -> bool:
        place = (read, canonical.dumps(arguments))
        if place in self._put:
            return True
        lines = [
            line
            for line in self.form.shows.get(read, ())
            if all(arguments.get(name) == value for name, value in line.with_.items())
        ]
        if not lines:
            return False
        self._put.add(place)
        shows = dict(max(lines, key=lambda line: len(line.with_)).is_)
        if read in self.targets:
            self.targets[read].put(read, arguments, **shows)
        else:
            self.shelf.put(read, arguments, shows)
        return True

    def _counted(self, event: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self.world.journal:
            if line["event"] == event:
                tool = str(line.get("tool") or _VERBS[line["verb"]])
                found[tool] = found.get(tool, 0) + 1
        return dict(sorted(found.items()))


def build(
    form: WorldForm,
    connectors: Iterable[Connector],
    contracts: Iterable[ToolContract],
    *,
    env: str | None = None,
) -> Stage:
    """Set the world up; SetupError for a connector whose model says too little of its conditions.

    ``connectors`` are played on the world's network, tools of Python modules (``contracts``) by stand-ins.
    """
    world = World()
    services = _services(world, form, env)
    wire = Wire(world)
    servers = {name: f"unix:///sim/{name}" for name in world.supervisors}
    hosts = [f"{s.form.name}.{s.form.env}.sim:{PORT}" for s in services]
    catalog = Catalog.model_validate(
        {"schema": "remit/catalog/v1", "services": tuple(_line(s) for s in services)}, strict=False
    )
    real: list[Tool] = [
        *supervisor_tools(servers, exchange=wire.exchange),
        http_get(hosts, exchange=wire.exchange),
        catalog_tool(catalog),
    ]
    targets: dict[str, ModelledTarget] = {}
    for connector in connectors:
        modelled = _with_models(connector, form)
        target = world.add_modelled(modelled, only_what_was_put=True)
        real += connector_tools(modelled, exchange=wire.exchange)
        targets.update(dict.fromkeys(modelled.contracts(), target))
    played = [c.model_copy(update={"model": form.models.get(c.name, c.model)}) for c in contracts]
    shelf = Shelf(played)
    tools: list[Tool] = [SimTool(inner=tool, network=world.network) for tool in real]
    tools += [
        StandIn(contract=c, shelf=shelf, clock=world.clock, faults=world.faults, journal=world.journal)
        for c in played
    ]
    return Stage(
        form=form, world=world, wire=wire, services=_by_name(services), catalog=catalog, shelf=shelf,
        targets=targets, tools=tuple(tools),
    )  # fmt: skip


def _with_models(connector: Connector, form: WorldForm) -> Connector:
    tools = [
        tool.model_copy(update={"model": form.models[tool.name]}) if tool.name in form.models else tool
        for tool in connector.tools
    ]
    return connector.model_copy(update={"tools": tuple(tools)})


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
