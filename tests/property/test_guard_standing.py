"""Runs that may not write now, generated: each is refused by the guard of its standing, with its code."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.guards import Denied, GuardContext
from policies.guards.table import WRITE, walk
from state import instants
from state.outcome import Outcome
from state.task import Direction
from tests import guard_kit as kit
from tests.guard_cases import ESCALATION, OTHER
from tests.property.guard_strategies import (
    NAMES,
    Asked,
    of_context,
    of_moment,
    of_task,
    reads,
    refused,
    writes,
)
from tests.property.guard_strategies import read_refused as of_read

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)
ENDS = st.sampled_from(
    ["completed", "partially_completed", "rolled_back", "closed_by_human", "cancelled", "rejected"]
)


@given(asked=writes(), why=WORDS)
def test_an_unsound_run(asked: Asked, why: str) -> None:
    refused(of_task(asked, unsound=why), "live/run_unsound")


@given(asked=writes(), state=ENDS)
def test_a_run_that_has_ended(asked: Asked, state: str) -> None:
    refused(of_task(asked, closed=state), "live/run_ended", alone=False)


@given(asked=writes(), reason=WORDS, level=st.integers(0, 5))
def test_a_run_that_waits_for_a_human(asked: Asked, reason: str, level: int) -> None:
    open_ = replace(ESCALATION, reason=reason, level=level)
    refused(of_task(asked, escalations=(open_,)), "live/escalation_open", alone=False)


@given(asked=writes())
def test_a_run_that_only_looks(asked: Asked) -> None:
    refused(of_task(asked, direction=Direction.COMPLETING), "live/nothing_to_write", alone=False)


@given(asked=writes(), why=WORDS)
def test_a_run_that_is_to_be_cancelled(asked: Asked, why: str) -> None:
    refused(of_task(asked, cancel=why), "live/cancel_wanted", alone=False)


@given(
    asked=writes(),
    step=NAMES.filter(lambda n: n != "grant"),
    outcome=st.sampled_from([None, Outcome.UNKNOWN]),
)
def test_another_write_of_which_nobody_knows(asked: Asked, step: str, outcome: Outcome | None) -> None:
    attempts = (replace(OTHER.attempts[0], outcome=outcome),)
    open_ = replace(OTHER, id=f"{step}/1", step=step, attempts=attempts)
    refused(of_task(asked, operations=(open_,)), "resolved/unresolved", alone=False)


def again(asked: Asked, operation: Any) -> Asked:
    """The second attempt of the write, behind ``operation``."""
    call, context = asked
    sent = replace(
        operation, attempts=tuple(replace(a, arguments=call.arguments) for a in operation.attempts)
    )
    return of_context(of_task((call, context), operations=(sent,)), op=kit.reference(attempt=2))


@given(asked=writes(), hours=st.integers(24, 10_000), outcome=st.sampled_from([None, Outcome.UNKNOWN]))
def test_a_send_behind_the_window_of_its_key(asked: Asked, hours: int, outcome: Outcome | None) -> None:
    long_ago = instants.after(kit.AT, -3600.0 * hours)
    refused(again(asked, kit.sent(outcome, at=long_ago)), "resolved/resend_unsafe", alone=False)


@given(asked=writes(), word=st.sampled_from(["applied", "not_applied", "unknown"]))
def test_a_send_behind_a_humans_word(asked: Asked, word: str) -> None:
    said = replace(kit.sent(Outcome.UNKNOWN), word=word)
    refused(again(asked, said), "resolved/resend_unsafe", alone=False)


@given(asked=writes())
def test_a_write_that_the_target_refused_for_good(asked: Asked) -> None:
    spoilt = again(asked, kit.sent(Outcome.REFUSED, settled=Outcome.REFUSED))
    refused(spoilt, "resolved/refused_before", alone=False)


@given(asked=writes(), holds=st.lists(NAMES.map(lambda n: f"seats/{n}"), max_size=3))
def test_a_resource_that_is_not_held(asked: Asked, holds: list[str]) -> None:
    refused(of_task(asked, holds=tuple(holds)), "held/resource_not_held")


@given(asked=writes(), stops=st.lists(WORDS, min_size=1, max_size=4))
def test_a_stop(asked: Asked, stops: list[str]) -> None:
    refused(of_moment(asked, stops=tuple(stops)), "not_stopped/stopped")


@given(asked=writes())
def test_a_pause(asked: Asked) -> None:
    refused(of_task(asked, paused=True), "not_paused/paused")


@given(asked=writes(), seconds=st.integers(1, 60))  # more is no rest, but a clock that came back
def test_a_connector_that_rests(asked: Asked, seconds: int) -> None:
    until = instants.after(asked[1].moment.at, float(seconds))
    refused(of_task(asked, connector_paused_until=until), "not_paused/connector_paused")


@given(asked=writes(), seconds=st.integers(0, 10**6))
def test_a_connector_that_has_rested_is_used(asked: Asked, seconds: int) -> None:
    until = instants.after(asked[1].moment.at, -float(seconds))
    allowed = of_task(asked, connector_paused_until=until)
    assert not isinstance(walk(WRITE, *allowed), Denied)


@given(asked=writes(), epoch=st.integers(-5, 10**7))
def test_another_claim(asked: Asked, epoch: int) -> None:
    if epoch == asked[1].epoch:
        epoch += 1
    refused(of_context(asked, epoch=epoch), "epoch/epoch_old")


@given(asked=writes(), epoch=st.integers(-5, 0))
def test_no_claim(asked: Asked, epoch: int) -> None:
    refused(of_task(of_context(asked, epoch=epoch), epoch=epoch), "epoch/epoch_old")


PARTS = st.sampled_from(sorted(kit.policy().pins))


def moved(context: GuardContext, part: str, digit: int) -> dict[str, str]:
    return {**context.task.pins, part: f"sha256:{digit:064x}"}


@given(asked=writes(), part=PARTS, digit=st.integers(0, 2**64))
def test_another_policy_than_the_one_of_the_admission(asked: Asked, part: str, digit: int) -> None:
    refused(of_task(asked, pins=moved(asked[1], part, digit)), "pins/pins_differ")


@given(asked=writes(), part=PARTS)
def test_a_pin_that_is_gone(asked: Asked, part: str) -> None:
    left = {name: pin for name, pin in asked[1].task.pins.items() if name != part}
    refused(of_task(asked, pins=left), "pins/pins_differ")


@given(asked=writes(), version=st.integers(2, 99))
def test_another_version_than_was_admitted(asked: Asked, version: int) -> None:
    refused(of_task(asked, version=version), "pins/pins_differ")


@given(asked=writes())
def test_a_run_that_was_never_admitted(asked: Asked) -> None:
    refused(of_task(asked, pins={}), "pins/run_not_admitted")


@given(asked=reads(), part=PARTS, digit=st.integers(0, 2**64))
def test_a_read_under_another_policy(asked: Asked, part: str, digit: int) -> None:
    of_read(of_task(asked, pins=moved(asked[1], part, digit)), "pins/pins_differ")
