"""Calls that are not well formed, generated: each is refused by the guard of its flaw, with its code."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.call import Call
from policies.contract import StringSpec
from policies.value_spec import full_match
from state import canonical
from state.errors import CanonicalError
from tests import guard_kit as kit
from tests.property.guard_strategies import (
    ANYTHING,
    Asked,
    argument,
    of_context,
    of_inputs,
    reads,
    refused,
    unlike,
    untaken_texts,
    writes,
)
from tests.property.guard_strategies import read_refused as of_read

NAME = st.sampled_from(sorted(kit.ARGUMENTS))
BIG = st.integers(min_value=canonical.MAX_INTEGER + 1) | st.integers(max_value=-canonical.MAX_INTEGER - 1)
NO_BODY = st.floats() | BIG | st.binary(max_size=3) | st.text(st.characters(categories=["Cs"]), min_size=1)


def unfrozen(value: Any) -> bool:
    try:
        canonical.dumps(value)
    except CanonicalError:
        return True
    return False


@given(asked=writes(), name=NAME, value=NO_BODY | ANYTHING.filter(unfrozen))
def test_what_no_entry_can_hold(asked: Asked, name: str, value: Any) -> None:
    refused(argument(asked, name, value), "readable/call_malformed", alone=False)


@given(asked=writes(), length=st.integers(32 * 1024, 60_000))
def test_more_than_a_call_may_be(asked: Asked, length: int) -> None:
    refused(of_inputs(asked, note="x" * length), "readable/call_too_large")


@given(asked=writes(), more=st.integers(37, 200))
def test_more_arguments_than_a_call_may_have(asked: Asked, more: int) -> None:
    call, context = asked
    extra = {f"x{n}": n for n in range(more)}
    refused(
        (with_arguments(call, {**call.arguments, **extra}), context), "readable/call_too_large", alone=False
    )


def with_arguments(call: Call, arguments: dict[str, Any]) -> Call:
    return kit.call(arguments=arguments, resource=call.resource, timeout_s=call.timeout_s)


@given(asked=writes(), tool=unlike(st.text(max_size=30), kit.GRANT.name).filter(lambda t: not unfrozen(t)))
def test_another_name_of_a_tool(asked: Asked, tool: str) -> None:
    call, context = asked
    changed = kit.call(tool=tool, arguments=call.arguments, resource=call.resource)
    refused((changed, context), "contract/tool_unknown", alone=False)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "read_lag_s": st.integers(2, 1000).map(float),
        "longest_request_s": st.integers(11, 1000).map(float),
        "repeatable": st.just(True),
        "source": st.text(min_size=1, max_size=9),
        "credentials": st.just({"executor": "seats_read", "verifier": "seats_read"}),
        "recorded": st.just(()),
    },
).filter(bool)


@given(asked=writes(), changes=CHANGES)
def test_another_contract_than_the_one_that_was_pinned(asked: Asked, changes: dict[str, Any]) -> None:
    assume(not unfrozen(list(map(str, changes.values()))))
    contract = kit.GRANT.model_copy(update=changes)
    refused(of_context(asked, contract=contract), "contract/contract_changed", alone=False)


@given(asked=writes(), extra=st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.integers(0, 9),
                                             min_size=1, max_size=9))  # fmt: skip
def test_an_argument_that_nobody_declared(asked: Asked, extra: dict[str, Any]) -> None:
    call, context = asked
    assume(not extra.keys() & kit.ARGUMENTS.keys())
    refused(
        (with_arguments(call, {**extra, **call.arguments}), context), "schema/argument_unknown", alone=False
    )


@given(asked=writes(), kept=st.sets(NAME, max_size=len(kit.ARGUMENTS) - 1))
def test_an_argument_that_is_missing(asked: Asked, kept: set[str]) -> None:
    call, context = asked
    left = {name: value for name, value in call.arguments.items() if name in kept}
    refused((with_arguments(call, left), context), "schema/argument_missing", alone=False)


OF_NO_TEXT = st.none() | st.booleans() | st.integers(-99, 99) | st.lists(st.text("a"), max_size=2)
OF_NO_NUMBER = st.none() | st.booleans() | st.from_regex(r"[0-9]{1,3}", fullmatch=True) | st.just([1])


@given(asked=writes(), name=NAME.filter(lambda n: n != "count"), value=OF_NO_TEXT)
def test_something_else_for_a_text(asked: Asked, name: str, value: Any) -> None:
    refused(argument(asked, name, value), "schema/argument_type", alone=False)


@given(asked=writes(), value=OF_NO_NUMBER)
def test_something_else_for_a_number(asked: Asked, value: Any) -> None:
    refused(argument(asked, "count", value), "schema/argument_type", alone=False)


@given(asked=writes(), value=st.integers(21, canonical.MAX_INTEGER) | st.integers(-canonical.MAX_INTEGER, 0))
def test_a_number_out_of_range(asked: Asked, value: int) -> None:
    refused(of_inputs(asked, count=value), "schema/argument_range")


@given(asked=writes(), value=st.text(max_size=20).filter(lambda t: not unfrozen(t)))
def test_a_text_outside_its_pattern(asked: Asked, value: str) -> None:
    assume(not full_match("acc-[0-9]{1,9}", value))
    refused(argument(asked, "account", value), "schema/argument_pattern", alone=False)


@given(
    asked=writes(), value=st.text(max_size=5).filter(lambda t: t not in ("a", "b", "c") and not unfrozen(t))
)
def test_a_text_that_is_not_listed(asked: Asked, value: str) -> None:
    refused(argument(asked, "label", value), "schema/argument_enum", alone=False)


SHORT = {**kit.GRANT.arguments, "note": StringSpec(type="string", max_length=3)}


@given(asked=writes(), length=st.integers(4, 100))
def test_a_text_longer_than_declared(asked: Asked, length: int) -> None:
    call, context = of_inputs(asked, note="x" * length)
    short = kit.GRANT.model_copy(update={"arguments": SHORT})
    approved = kit.policy(contracts=(short, kit.GET))
    context = kit.with_task(context, pins=approved.pins)
    told = of_context((call, context), contract=short, pinned=approved, present=approved)
    refused(told, "schema/argument_length")


@given(asked=writes(), text=untaken_texts())
def test_a_text_that_shows_as_another(asked: Asked, text: str) -> None:
    refused(of_inputs(asked, note=text), "text/text_not_canonical")


@given(asked=reads(), value=NO_BODY)
def test_a_read_that_no_entry_can_hold(asked: Asked, value: Any) -> None:
    of_read(argument(asked, "account", value), "readable/call_malformed", alone=False)


@given(asked=reads(), value=st.text(max_size=20).filter(lambda t: not unfrozen(t)))
def test_a_read_of_what_its_contract_does_not_name(asked: Asked, value: str) -> None:
    assume(not full_match("acc-[0-9]{1,9}", value))
    of_read(argument(asked, "account", value), "schema/argument_pattern", alone=False)
