"""One write that every guard lets pass, and the pieces to spoil it with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from policies.approval import Bundle, Principals, document
from policies.call import Call
from policies.contract import Answers, Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract
from policies.delegation import Approval, Entry, Principal
from policies.guards import GuardContext, OperationRef
from policies.in_force import Policy
from policies.moment import Moment
from policies.plan import compile_plan
from policies.runbook import Runbook
from state import canonical
from state.entry import Role
from state.outcome import Known, Outcome
from state.task import Attempt, Clock, Operation, Task

RUN = "01J9Z6K3QW8R5T2M7N4P6X0YBC"
AT = "2026-11-23T21:08:40.000000Z"
RESOURCE = "seats/acc-1"
INPUTS = MappingProxyType({"env": "prod", "account": "acc-1", "count": 2, "note": "for the new team"})
ARGUMENTS = MappingProxyType({"account": "acc-1", "count": 2, "note": "for the new team", "label": "a"})
CLOCK = Clock(boot_id="boot-1", ms=1_000_000)

GRANT = ToolContract(
    name="seats.grant",
    effect=Effect.WRITE,
    arguments={
        "account": StringSpec(type="string", pattern="acc-[0-9]{1,9}"),
        "count": IntegerSpec(type="integer", minimum=1, maximum=20),
        "note": StringSpec(type="string", max_length=65536),
        "label": StringSpec(type="string", enum=("a", "b", "c")),
    },
    result={"grant_id": "string", "seats": "integer"},
    resource="seats/{account}",
    dedupe=Dedupe(
        kind=DedupeKind.NATIVE_KEY, header="Idempotency-Key", window_s=86400.0, on_mismatch="error"
    ),
    timeout_s=5.0,
    longest_request_s=10.0,
    read_lag_s=1.0,
    answers=Answers(succeeded=(200,), refused=(409,), not_applied=(429,)),
    recorded=("grant_id",),
    credentials={"executor": "seats_write", "verifier": "seats_read"},
)
GET = ToolContract(
    name="seats.get",
    effect=Effect.READ,
    arguments={"account": StringSpec(type="string", pattern="acc-[0-9]{1,9}")},
    result={"account": "string", "seats": "integer"},
    timeout_s=3.0,
    credentials={"executor": "seats_write", "verifier": "seats_read"},
)
RUNBOOK = MappingProxyType(
    {
        "schema": "remit/runbook/v1",
        "id": "seat-grant",
        "version": 1,
        "title": "Grant seats",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {
            "env": {"type": "string"},
            "account": {"type": "string"},
            "count": {"type": "integer"},
            "note": {"type": "string"},
        },
        "observe": {"seats": {"tool": "seats.get", "with": {"account": "{inputs.account}"}}},
        "derive": {"label": {"expr": '"a"', "bound": {"enum": ["a", "b"]}}},
        "authority": {"tools": ["seats.get", "seats.grant"]},
        "limits": {"deadline": "15m", "writes": 3, "attempts_on_resource": {"max": 10, "per": "1h"}},
        "steps": [
            {
                "id": "grant",
                "tool": "seats.grant",
                "with": {
                    "account": "{inputs.account}",
                    "count": "{inputs.count}",
                    "note": "{inputs.note}",
                    "label": "{derive.label}",
                },
                "timeout": "5s",
                "retry": {"budget": 1},
                "verify": [{"id": "granted", "expect": "seats.seats > 0"}],
                "rollback": {"possible": False, "why": "Seats are taken back by the account team."},
            }
        ],
        "completion": [{"id": "has-seats", "expect": "seats.seats > 0"}],
        "on_exhausted": "escalate",
        "escalation": {"levels": [{"to": "role:oncall", "within": "10m"}]},
    }
)
DELEGATED = MappingProxyType(
    {
        "runbook": "seat-grant@1",
        "mode": "delegated",
        "request": ["operator"],
        "decide": ["oncall"],
        "target": "{inputs.env}/{inputs.account}",
        "targets": ["prod/*"],
        "resources": {"prod/*": ["seats/*"]},
    }
)


def runbook(**changes: Any) -> Runbook:
    """The runbook with top-level parts replaced."""
    return Runbook.model_validate_json(json.dumps({**RUNBOOK, **changes}))


def entry(**changes: Any) -> Entry:
    """The delegation with parts replaced."""
    return Entry.model_validate_json(json.dumps({**DELEGATED, **changes}))


def policy(
    *,
    contracts: tuple[ToolContract, ...] = (GRANT, GET),
    book: Runbook | None = None,
    handed: Entry | None = None,
) -> Policy:
    """An approved policy; its parts are digested as ``policies.approval`` says."""
    book, handed = book or runbook(), handed or entry()
    digests = {c.name: c.digest for c in contracts}
    parts = {
        "runbook": canonical.digest_text("the runbook's text"),
        "contracts": canonical.digest_text(document(digests)),
        **{
            part: canonical.digest_text(part) for part in ("connectors", "catalog", "addresses", "delegation")
        },
    }
    return Policy(
        bundle=Bundle(scope="seat-grant@1", parts=parts),
        runbook=book,
        delegation=handed,
        contracts=digests,
        connectors={},
        catalog=None,
        addresses={},
    )


def people(**roles: tuple[str, ...]) -> Principals:
    """Dana asks, Omar decides, unless said otherwise."""
    named = roles or {"dana": ("operator",), "omar": ("oncall",)}
    return Principals(
        principals={name: Principal(roles=held) for name, held in named.items()}, approval=Approval()
    )


def task(**changes: Any) -> Task:
    """A run that is bound, holds its resource and has sent nothing."""
    fields: dict[str, Any] = {
        "run": RUN,
        "runbook": "seat-grant",
        "version": 1,
        "inputs": INPUTS,
        "target": "prod/acc-1",
        "pins": policy().pins,
        "terms": {"requester": "dana"},
        "deadline_ms": 900_000,
        "epoch": 1,
        "bound": True,
        "surveyed": True,
        "derived": {"label": "a"},
        "resources": (RESOURCE,),
        "holds": (RESOURCE,),
        "last_at": AT,
    }
    return Task(**{**fields, **changes})


def call(**changes: Any) -> Call:
    """The write that is due."""
    fields: dict[str, Any] = {
        "tool": "seats.grant",
        "arguments": dict(ARGUMENTS),
        "role": Role.EXECUTOR,
        "resource": RESOURCE,
        "key": f"{RUN}/grant/1",
        "timeout_s": 5.0,
    }
    return Call(**{**fields, **changes})


def read_call(**changes: Any) -> Call:
    """A read that is allowed."""
    fields: dict[str, Any] = {
        "tool": "seats.get", "arguments": {"account": "acc-1"}, "role": Role.VERIFIER, "timeout_s": 3.0
    }  # fmt: skip
    return Call(**{**fields, **changes})


def context(**changes: Any) -> GuardContext:
    """All that the guards are told of the write that is due."""
    contracts = {GRANT.name: GRANT, GET.name: GET}
    fields: dict[str, Any] = {
        "task": task(),
        "epoch": 1,
        "moment": Moment(at=AT, clock=CLOCK),
        "contract": GRANT,
        "pinned": policy(),
        "present": policy(),
        "people": people(),
        "plan": compile_plan(runbook(), contracts),
        "op": reference(),
    }
    return GuardContext(**{**fields, **changes})


def read_context(**changes: Any) -> GuardContext:
    """All that the guards are told of a read."""
    return replace(context(), op=None, plan=None, people=None, present=None, contract=GET, **changes)


def reference(**changes: Any) -> OperationRef:
    """The first attempt of the only step."""
    fields: dict[str, Any] = {
        "op": "grant/1", "step": "grant", "item": None, "ordinal": 1, "undoes": None, "attempt": 1
    }  # fmt: skip
    return OperationRef(**{**fields, **changes})


def with_task(given: GuardContext, **changes: Any) -> GuardContext:
    """The context with fields of its task replaced."""
    return replace(given, task=replace(given.task, **changes))


def with_moment(given: GuardContext, **changes: Any) -> GuardContext:
    """The context with fields of its moment replaced."""
    return replace(given, moment=replace(given.moment, **changes))


def sent(
    outcome: Outcome | None,
    *,
    at: str = AT,
    settled: Outcome | None = None,
    arguments: Mapping[str, Any] = ARGUMENTS,
) -> Operation:
    """The operation of the only step after one attempt."""
    attempt = Attempt(
        number=1, seq=5, at=at, epoch=1, send_by=at, span_ms=13_000, tool="seats.grant", resource=RESOURCE,
        arguments=arguments, key=f"{RUN}/grant/1", digest="sha256:" + "0" * 64, outcome=outcome,
    )  # fmt: skip
    return Operation(
        id="grant/1", step="grant", item=None, ordinal=1, attempts=(attempt,), settled=settled,
        known=Known.REFUTED if settled else Known.UNKNOWN,
    )  # fmt: skip


def sent_twice_in_vain() -> Operation:
    """The operation of the only step after as many attempts as its budget has."""
    once = sent(Outcome.NOT_APPLIED, settled=Outcome.NOT_APPLIED)
    return replace(once, attempts=(*once.attempts, replace(once.attempts[0], number=2)))
