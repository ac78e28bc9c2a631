"""Contracts of the tools that the example runbooks use, small and local."""

from pathlib import Path

from policies.contract import Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract

EXAMPLES = Path(__file__).parent / "fixtures" / "examples"
TEXT = StringSpec(type="string")

_SERVICE = {"server": TEXT, "program": TEXT}
_SERVICE_RESOURCE = "supervisor:{server}/{program}"
_ENTITLEMENT = {"app": TEXT, "id": TEXT, "value": TEXT, "etag": TEXT}


def read(name: str, arguments: dict, result: dict) -> ToolContract:
    return ToolContract(name=name, effect=Effect.READ, arguments=arguments, result=result)


def sets_state(name: str) -> ToolContract:
    return ToolContract(
        name=name,
        effect=Effect.WRITE,
        arguments=_SERVICE,
        result={},
        resource=_SERVICE_RESOURCE,
        dedupe=Dedupe(kind=DedupeKind.READ_BACK),
        repeatable=True,
        longest_request_s=60.0,
    )


def conditional(name: str) -> ToolContract:
    return ToolContract(
        name=name,
        effect=Effect.WRITE,
        arguments=_ENTITLEMENT,
        result={"etag": "string"},
        resource="scim:{app}/{id}",
        dedupe=Dedupe(kind=DedupeKind.CONDITIONAL_WRITE, condition="etag"),
        longest_request_s=10.0,
        recorded=("etag",),
    )


def contracts() -> dict[str, ToolContract]:
    dependency = {"name": "string", "env": "string", "health_url": "string"}
    service = dict.fromkeys(("name", "env", "supervisor", "program", "health_url", "system_owner"), "string")
    process = {"state": "string", "pid": "integer", "start": "integer", "exitstatus": "integer"}
    every = [
        read("catalog.service", {"service": TEXT, "env": TEXT}, {**service, "dependencies": [dependency]}),
        read("supervisor.process", _SERVICE, process),
        read(
            "supervisor.log_tail",
            {**_SERVICE, "lines": IntegerSpec(type="integer", minimum=1, maximum=500)},
            {"text": "string"},
        ),
        read("http.get", {"url": TEXT}, {"answered": "boolean", "status": "integer", "json": "any"}),
        sets_state("supervisor.stop"),
        sets_state("supervisor.start"),
        read(
            "directory.person", {"uid": TEXT}, {"uid": "string", "user_name": "string", "active": "boolean"}
        ),
        read("directory.entitlements", {"uid": TEXT, "app": TEXT}, {"values": ["string"]}),
        read(
            "scim.user",
            {"app": TEXT, "user_name": TEXT},
            {"id": "string", "user_name": "string", "active": "boolean"},
        ),
        read("scim.entitlements", {"app": TEXT, "id": TEXT}, {"values": ["string"], "etag": "string"}),
        conditional("scim.add_entitlement"),
        conditional("scim.remove_entitlement"),
        ToolContract(
            name="ticket.comment",
            effect=Effect.NOTIFY,
            arguments={"ticket": TEXT, "text": TEXT},
            result={},
        ),
        ToolContract(
            name="seats.grant",
            effect=Effect.WRITE,
            arguments=_SERVICE,
            result={"grant": "string", "secret": "string"},
            resource=_SERVICE_RESOURCE,
            dedupe=Dedupe(kind=DedupeKind.NATIVE_KEY, header="Idempotency-Key", window_s=300.0),
            longest_request_s=10.0,
            recorded=("grant",),
        ),
        ToolContract(
            name="page.send",
            effect=Effect.WRITE,
            arguments=_SERVICE,
            result={},
            dedupe=Dedupe(kind=DedupeKind.NONE),
        ),
        ToolContract(
            name="page.turn",
            effect=Effect.WRITE,
            arguments=_SERVICE,
            result={},
            resource=_SERVICE_RESOURCE,
            dedupe=Dedupe(kind=DedupeKind.NONE),
            longest_request_s=10.0,
            model={"supervisor.process": {"state": "7"}},  # a flaw: the state is text
        ),
    ]
    return {contract.name: contract for contract in every}
