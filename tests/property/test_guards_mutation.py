"""No change of an allowed call is allowed: another tool, argument, resource, key, role, target, operation."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.guards import GUARDS, Allowed, Denied
from state.entry import Role
from tests import guard_kit as kit

TEXT = st.text(max_size=40) | st.sampled_from(
    ["acc-2", "acc-1 ", "ACC-1", "acc-1\n", "acc-01", "аcc-1", "seats/acc-1/../acc-2", "seats/*", "", "../x"]  # noqa: RUF001
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ANYTHING = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def refused(**changes: Any) -> bool:
    return isinstance(GUARDS.check_write(kit.call(**changes), kit.context()), Denied)


@given(name=st.sampled_from(sorted(kit.ARGUMENTS)), value=ANYTHING)
def test_another_value_for_an_argument(name: str, value: Any) -> None:
    before = kit.ARGUMENTS[name]
    assume(type(value) is not type(before) or value != before)
    assert refused(arguments={**kit.ARGUMENTS, name: value})


@given(extra=st.dictionaries(TEXT.filter(lambda n: n not in kit.ARGUMENTS), ANYTHING, min_size=1, max_size=3))
def test_further_arguments(extra: dict[str, Any]) -> None:
    assert refused(arguments={**kit.ARGUMENTS, **extra})


@given(kept=st.sets(st.sampled_from(sorted(kit.ARGUMENTS)), max_size=len(kit.ARGUMENTS) - 1))
def test_fewer_arguments(kept: set[str]) -> None:
    assert refused(arguments={name: kit.ARGUMENTS[name] for name in kept})


@given(arguments=ANYTHING.filter(lambda value: value != kit.ARGUMENTS))
def test_something_else_for_the_arguments(arguments: Any) -> None:
    assert refused(arguments=arguments)


@given(tool=TEXT | st.sampled_from(["seats.get", "Seats.grant", "seats.grant ", "seats_grant"]))
def test_another_tool(tool: str) -> None:
    assert refused(tool=tool)


@given(resource=TEXT, held=st.booleans())
def test_another_resource_held_or_not(resource: str, held: bool) -> None:
    assume(resource != kit.RESOURCE)
    context = kit.with_task(kit.context(), holds=(resource,) if held else (kit.RESOURCE,))
    assert isinstance(GUARDS.check_write(kit.call(resource=resource), context), Denied)


@given(key=TEXT | st.sampled_from([f"{kit.RUN}/grant/2", "other/grant/1", f"{kit.RUN}/grant/1 "]))
def test_another_key(key: str) -> None:
    assert refused(key=key)


@given(role=st.sampled_from([r for r in Role if r is not Role.EXECUTOR]))
def test_another_role(role: Role) -> None:
    assert refused(role=role)


@given(target=TEXT | st.sampled_from(["prod/acc-2", "staging/acc-1", "prod/acc-1/x"]))
def test_another_target(target: str) -> None:
    assert isinstance(GUARDS.check_write(kit.call(), kit.with_task(kit.context(), target=target)), Denied)


@given(
    name=st.sampled_from(["env", "account", "count", "note"]),
    value=st.integers(min_value=-5, max_value=30) | TEXT,
)
def test_the_same_call_for_other_inputs(name: str, value: Any) -> None:
    before = kit.INPUTS[name]
    assume(type(value) is not type(before) or value != before)
    context = kit.with_task(kit.context(), inputs={**kit.INPUTS, name: value})
    assert isinstance(GUARDS.check_write(kit.call(), context), Denied)


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["grant/2", "undo:grant/1/1", "grant[0]/1"]),
            "step": st.sampled_from(["revoke", ""]),
            "item": st.integers(min_value=0, max_value=3),
            "ordinal": st.integers(min_value=2, max_value=9),
            "undoes": st.sampled_from(["grant/1", ""]),
            "attempt": st.integers(min_value=-1, max_value=9).filter(lambda n: n != 1),
            "granted": st.just(True),
        },
    ).filter(bool)
)
def test_another_operation(changes: dict[str, Any]) -> None:
    context = replace(kit.context(), op=kit.reference(**changes))
    assert isinstance(GUARDS.check_write(kit.call(), context), Denied)


@given(mutated=ANYTHING)
def test_nothing_that_is_asked_raises(mutated: Any) -> None:
    call = kit.call(arguments={"account": mutated, "count": mutated, "note": mutated, "label": mutated})
    assert isinstance(GUARDS.check_write(call, kit.context()), Allowed | Denied)
