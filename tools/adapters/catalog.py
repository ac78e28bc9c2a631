"""How a name becomes a place: ``catalog.service`` reads the desk's own catalog, loaded and approved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.call import Reply
from policies.contract import Answers, Effect, StringSpec, ToolContract
from state.outcome import Outcome
from tools.errors import SetupError, UnreadableReplyError
from tools.result import conform
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
        return Reply(outcome=Outcome.SUCCEEDED, code="found", result=conform(found, RESULT))


def catalog_tool(services: Iterable[Mapping[str, Any]], *, source: str) -> CatalogService:
    """Make ``catalog.service`` of entries in the result's shape; ``source`` is the digest of the catalog.

    SetupError for an entry of another shape, and for two entries of one name and environment.
    """
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in services:
        try:
            service = conform(dict(entry), RESULT)
        except UnreadableReplyError as error:
            raise SetupError(f"catalog: {error}") from None
        place = (service["env"], service["name"])
        if place in kept:
            raise SetupError(f"catalog: two services {service['name']} in {service['env']}")
        kept[place] = service
    contract = ToolContract(
        name="catalog.service",
        effect=Effect.READ,
        arguments={"service": StringSpec(type="string"), "env": StringSpec(type="string")},
        result=RESULT,
        answers=Answers(),
        connector="catalog",
        source=source,
    )
    return CatalogService(contract=contract, services=kept)
