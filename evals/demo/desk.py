"""The demo's desk: what ``remit init`` makes, two shipped runbooks made shorter, the world's addresses."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from evals.demo.shorter import SHORTER, shortened
from evals.demo.world import READ_TOKEN, SERVICES, WRITE_TOKEN, World
from remit.settings import PREFIX, unknown_variables

SHIPPED: Final = Path(__file__).parents[2] / "runbooks"
ACCOUNT: Final = "acc-7"
ENV: Final = "prod"
# shipped file -> where it goes in a desk
PLACES: Final[Mapping[str, str]] = {
    "service-recovery/runbook.yaml": "runbooks/service-recovery.yaml",
    "quota-raise/runbook.yaml": "runbooks/quota-raise.yaml",
    "quota-raise/connector.yaml": "connectors/quota.yaml",
}
_SETTINGS: Final = """\
# Settings of the demo's desk. Its supervisor and services ended with the demo.
model = "rules"

[tools]
modules = ["page_tools"] # the sample's, which needs no other system

[http]
hosts = [{hosts}]

[supervisors]
{env}-1 = "{socket}"
"""
_SERVICE: Final = """\
  - {{name: {name}, env: {env}, supervisor: {env}-1, program: {name}, health_url: "{url}",
     dependencies: [{dependencies}], system_owner: team {name}}}
"""
_DELEGATED: Final = """\

  - runbook: service-recovery@3
    mode: delegated
    request: [operator]
    decide: [oncall, owner]
    target: "{inputs.env}/{inputs.service}"
    targets: [prod/checkout]                              # not its dependencies
    resources: {prod/checkout: ["supervisor:prod-*/checkout"]}

  - runbook: quota-raise@1
    mode: delegated
    request: [operator]
    decide: [oncall, owner]
    target: "quota/{inputs.account}"
    targets: ["quota/acc-*"]
    resources: {"quota/acc-*": ["quota/acc-*"]}
"""


def shipped() -> dict[str, str]:
    """The demo's copies of the shipped files, by their place in the desk: only durations differ."""
    return {
        place: shortened((SHIPPED / name).read_text(encoding="utf-8"), SHORTER[name])
        for name, place in PLACES.items()
    }


def undecided(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what its user has set up for a desk of their own."""
    unread = set(unknown_variables(environ))
    return {name: value for name, value in environ.items() if not name.startswith(PREFIX) or name in unread}


def furnish(desk: Path, world: World) -> None:
    """Put the demo's files into a desk that ``remit init`` has made; nothing of them is approved yet."""
    for place, source in shipped().items():
        (desk / place).write_text(source, encoding="utf-8")
    hosts = ", ".join(f'"127.0.0.1:{world.ports[name]}"' for name in SERVICES)
    settings = _SETTINGS.format(hosts=hosts, env=ENV, socket=world.socket)
    (desk / "remit.toml").write_text(settings, encoding="utf-8")
    (desk / "catalog.yaml").write_text(_catalog(world.health_url), encoding="utf-8")
    delegation = desk / "delegation.yaml"
    head, approval, tail = delegation.read_text(encoding="utf-8").partition("\napproval:")
    delegation.write_text(head.rstrip() + "\n" + _DELEGATED + approval + tail, encoding="utf-8")
    for name, token in (("quota_write", WRITE_TOKEN), ("quota_read", READ_TOKEN)):
        file = desk / ".remit" / "secrets" / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, f"Bearer {token}".encode())
        os.close(descriptor)


def _catalog(health_url: Callable[[str], str]) -> str:
    *dependencies, first = SERVICES
    services = {first: dependencies, **{name: [] for name in dependencies}}
    entries = (
        _SERVICE.format(name=name, env=ENV, url=health_url(name), dependencies=", ".join(needs))
        for name, needs in services.items()
    )
    return "schema: remit/catalog/v1\nservices:\n" + "".join(entries)
