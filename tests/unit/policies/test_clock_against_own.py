"""What a set-back clock of the database makes of waits and keys: nothing longer, nothing honoured again."""

from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies import flight
from policies import move as made
from policies.plan import CheckPlan, PreconditionPlan
from state import instants
from state.outcome import Outcome
from tests.decision_kit import BEGAN, NATIVE, READ_BACK, STATE, Run

DAY_MS = 86_400_000
LAG_MS = 5_000
LAGGING = plan(step("a", replace(STATE, read_lag_ms=LAG_MS)))


class Moved(Run):
    """A run whose database's clock can be set back, while the clocks of hosts go on."""

    back_ms = 0

    @property
    def at(self) -> str:
        return instants.after(BEGAN, (self.now - self.back_ms) / 1000)

    def set_back(self, ms: int) -> "Moved":
        self.back_ms += ms
        return self


def keyed() -> Moved:
    return Moved(plan(step("a", NATIVE)))


def honoured(run: Run) -> bool:
    return flight.settles_doubles(run.task, run.task.operation("a/1"), NATIVE, run.moment())


@pytest.mark.parametrize(
    "sent",
    [
        lambda run: run.sent(Outcome.UNKNOWN),
        lambda run: run.intent().claim("A"),  # its sender crashed
        lambda run: run.sent(Outcome.UNKNOWN).claim("B"),  # another host goes on
    ],
)
def test_a_key_whose_window_is_over_is_not_honoured_again(sent) -> None:
    until = NATIVE.key_until_ms()
    run = sent(keyed())
    assert honoured(run.later(until - 1))
    assert not honoured(run.later(1))
    assert not honoured(run.set_back(DAY_MS))
    assert not isinstance(run.move(), made.Send)


def test_what_the_clock_said_at_a_later_claim_counts_too() -> None:
    run = keyed().intent().later(NATIVE.key_until_ms()).claim("B").set_back(2 * DAY_MS)
    assert not honoured(run)


def test_a_read_lag_is_no_longer_than_it_is() -> None:
    run = Moved(LAGGING).sent(Outcome.SUCCEEDED).later(1_000)
    assert run.move() == made.Wait(row=11, reason="read_lag", ms=LAG_MS - 1_000, detail="a/1")
    run.set_back(3_600_000)
    assert run.move() == made.Wait(row=11, reason="read_lag", ms=LAG_MS - 1_000, detail="a/1")
    assert run.later(LAG_MS - 1_000).move() == made.Observe(row=11, scope="a/1")


def test_without_a_reading_of_this_hosts_clock_it_counts_from_the_next_claim() -> None:
    run = Moved(LAGGING).sent(Outcome.SUCCEEDED).claim("B").set_back(3_600_000)
    assert run.move() == made.Wait(row=11, reason="read_lag", ms=LAG_MS, detail="a/1")
    assert isinstance(run.later(LAG_MS).move(), made.Observe)
    short = Moved(plan(step("a", replace(STATE, read_lag_ms=1_000)))).sent(Outcome.REFUSED).stopped()
    short.decide("resume").grant().set_back(3_600_000)
    left = short.move()
    assert left == made.Wait(row=11, reason="read_lag", ms=5_000, detail="a/1"), (
        "long enough to leave the claim"
    )
    assert isinstance(short.claim().later(1_000).move(), made.Observe)


def test_a_wait_for_the_next_look_is_over() -> None:
    every = (CheckPlan(id="there", within_ms=60_000, every_ms=10_000),)
    looked = Moved(plan(step("a", replace(STATE, checks=every)))).sent(Outcome.SUCCEEDED).check("fail")
    assert isinstance(looked.move(), made.Wait)
    assert looked.set_back(3_600_000).move() == made.Observe(row=11, scope="a/1")
    held = replace(plan(step("a", STATE)), preconditions=(
        PreconditionPlan(id="needed", otherwise="escalate", tries=3, every_ms=10_000),
    ))  # fmt: skip
    assert isinstance(Moved(held).condition("fail").set_back(3_600_000).move(), made.CheckPreconditions)
    probed = Moved(plan(step("a", replace(READ_BACK, probe_every_ms=10_000)))).sent(Outcome.UNKNOWN)
    probed.later(READ_BACK.span_ms).probe("unknown")
    assert isinstance(probed.move(), made.Wait)
    assert probed.set_back(3_600_000).move() == made.Probe(row=8, op="a/1")


def test_a_row_of_rounds_begins_again_and_ends_in_its_own_time() -> None:
    holds = (CheckPlan(id="there", hold_ms=4_000, every_ms=2_000),)
    run = Moved(plan(step("a", replace(STATE, checks=holds)))).sent(Outcome.SUCCEEDED).check("pass")
    run.later(2_000).set_back(3_600_000)
    for _ in range(2):
        assert isinstance(run.check("pass").move(), made.Wait)
        run.later(2_000)
    assert run.check("pass").move() == made.Confirm(row=11, op="a/1")
    late = (CheckPlan(id="there", within_ms=4_000, every_ms=2_000),)
    run = Moved(plan(step("a", replace(READ_BACK, checks=late)))).sent(Outcome.SUCCEEDED)
    run.check("fail").set_back(3_600_000)
    for _ in range(2):
        run.check("fail").later(2_000)
    assert isinstance(run.check("fail").move(), made.Escalate)
