"""Every guard refuses something that no other guard refuses, every code is reached, any error is a denial."""

from dataclasses import replace

import pytest

from policies.call import Call
from policies.delegation import Approval
from policies.guards import GUARDS, READ, WRITE, Allowed, Denied, Guard, GuardContext, Guards, Refusal, walk
from policies.guards.table import GUARD_ERROR
from state.outcome import Outcome
from tests import guard_kit as kit
from tests.guard_cases import CASES, CLOSED, Case, confirm, own, second_attempt


def test_the_write_that_the_cases_spoil_is_allowed() -> None:
    assert GUARDS.check_write(kit.call(), kit.context()) == Allowed(digest=kit.call().digest)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.guard}: {c.name}")
def test_it_is_refused_with_the_stable_code(case: Case) -> None:
    verdict = GUARDS.check_write(*case.spoilt())
    assert isinstance(verdict, Denied)
    assert (verdict.guard, verdict.code) == (case.guard, case.code), verdict.message


@pytest.mark.parametrize("case", [c for c in CASES if c.alone], ids=lambda c: f"{c.guard}: {c.name}")
def test_without_that_guard_it_would_be_allowed(case: Case) -> None:
    others = tuple(g for g in WRITE if g.name != case.guard)
    assert isinstance(walk(others, *case.spoilt()), Allowed), walk(others, *case.spoilt())


def test_on_a_desk_of_one_person_whoever_asks_says_yes_too() -> None:
    assert isinstance(GUARDS.check_write(*own(by="dana", solo=True)(kit.call(), kit.context())), Allowed)


def test_a_desk_that_is_no_longer_solo_takes_back_what_that_allowed() -> None:
    call, context = own(by="dana", solo=True)(kit.call(), kit.context())
    assert context.people is not None
    people = replace(context.people, approval=Approval())
    verdict = GUARDS.check_write(call, replace(context, people=people))
    assert isinstance(verdict, Denied)
    assert verdict.code == "own_request"


def test_every_guard_has_a_case_that_it_alone_refuses() -> None:
    assert {c.guard for c in CASES if c.alone} == {g.name for g in WRITE}


def test_every_code_is_reached() -> None:
    reached = {(c.guard, c.code) for c in CASES}
    assert {(g.name, code) for g in WRITE for code in g.codes} == reached


@pytest.mark.parametrize("guard", WRITE, ids=lambda g: g.name)
def test_an_exception_in_any_guard_is_a_denial(guard: Guard) -> None:
    def broken(call: Call, context: GuardContext) -> Refusal | None:
        raise RecursionError("deep")

    table = tuple(replace(g, check=broken) if g.name == guard.name else g for g in WRITE)
    verdict = walk(table, kit.call(), kit.context())
    assert isinstance(verdict, Denied)
    assert (verdict.code, verdict.guard, verdict.passes) == (GUARD_ERROR, guard.name, False)


def test_a_code_that_the_table_does_not_know_is_a_denial_too() -> None:
    odd = Guard(
        name="odd", check=lambda call, context: Refusal(code="made_up", message="x"), codes=("known",)
    )
    assert walk((odd,), kit.call(), kit.context()).code == GUARD_ERROR  # type: ignore[union-attr]


@pytest.mark.parametrize("empty", [{"write": (), "read": READ}, {"write": WRITE, "read": ()}])
def test_there_is_no_empty_table(empty: dict[str, tuple[Guard, ...]]) -> None:
    with pytest.raises(ValueError, match="without a guard"):
        Guards(**empty)


def test_what_is_not_there_is_refused() -> None:
    for missing in ("pinned", "plan", "op", "contract"):
        assert isinstance(
            GUARDS.check_write(kit.call(), replace(kit.context(), **{missing: None})), Denied
        ), missing


def test_only_what_ends_by_itself_passes() -> None:
    waits = {"stopped", "paused", "connector_paused", "window_closed"}
    asks = {"confirmation_missing", "confirmation_differs"}
    assert {c for g in WRITE for c in g.passing} == waits | asks
    assert all(not g.passing for g in READ)


def test_a_send_again_inside_the_keys_window_is_allowed() -> None:
    spoil = second_attempt(kit.sent(Outcome.UNKNOWN))
    assert isinstance(GUARDS.check_write(*spoil(kit.call(), kit.context())), Allowed)


def test_a_send_again_needs_the_first_arguments_even_where_the_inputs_would_give_others() -> None:
    spoil = second_attempt(kit.sent(Outcome.UNKNOWN), derived={"label": "b"})
    assert isinstance(GUARDS.check_write(*spoil(kit.call(), kit.context())), Allowed)


def test_after_the_first_write_the_window_is_not_asked() -> None:
    call, context = second_attempt(kit.sent(Outcome.UNKNOWN))(kit.call(), kit.context())
    context = kit.with_moment(context, window_opens="2026-11-24T00:00:00.000000Z")
    assert isinstance(GUARDS.check_write(call, context), Allowed)


def test_a_window_that_is_not_for_these_inputs_or_this_hour_closes_nothing() -> None:
    for window in (
        {**CLOSED, "when": 'inputs.env == "staging"'},
        {"closed": {"from": "Fri 16:00", "until": "Mon 08:00"}},
    ):
        context = replace(kit.context(), present=kit.policy(handed=kit.entry(windows=[window])))
        assert isinstance(GUARDS.check_write(kit.call(), context), Allowed)


def test_a_refused_write_may_be_sent_again_by_a_humans_grant() -> None:
    refused = kit.sent(Outcome.REFUSED, settled=Outcome.REFUSED)
    call, context = second_attempt(refused, grant_open=True, granted=1)(kit.call(), kit.context())
    assert isinstance(GUARDS.check_write(call, context), Allowed)


def test_a_confirmed_write_is_allowed() -> None:
    assert isinstance(GUARDS.check_write(*confirm()(kit.call(), kit.context())), Allowed)
