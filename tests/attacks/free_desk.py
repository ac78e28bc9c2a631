"""A desk whose tool takes any text as its account: what no pattern refuses must be refused by the rest."""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest

from policies.contract import StringSpec
from policies.templates import render_resource
from tests import guard_kit as kit
from tests.gateway_kit import Desk, make_desk


def free_desk(
    patch: pytest.MonkeyPatch,
    account: str = "acc-1",
    *,
    resources: Sequence[str] = ("seats/acc-1",),
    hosts: Sequence[str] = (),
    note: str = "",
) -> Desk:
    """Make the run ask for ``account``, with all that follows from it; only ``resources`` are delegated."""
    changed: dict[str, Any] = {
        "arguments": {**kit.GRANT.arguments, "account": StringSpec(type="string", max_length=400)},
        "hosts": tuple(hosts),
    }
    free = kit.GRANT.model_copy(update=changed)
    handed = kit.entry(target="{inputs.env}/acc-1", resources={"prod/*": list(resources)})
    asked = {"account": account, **({"note": note} if note else {})}
    patch.setattr(kit, "policy", partial(kit.policy, contracts=(free, kit.GET), handed=handed))
    patch.setattr(kit, "GRANT", free)
    patch.setattr(kit, "INPUTS", MappingProxyType({**kit.INPUTS, **asked}))
    patch.setattr(kit, "ARGUMENTS", MappingProxyType({**kit.ARGUMENTS, **asked}))
    patch.setattr(kit, "RESOURCE", render_resource("seats/{account}", {"account": account}))
    return make_desk()
