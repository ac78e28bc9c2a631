"""Which worlds are built in: those of supervised services. Others stand in files, or in the test itself."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from remit.rehearsal.form import Condition, ServiceAs, WorldForm

DEPENDENCY: Final = "payments"
OTHER_DEPENDENCY: Final = "accounts"  # where payments itself is the service
BUILT_IN_PREFIX: Final = "sim/"


def _services(inputs: Mapping[str, Any], condition: Condition) -> WorldForm:
    """The service that the inputs name, as said, and one dependency of it that is well."""
    name, env = str(inputs.get("service", "checkout")), str(inputs.get("env", "prod"))
    needed = OTHER_DEPENDENCY if name == DEPENDENCY else DEPENDENCY
    service = ServiceAs.model_validate(
        {"name": name, "env": env, "dependencies": (needed,), "is": condition}, strict=False
    )
    return WorldForm(services=(service, ServiceAs.model_validate({"name": needed, "env": env})))


BUILT_IN: Final[Mapping[str, Callable[[Mapping[str, Any]], WorldForm]]] = MappingProxyType(
    {
        "sim/healthy": lambda inputs: _services(inputs, "healthy"),
        "sim/service-down": lambda inputs: _services(inputs, "ill"),
    }
)
