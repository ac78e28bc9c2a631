"""Calls that nobody handed over, generated: each is refused by the guard that it oversteps, with its code."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.contract import Effect
from policies.delegation import matches
from policies.guards import Allowed, GuardContext
from policies.guards.table import WRITE, walk
from state.entry import Role
from tests import guard_kit as kit
from tests.property.guard_strategies import (
    ACCOUNTS,
    NAMES,
    Asked,
    of_context,
    of_inputs,
    of_task,
    reads,
    refused,
    under,
    writes,
)
from tests.property.guard_strategies import read_refused as of_read

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
SEGMENT = st.text(st.sampled_from("abc-*"), min_size=1, max_size=5)
PATTERN = st.lists(SEGMENT, min_size=1, max_size=3).map("/".join)
HOSTS = ("hooks.example:443", "127.0.0.1:80")


@given(asked=writes(), role=st.sampled_from([role for role in Role if role is not Role.EXECUTOR]))
def test_another_role_writes(asked: Asked, role: Role) -> None:
    call, context = asked
    changed = kit.call(role=role, arguments=call.arguments, resource=call.resource, timeout_s=call.timeout_s)
    refused((changed, context), "may_write/role_may_not")


@given(asked=writes(), effect=st.sampled_from([Effect.READ, Effect.NOTIFY]))
def test_what_is_no_write_at_the_door_for_writes(asked: Asked, effect: Effect) -> None:
    refused(under(asked, effect=effect), "may_write/wrong_effect", alone=False)


@given(asked=reads(), role=st.sampled_from([r for r in Role if r not in (Role.EXECUTOR, Role.VERIFIER)]))
def test_another_role_reads(asked: Asked, role: Role) -> None:
    call, context = asked
    changed = kit.read_call(role=role, arguments=call.arguments, timeout_s=call.timeout_s)
    of_read((changed, context), "may_read/role_may_not")


@given(asked=writes())
def test_a_write_at_the_door_for_reads(asked: Asked) -> None:
    of_read(asked, "may_read/wrong_effect", alone=False)


@given(asked=writes(), tools=st.lists(NAMES.map(lambda n: f"{n}.{n}"), max_size=3))
def test_a_tool_that_the_runbook_does_not_name(asked: Asked, tools: list[str]) -> None:
    book = kit.runbook(authority={"tools": ["seats.get", *tools]})
    refused(of_context(asked, pinned=kit.policy(book=book)), "tool_granted/tool_not_in_authority")


@given(asked=writes(), digit=st.none() | st.integers(0, 2**64))
def test_a_runbook_that_is_not_in_force_any_more(asked: Asked, digit: int | None) -> None:
    present = asked[1].present
    assert present is not None
    parts = {**present.bundle.parts, "runbook": f"sha256:{digit or 0:064x}"}
    other = None if digit is None else replace(present, bundle=replace(present.bundle, parts=parts))
    refused(of_context(asked, present=other), "in_force/delegation_withdrawn")


def others(context: GuardContext, *, without: str, **more: tuple[str, ...]) -> Any:
    """The principals of the context, but one, and more."""
    assert context.people is not None
    kept = {n: p.roles for n, p in context.people.principals.items() if n != without}
    return kit.people(**{**kept, **more})


@given(asked=writes(), name=NAMES)
def test_nobody_that_is_known_asks(asked: Asked, name: str) -> None:
    asker = asked[1].task.terms["requester"]
    assume(name != asker)
    people = others(asked[1], without=asker, **{f"{name}y": ("operator",)})
    refused(of_context(asked, people=people), "requester/requester_unknown")


@given(asked=writes(), roles=st.sets(st.sampled_from(["oncall", "owner", "operators"]), min_size=1))
def test_somebody_without_the_role_asks(asked: Asked, roles: set[str]) -> None:
    asker = asked[1].task.terms["requester"]
    people = others(asked[1], without=asker, **{asker: tuple(sorted(roles))})
    refused(of_context(asked, people=people), "requester/requester_not_allowed")


@given(asked=writes(), target=ANY_TEXT)
def test_another_target_than_the_inputs_give(asked: Asked, target: str) -> None:
    assume(target != asked[1].task.target)
    refused(of_task(asked, target=target), "target/target_differs", alone=False)


@given(asked=writes(), account=ACCOUNTS)
def test_another_target_that_was_handed_over_too(asked: Asked, account: str) -> None:
    assume(f"prod/{account}" != asked[1].task.target)
    refused(of_task(asked, target=f"prod/{account}"), "target/target_differs")


def handed(**changes: Any) -> Any:
    """A policy whose delegation is another."""
    return kit.policy(handed=kit.entry(**changes))


WHERE = st.sampled_from(["pinned", "present"])


def narrowed(asked: Asked, where: str, **changes: Any) -> Asked:
    """Narrow the pinned policy, or the one in force."""
    return of_context(asked, **{where: handed(**changes)})


@given(asked=writes(), where=WHERE, pattern=PATTERN)
def test_a_target_that_was_not_handed_over(asked: Asked, where: str, pattern: str) -> None:
    assume(not matches(pattern, asked[1].task.target))
    spoilt = narrowed(asked, where, targets=[pattern], resources={pattern: ["seats/*"]})
    refused(spoilt, "target/target_not_delegated", alone=False)


@given(asked=writes(), resource=ANY_TEXT)
def test_another_resource_than_the_arguments_name(asked: Asked, resource: str) -> None:
    call, context = asked
    assume(resource != call.resource)
    changed = kit.call(arguments=call.arguments, resource=resource, timeout_s=call.timeout_s)
    held = of_task((changed, context), holds=(resource,))
    table = tuple(g for g in WRITE if g.name != "text")
    verdict = walk(table, *held)
    assert not isinstance(verdict, Allowed)
    assert (verdict.guard, verdict.code) == ("resource", "resource_differs")


@given(asked=writes(), where=WHERE, patterns=st.lists(PATTERN, min_size=1, max_size=3))
def test_a_resource_that_was_not_handed_over(asked: Asked, where: str, patterns: list[str]) -> None:
    assume(not any(matches(pattern, asked[0].resource) for pattern in patterns))
    spoilt = narrowed(asked, where, resources={"prod/*": patterns})
    refused(spoilt, "resource/resource_not_delegated")


@given(asked=writes(), pattern=PATTERN | st.just("seats/*"))
def test_a_resource_that_a_pattern_covers_is_handed_over(asked: Asked, pattern: str) -> None:
    covered = handed(resources={"prod/*": [pattern]})
    allowed = isinstance(walk(WRITE, *of_context(asked, present=covered)), Allowed)
    assert allowed is matches(pattern, asked[0].resource)


SCHEMES = st.sampled_from(["https://", "http://", "ftp://", "HTTPS://", "file:///", "https:///"])
HOST = st.sampled_from(
    [
        "hooks.example.", "hooks.example@evil.example", "evil.example", "HOOKS.example", "127.1",
        "0x7f000001",
        "hooks.example:444", "hooks.example:0443", "[::ffff:127.0.0.1]", "hooks.example\\@evil", "127.0.0.1.",
        "hooks.example:443:80", "hooks.example#", "h\u043e\u043eks.example", "169.254.169.254", "",
    ]
)  # fmt: skip


@given(asked=writes(), scheme=SCHEMES, host=HOST, path=st.sampled_from(["", "/", "/x?y=1", "//z", "/a/../b"]))
def test_an_address_that_is_not_listed(asked: Asked, scheme: str, host: str, path: str) -> None:
    spoilt = of_inputs(under(asked, hosts=HOSTS), note=f"{scheme}{host}{path}")
    table = tuple(g for g in WRITE if g.name != "text")
    verdict = walk(table, *spoilt)
    assert not isinstance(verdict, Allowed)
    assert (verdict.guard, verdict.code) == ("address", "address_not_listed")


@given(asked=writes(), host=st.sampled_from(["https://hooks.example", "https://hooks.example:443", "http://127.0.0.1:80"]),
       path=st.sampled_from(["", "/", "/x?y=1"]))  # fmt: skip
def test_an_address_that_is_listed(asked: Asked, host: str, path: str) -> None:
    assert isinstance(walk(WRITE, *of_inputs(under(asked, hosts=HOSTS), note=host + path)), Allowed)


@given(asked=reads(), resource=PLAIN.filter(bool))
def test_a_read_that_says_it_touches_what_its_contract_does_not_name(asked: Asked, resource: str) -> None:
    call, context = asked
    changed = kit.read_call(arguments=call.arguments, resource=resource, timeout_s=call.timeout_s)
    of_read((changed, context), "read_resource/resource_differs")


SCOPED = kit.GET.model_copy(update={"resource": "crm/{account}"})
SCOPED_POLICY = kit.policy(contracts=(kit.GRANT, SCOPED))


@given(asked=reads())
def test_a_read_of_a_resource_that_was_not_handed_over(asked: Asked) -> None:
    call, context = asked
    named = f"crm/{call.arguments['account']}"
    changed = kit.read_call(arguments=call.arguments, resource=named, timeout_s=call.timeout_s)
    around = of_task(
        (changed, replace(context, contract=SCOPED, pinned=SCOPED_POLICY)), pins=SCOPED_POLICY.pins
    )
    of_read(around, "read_resource/resource_not_delegated")
