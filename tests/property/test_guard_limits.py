"""Writes beyond what was granted, generated: each is refused by the guard of the limit, with its code."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.delegation import DAYS, Principal
from policies.guards import Allowed
from policies.guards.table import WRITE, walk
from state import instants
from state.outcome import Outcome
from tests import guard_kit as kit
from tests.property.guard_strategies import (
    NAMES,
    Asked,
    confirmed,
    of_context,
    of_moment,
    of_task,
    refused,
    writes,
)

HOURS = st.integers(1, 72)
IN_TIME = st.sampled_from([None, Outcome.NOT_APPLIED, Outcome.NOT_SENT])


@given(asked=writes(), hours=HOURS)
def test_a_window_that_is_closed(asked: Asked, hours: int) -> None:
    opens = instants.after(kit.AT, 3600.0 * hours)
    refused(of_moment(asked, window_opens=opens), "window/window_closed")


def closed(before: int, behind: int) -> dict[str, Any]:
    """A window that is closed from so many minutes before now until so many minutes after it."""
    now = instants.parse(kit.AT)
    ends = [now - timedelta(minutes=before), now + timedelta(minutes=behind)]
    written = [f"{DAYS[end.weekday()]} {end:%H:%M}" for end in ends]
    return {"closed": {"from": written[0], "until": written[1]}, "zone": "UTC"}


@given(asked=writes(), before=st.integers(1, 2000), behind=st.integers(2, 2000))
def test_a_window_that_was_closed_since(asked: Asked, before: int, behind: int) -> None:
    present = kit.policy(handed=kit.entry(windows=[closed(before, behind)]))
    refused(of_context(asked, present=present), "window/window_narrowed")


@given(asked=writes(), when=st.sampled_from(["inputs.nothing", "inputs.count / 0 == 1", "inputs.note"]))
def test_a_window_of_which_nobody_can_say_for_whom_it_is(asked: Asked, when: str) -> None:
    present = kit.policy(handed=kit.entry(windows=[{**closed(5, 5), "when": when}]))
    refused(of_context(asked, present=present), "window/window_narrowed")


@given(asked=writes(), when=st.sampled_from(["inputs.env == 'test'", "inputs.count > 20"]))
def test_a_window_of_others_is_none(asked: Asked, when: str) -> None:
    present = kit.policy(handed=kit.entry(windows=[{**closed(5, 5), "when": when}]))
    assert isinstance(walk(WRITE, *of_context(asked, present=present)), Allowed)


@given(asked=writes(), more=st.integers(1, 10**9))
def test_a_deadline_that_is_over(asked: Asked, more: int) -> None:
    refused(of_task(asked, spent_ms=900_000 + more), "budgets/deadline_over")


@given(asked=writes(), writes_=st.integers(-5, 0))
def test_no_write_that_is_left(asked: Asked, writes_: int) -> None:
    plan = asked[1].plan
    assert plan is not None
    refused(of_context(asked, plan=replace(plan, writes=writes_)), "budgets/writes_spent")


@given(asked=writes(), sends=st.integers(2, 9))
def test_no_send_of_the_step_that_is_left(asked: Asked, sends: int) -> None:
    call, context = asked
    once = kit.sent(Outcome.NOT_APPLIED, settled=Outcome.NOT_APPLIED, arguments=call.arguments)
    attempts = tuple(replace(once.attempts[0], number=n + 1, seq=n + 5) for n in range(sends))
    task = replace(context.task, operations=(replace(once, attempts=attempts),), waiting=None)
    plan = context.plan
    assert plan is not None
    spoilt = replace(context, task=task, op=kit.reference(attempt=sends + 1), plan=replace(plan, writes=100))
    refused((call, spoilt), "budgets/step_budget_spent")


@given(asked=writes(), outcome=IN_TIME.filter(lambda o: o is not None))
def test_a_send_that_is_left_may_be_used(asked: Asked, outcome: Outcome) -> None:
    call, context = asked
    once = kit.sent(outcome, settled=outcome, arguments=call.arguments)
    again = of_context(of_task((call, context), operations=(once,)), op=kit.reference(attempt=2))
    if again[1].task.confirmations:
        again = confirmed(*again, by=f"{context.task.terms['requester']}x")
    assert isinstance(walk(WRITE, *again), Allowed)


@given(asked=writes(), made=st.integers(10, 10**6))
def test_a_resource_that_has_had_its_attempts(asked: Asked, made: int) -> None:
    spoilt = of_moment(asked, attempts_on={asked[0].resource: made})
    refused(spoilt, "rate/resource_attempts_spent")


def asks(asked: Asked, **changed: Any) -> Asked:
    """In mode confirm, with an answer of the one who decides, but for what is ``changed``."""
    call, context = asked
    by = changed.pop("by", f"{context.task.terms['requester']}x")
    return confirmed(call, context, by=by, **changed)


@given(asked=writes())
def test_nobody_has_said_yes(asked: Asked) -> None:
    spoilt = of_task(asked, mode="confirm", confirmations={})
    refused(spoilt, "confirmation/confirmation_missing")


@given(asked=writes(), answer=st.sampled_from(["no", None, "", "YES", "y"]))
def test_something_else_than_yes(asked: Asked, answer: str | None) -> None:
    refused(asks(asked, answer=answer), "confirmation/confirmation_missing")


@given(asked=writes(), digit=st.integers(0, 2**64))
def test_a_yes_to_another_write(asked: Asked, digit: int) -> None:
    refused(asks(asked, digest=f"sha256:{digit:064x}"), "confirmation/confirmation_differs")


@given(asked=writes(), name=NAMES)
def test_a_yes_of_somebody_who_does_not_decide(asked: Asked, name: str) -> None:
    spoilt = asks(asked, by=name)
    refused(spoilt, "confirmation/confirmer_not_allowed")


@given(asked=writes())
def test_a_yes_of_whoever_asked(asked: Asked) -> None:
    people = asked[1].people
    assert people is not None
    own = str(asked[1].task.terms["requester"])
    roles = tuple({*people.roles(own), *people.roles(f"{own}x")})
    known = {**people.principals, own: Principal(roles=roles, os=(own,))}
    told = of_task(of_context(asked, people=replace(people, principals=known)), solo=False)
    refused(asks(told, by=own), "confirmation/own_request")


@given(asked=writes())
def test_a_yes_of_a_source(asked: Asked) -> None:
    people = asked[1].people
    assert people is not None
    known = {**people.principals, "queue": Principal(kind="source", roles=("oncall",))}
    told = of_context(asked, people=replace(people, principals=known))
    refused(asks(told, by="queue"), "confirmation/confirmer_not_allowed")


@given(asked=writes())
def test_a_delegation_that_asks_for_a_human_since(asked: Asked) -> None:
    call, context = asked
    task = replace(context.task, mode="delegated", confirmations={})
    present = kit.policy(handed=kit.entry(mode="confirm"))
    refused((call, replace(context, task=task, present=present)), "confirmation/mode_narrowed")
