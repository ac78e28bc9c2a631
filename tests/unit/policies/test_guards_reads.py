"""What a read may not do, and that a withdrawn delegation does not blind the run."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from policies.call import Call
from policies.contract import StringSpec, ToolContract
from policies.guards import GUARDS, READ, Allowed, Denied, GuardContext, walk
from state.entry import Role
from tests import guard_kit as kit

Spoil = Callable[[Call, GuardContext], tuple[Call, GuardContext]]
ANYTHING = {"account": StringSpec(type="string")}


def under(contract: ToolContract, then: Spoil) -> Spoil:
    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        approved = kit.policy(contracts=(kit.GRANT, contract))
        context = replace(context, contract=contract, pinned=approved)
        return then(call, kit.with_task(context, pins=approved.pins))

    return spoil


def asks(account: object, **context: object) -> Spoil:
    return lambda c, x: (replace(c, arguments={"account": account}), replace(x, **context))


def names(resource: str) -> Spoil:
    return lambda c, x: (replace(c, resource=resource), x)


SCOPED = kit.GET.model_copy(update={"resource": "crm/{account}"})
LOOKS = kit.GET.model_copy(update={"arguments": ANYTHING, "hosts": ("health.example:80",)})
FREE = kit.GET.model_copy(update={"arguments": ANYTHING})

CASES: tuple[tuple[str, Spoil], ...] = (
    ("readable/call_malformed", lambda c, x: (replace(c, key="k" * 301), x)),
    ("contract/contract_changed", lambda c, x: (c, replace(x, contract=FREE))),
    ("schema/argument_pattern", asks("../acc-1")),
    ("text/text_not_canonical", under(FREE, asks("a\u200bb"))),
    ("pins/pins_differ", lambda c, x: (c, kit.with_task(x, version=2))),
    ("may_read/role_may_not", lambda c, x: (replace(c, role=Role.PACKAGER), x)),
    (
        "tool_granted/tool_not_in_authority",
        lambda c, x: (
            c,
            replace(x, pinned=kit.policy(book=kit.runbook(authority={"tools": ["seats.grant"]}))),
        ),
    ),
    ("read_resource/resource_not_delegated", under(SCOPED, names("crm/acc-1"))),
    ("read_resource/resource_differs", names("seats/acc-1")),
    ("address/address_not_listed", under(LOOKS, asks("http://169.254.169.254/latest"))),
    ("address/address_not_listed", under(LOOKS, asks("http://health.example:80@evil/"))),
    ("address/address_not_listed", under(LOOKS, asks("http://health.example.:80/"))),
    ("read_provenance/argument_differs", asks("acc-2", template={"account": "{inputs.account}"},
                                              values={"inputs": kit.INPUTS})),
    ("read_provenance/argument_untraceable", asks("acc-1", template={"account": "{svc.id}"})),
)  # fmt: skip


def test_the_read_that_the_cases_spoil_is_allowed() -> None:
    assert isinstance(GUARDS.check_read(kit.read_call(), kit.read_context()), Allowed)


@pytest.mark.parametrize(("by", "spoil"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_it_is_refused_by_that_guard_alone(by: str, spoil: Spoil) -> None:
    call, context = spoil(kit.read_call(), kit.read_context())
    verdict = GUARDS.check_read(call, context)
    assert isinstance(verdict, Denied)
    assert f"{verdict.guard}/{verdict.code}" == by, verdict.message
    assert isinstance(walk(tuple(g for g in READ if g.name != verdict.guard), call, context), Allowed)


def test_every_read_guard_has_a_case() -> None:
    assert {by.split("/")[0] for by, _ in CASES} == {g.name for g in READ}


def test_a_write_does_not_pass_the_door_for_reads() -> None:
    verdict = GUARDS.check_read(kit.call(), replace(kit.read_context(), contract=kit.GRANT))
    assert isinstance(verdict, Denied)
    assert verdict.code == "wrong_effect"


def test_the_executor_may_read() -> None:
    assert isinstance(GUARDS.check_read(kit.read_call(role=Role.EXECUTOR), kit.read_context()), Allowed)


def test_what_was_sent_can_be_settled_after_the_delegation_was_withdrawn() -> None:
    assert kit.read_context().present is None
    assert isinstance(GUARDS.check_read(kit.read_call(), kit.read_context()), Allowed)


def test_a_listed_address_is_allowed() -> None:
    call, context = under(LOOKS, asks("http://health.example/ready?x=1"))(kit.read_call(), kit.read_context())
    assert isinstance(GUARDS.check_read(call, context), Allowed)
