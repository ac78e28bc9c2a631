"""Writes that are not due, or not made of what the runbook says, generated: refused with the code."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests import guard_kit as kit
from tests.guard_cases import FRESH_READ
from tests.property.guard_strategies import (
    COUNTS,
    NOTES,
    Asked,
    argument,
    confirmed,
    of_context,
    of_task,
    reads,
    refused,
    writes,
)
from tests.property.guard_strategies import read_refused as of_read

REFERENCES = st.fixed_dictionaries(
    {},
    optional={
        "attempt": st.integers(-3, 9).filter(lambda n: n != 1),
        "ordinal": st.integers(2, 9),
        "item": st.integers(0, 9),
        "granted": st.just(True),
    },
).filter(bool)


@given(asked=writes(), changes=REFERENCES)
def test_another_operation_than_the_one_that_is_due(asked: Asked, changes: dict[str, Any]) -> None:
    refused(of_context(asked, op=kit.reference(**changes)), "order/not_due", alone=False)


@given(asked=writes(), key=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80))
def test_another_key(asked: Asked, key: str) -> None:
    call, context = asked
    assume(key != call.key)
    given_ = replace(call, key=key), context
    if context.task.confirmations:  # the key is part of what was confirmed
        given_ = confirmed(*given_, by=f"{context.task.terms['requester']}x")
    refused(given_, "order/key_differs")


TIMES = st.floats(5.001, 10**6) | st.floats(-(10**6), 0.0004)


@given(asked=writes(), timeout_s=TIMES)
def test_a_longer_wait_than_the_step_allows(asked: Asked, timeout_s: float) -> None:
    refused((replace(asked[0], timeout_s=timeout_s), asked[1]), "order/timeout_differs")


def told(asked: Asked) -> Asked:
    """Have said yes to exactly this, if a yes is asked for, so that only its provenance is wrong."""
    call, context = asked
    if not context.task.confirmations:
        return asked
    return confirmed(call, context, by=f"{context.task.terms['requester']}x")


@given(asked=writes(), count=COUNTS)
def test_another_number_than_was_asked_for(asked: Asked, count: int) -> None:
    assume(count != asked[0].arguments["count"])
    refused(told(argument(asked, "count", count)), "provenance/argument_differs")


@given(asked=writes(), note=NOTES)
def test_another_text_than_was_asked_for(asked: Asked, note: str) -> None:
    assume(note != asked[0].arguments["note"])
    refused(told(argument(asked, "note", note)), "provenance/argument_differs")


@given(asked=writes(), account=st.from_regex(r"acc-[0-9]{1,9}", fullmatch=True))
def test_a_write_that_is_made_of_what_a_target_says_now(asked: Asked, account: str) -> None:
    spoilt = of_context(asked, pinned=kit.policy(book=FRESH_READ), reads={"seats": {"account": account}})
    call, context = told(argument(spoilt, "note", account))
    refused((call, context), "provenance/argument_untraceable")


@given(asked=writes())
def test_a_derived_value_out_of_its_bound(asked: Asked) -> None:
    spoilt = of_task(argument(asked, "label", "c"), derived={"label": "c"})
    refused(told(spoilt), "bounded/out_of_bound")


ACCOUNT = st.from_regex(r"acc-[0-9]{1,9}", fullmatch=True)


@given(asked=reads(), account=ACCOUNT)
def test_a_read_of_something_else_than_the_runbook_says(asked: Asked, account: str) -> None:
    call, context = asked
    assume(account != call.arguments["account"])
    context = replace(
        context,
        template={"account": "{inputs.account}"},
        values={"inputs": {"account": account}},
    )
    of_read((call, context), "read_provenance/argument_differs")


@given(asked=reads(), name=st.sampled_from(["inputs.other", "svc.id", "attempt.x.y"]))
def test_a_read_of_what_nobody_knows(asked: Asked, name: str) -> None:
    call, context = asked
    spoilt = replace(context, template={"account": f"{{{name}}}"}, values={"inputs": kit.INPUTS})
    of_read((call, spoilt), "read_provenance/argument_untraceable")
