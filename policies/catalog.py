"""What services there are (``remit/catalog/v1``): the models of ``catalog.yaml``."""

from typing import Annotated, Any, Literal

from pydantic import Field

from policies.contract import Frozen

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$")]


class ServiceRef(Frozen):
    """A service by name and environment."""

    name: Label
    env: Label


class Service(Frozen):
    """One service in one environment. A dependency that is only a name is in the same environment."""

    name: Label
    env: Label
    supervisor: Label
    program: Label
    health_url: Annotated[str, Field(pattern=r"^https?://[^\s@\\]+$", max_length=500)]
    dependencies: Annotated[tuple[Label | ServiceRef, ...], Field(max_length=100)] = ()
    system_owner: Annotated[str, Field(min_length=1, max_length=120)]

    def depends_on(self) -> tuple[ServiceRef, ...]:
        """List what it depends on, environments filled in."""
        return tuple(
            d if isinstance(d, ServiceRef) else ServiceRef(name=d, env=self.env) for d in self.dependencies
        )


class Catalog(Frozen):
    """One catalog file."""

    schema_: Literal["remit/catalog/v1"] = Field(alias="schema")
    services: Annotated[tuple[Service, ...], Field(max_length=10_000)]

    def service(self, name: str, env: str) -> Service | None:
        """Find the service of that name and environment; None where there is none."""
        return next((s for s in self.services if (s.name, s.env) == (name, env)), None)

    def entries(self) -> list[dict[str, Any]]:
        """List every service as plain fields, each dependency with its health address; KeyError."""
        known = {(s.name, s.env): s.health_url for s in self.services}
        return [
            {
                "name": s.name,
                "env": s.env,
                "supervisor": s.supervisor,
                "program": s.program,
                "health_url": s.health_url,
                "system_owner": s.system_owner,
                "dependencies": [
                    {"name": d.name, "env": d.env, "health_url": known[d.name, d.env]} for d in s.depends_on()
                ],
            }
            for s in self.services
        ]
