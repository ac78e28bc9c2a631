"""Whatever the guards are asked: what all let pass may be sent so and not otherwise, and nothing raises."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.call import Call
from policies.guards import GUARDS, READ, WRITE, Allowed, Denied, Guard, GuardContext, Refusal
from policies.guards.table import walk
from state.entry import Role
from tests import guard_kit as kit
from tests.property.guard_strategies import ANYTHING, Asked, reads, writes


@given(asked=writes())
def test_a_write_that_every_guard_lets_pass_may_be_sent_exactly_so(asked: Asked) -> None:
    assert GUARDS.check_write(*asked) == Allowed(digest=asked[0].digest)


@given(asked=reads())
def test_a_read_that_every_guard_lets_pass_may_be_made_exactly_so(asked: Asked) -> None:
    assert GUARDS.check_read(*asked) == Allowed(digest=asked[0].digest)


CALLS = st.fixed_dictionaries(
    {},
    optional={
        "tool": ANYTHING,
        "arguments": ANYTHING | st.dictionaries(st.sampled_from(sorted(kit.ARGUMENTS)), ANYTHING),
        "role": ANYTHING | st.sampled_from(list(Role)),
        "resource": ANYTHING,
        "key": ANYTHING,
        "timeout_s": ANYTHING,
    },
)
TASKS = st.sampled_from(
    [
        "inputs", "target", "pins", "terms", "deadline_ms", "epoch", "derived", "resources", "holds",
        "closed", "operations", "escalations", "confirmations", "claims", "mode", "paused", "cancel",
        "spent_ms", "waiting", "connector_paused_until", "direction", "version", "unsound", "granted",
    ]
)  # fmt: skip
LAST = Guard(name="last", check=lambda call, context: Refusal(code="end", message=""), codes=("end",))
TOLD = st.sampled_from(["epoch", "moment", "contract", "pinned", "present", "people", "plan", "op", "reads",
                        "template", "values", "task"])  # fmt: skip


@settings(max_examples=50)
@pytest.mark.parametrize("guard", {g.name: g for g in (*WRITE, *READ)}.values(), ids=lambda g: g.name)
@given(
    calls=CALLS,
    task=st.dictionaries(TASKS, ANYTHING, max_size=3),
    context=st.dictionaries(TOLD, ANYTHING, max_size=2),
)
def test_whatever_a_guard_is_asked_it_says_yes_or_no(
    guard: Guard, calls: dict[str, Any], task: dict[str, Any], context: dict[str, Any]
) -> None:
    """Asked first, so that no guard shields it; a denial has a code of the table, or guard_error."""
    call, around = replace(kit.call(), **calls), spoilt(task, context)
    verdict = walk((guard, LAST), call, around)
    assert isinstance(verdict, Denied)
    if verdict.guard == guard.name:
        assert verdict.code in (*guard.codes, "guard_error")
        assert len(verdict.message) <= 500
        assert verdict.passes is (verdict.code in guard.passing)


_TASK = kit.task()
_CONTEXT = kit.context()


def spoilt(task: dict[str, Any], context: dict[str, Any]) -> GuardContext:
    return replace(_CONTEXT, **{"task": replace(_TASK, **task), **context})


@given(calls=CALLS.filter(bool))
def test_whatever_else_is_asked_is_not_sent(calls: dict[str, Any]) -> None:
    call: Call = replace(kit.call(), **calls)
    assume(any(getattr(call, name) != getattr(kit.call(), name) for name in calls))
    verdict = GUARDS.check_write(call, _CONTEXT)
    if isinstance(verdict, Allowed):  # a shorter wait is the one thing that may be other than is due
        assert replace(call, timeout_s=5.0) == kit.call()
        assert 0 < round(call.timeout_s * 1000) <= 5_000


def test_every_code_of_every_guard_is_reached_by_a_property() -> None:
    said = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_guard_*.py"))
    wanted = {f"{guard.name}/{code}" for guard in WRITE for code in guard.codes}
    wanted |= {f"{guard.name}/{code}" for guard in READ[-3:] for code in guard.codes}
    reached = {found for found in wanted if f'"{found}"' in said} | BY_HAND
    assert wanted - reached == set()


# reached in words of their own, without the guard of texts, which would say it first
BY_HAND = {"resource/resource_differs", "address/address_not_listed"}
