"""How a name becomes a place: ``catalog.service`` reads the desk's own catalog, loaded and approved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.call import Reply
from policies.catalog import Catalog, Service
from policies.contract import Effect, StringSpec, ToolContract
from state import canonical
from state.outcome import Outcome
from tools.errors import SetupError
from tools.scrub import one_line
from tools.secrets import Secret

RESULT: Final[dict[str, Any]] = {
    "name": "string",
    "env": "string",
    "supervisor": "string",
    "program": "string",
    "health_url": "string",
    "system_owner": "string",
    "dependencies": [{"name": "string", "env": "string", "health_url": "string"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogService:
    """The tool ``catalog.service``: one service by name and environment."""

    contract: ToolContract
    services: Mapping[tuple[str, str], dict[str, Any]] = field(repr=False)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Look one service up; refused when there is none."""
        del key, secret, timeout_s
        found = self.services.get((arguments["env"], arguments["service"]))
        if found is None:
            detail = one_line(f"no service {arguments['service']} in {arguments['env']}")
            return Reply(outcome=Outcome.REFUSED, code="not_found", detail=detail)
        return Reply(outcome=Outcome.SUCCEEDED, code="found", result=found)


def catalog_tool(catalog: Catalog) -> CatalogService:
    """Make ``catalog.service`` of a loaded catalog; its contract binds the whole of it.

    SetupError for two services of one name and environment, and for a dependency that is not listed.
    """
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for service in catalog.services:
        place = (service.env, service.name)
        if place in kept:
            raise SetupError(f"catalog: two services {service.name} in {service.env}")
        kept[place] = _shown(service, catalog)
    contract = ToolContract(
        name="catalog.service",
        effect=Effect.READ,
        arguments={"service": StringSpec(type="string"), "env": StringSpec(type="string")},
        result=RESULT,
        connector="catalog",
        source=canonical.digest(catalog.model_dump(mode="json", by_alias=True)),
    )
    return CatalogService(contract=contract, services=kept)


def _shown(service: Service, catalog: Catalog) -> dict[str, Any]:
    dependencies = []
    for wanted in service.depends_on():
        found = catalog.service(wanted.name, wanted.env)
        if found is None:
            raise SetupError(f"catalog: {service.name} depends on {wanted.name} in {wanted.env}: not listed")
        dependencies.append({"name": found.name, "env": found.env, "health_url": found.health_url})
    return {
        "name": service.name,
        "env": service.env,
        "supervisor": service.supervisor,
        "program": service.program,
        "health_url": service.health_url,
        "system_owner": service.system_owner,
        "dependencies": dependencies,
    }
