"""Approvals, confirmations and decisions that are not what they seem, and clocks that lie."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.storm.target import Target
from policies import flight
from policies.approval import Bundle
from policies.moment import Moment
from remit.desk import Desk as Folder
from remit.errors import ConflictError
from remit.intake.principal import Asker
from remit.intake.requests import Request
from remit.settings import load
from state.entry import DESK, Draft, Kind, Role
from state.ledger.port import Stop
from tests import guard_cases
from tests import guard_kit as kit
from tests.attacks import kit as attacks
from tests.attacks.kit import lines
from tests.flow import kit as flow
from tests.flow.kit import House
from tests.gateway_kit import Desk

SUE = Asker(name="sue", how="as", os_user="sue")


@pytest.fixture
def folder(tmp_path: Path, target: Target) -> Path:
    desk = tmp_path / "desk"
    flow.write_desk(desk, [flow.book("adds"), flow.book("blind", flow.step(kind="none"))])
    attacks.add_a_source(desk)
    flow.approve(desk, target)
    return desk


@pytest.fixture
def opened(folder: Path, target: Target) -> Iterator[Folder]:
    desk = Folder.open(load(folder), environ={"THINGS_URL": flow.url(target)})
    yield desk
    desk.close()


def approved(desk: Folder, scope: str) -> dict[str, Any]:
    """The body of the approval of ``scope``."""
    found = [e for e in desk.ledger.read(DESK) if e.kind is Kind.APPROVED and e.body["scope"] == scope]
    return dict(found[-1].body)


def appended(desk: Folder, body: dict[str, Any], *, actor: str = "", role: Role = Role.HUMAN) -> None:
    """Put an approval into chain ``desk`` past every door."""
    draft = Draft(kind=Kind.APPROVED, role=role, actor=actor or body["by"], body=body)
    desk.ledger.append_desk([draft], at=desk.ledger.now(), code="forged")
    desk.refresh()


def given_again(body: dict[str, Any]) -> dict[str, Any]:
    """The same once more, as if it went from nothing to where it is."""
    return {**body, "from": None}


def for_another(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "scope": "blind@1"}


def for_another_version(body: dict[str, Any]) -> dict[str, Any]:
    parts = {**body["parts"], "runbook": "sha256:" + "1" * 64}
    return {**body, "scope": "adds@2", "from": None, "to": body["to"], "parts": parts}


def by_a_model(body: dict[str, Any]) -> dict[str, Any]:
    to = Bundle(scope="adds@2", parts=body["parts"]).digest
    return {**body, "scope": "adds@2", "from": None, "to": to, "by": "openai:small", "author": "openai:small"}


def by_a_source(body: dict[str, Any]) -> dict[str, Any]:
    return {**by_a_model(body), "by": "queue", "author": "queue"}


FORGED = {
    "approval-for-another": (for_another,),
    "approval-of-v1-for-v2": (for_another_version,),
    "approval-replayed": (given_again, dict),
    "approval-by-a-model": (by_a_model, by_a_source),
}


@lines(FORGED)
def test_a_forged_approval_is_in_the_chain_and_not_in_force(opened: Folder, line: str) -> None:
    before = {scope: held.bundle.digest for scope, held in opened.in_force.runbooks.items()}
    for forge in FORGED[line]:
        seen = len(opened.in_force.ignored)
        appended(opened, forge(approved(opened, "adds@1")))
        assert {s: held.bundle.digest for s, held in opened.in_force.runbooks.items()} == before
        assert len(opened.in_force.ignored) == seen + 1
    assert any("an approval that does not hold" in said for said in opened.warnings())


@lines(["approval-of-v1-for-v2"])
def test_what_was_approved_as_one_version_is_not_in_force_as_another(house: House, line: str) -> None:
    assert line
    attacks.rejected(house, house.ask("adds@2", "later"), "unknown_runbook")


def edited(folder: Path) -> None:
    file = folder / "delegation.yaml"
    file.write_text(file.read_text().replace('"not_author": false', '"not_author": true'))


@lines(["approval-by-the-author"])
def test_an_author_does_not_approve_what_they_wrote(folder: Path, target: Target, line: str) -> None:
    assert line
    edited(folder)
    flow.approve(folder, target)  # from here on, another pair of eyes is asked for
    file = folder / "delegation.yaml"
    file.write_text(file.read_text().replace('"concurrency": 1000', '"concurrency": 998', 1))
    desk = Folder.open(load(folder), environ={"THINGS_URL": flow.url(target)})
    try:
        before = desk.in_force.digest("adds@1")
        (first,) = desk.approve(desk.changes(), SUE, **flow.UNPROVED)
        assert (first.state, first.verdict.code) == ("proposed", "own_change")
        (again,) = desk.approve(desk.changes(), SUE, **flow.UNPROVED)
        assert (again.state, again.verdict.code) == ("refused", "own_change")
        (other_name,) = desk.approve(
            desk.changes(), Asker(name="bob", how="as", os_user="sue"), **flow.UNPROVED
        )
        assert other_name.verdict.code == "not_an_approver"
        assert desk.in_force.digest("adds@1") == before
        kinds = [e.kind for e in desk.ledger.read(DESK)]
        assert kinds[-1] is Kind.LOADED  # the proposal, kept once
    finally:
        desk.close()


@lines(["approval-concurrent"])
def test_of_two_approvals_from_one_state_the_first_counts(
    folder: Path, opened: Folder, target: Target, line: str
) -> None:
    assert line
    file = folder / "delegation.yaml"
    file.write_text(file.read_text().replace('"concurrency": 1000', '"concurrency": 999'))
    other = Folder.open(load(folder), environ={"THINGS_URL": flow.url(target)})
    try:
        mine, theirs = opened.changes(), other.changes()
        file.write_text(file.read_text().replace('"concurrency": 999', '"concurrency": 1'))
        third = Folder.open(load(folder), environ={"THINGS_URL": flow.url(target)})
        try:
            third.approve(third.changes(), SUE, **flow.UNPROVED)
            digest = third.in_force.digest("adds@1")
        finally:
            third.close()
        for late in ((opened, mine), (other, theirs)):
            with pytest.raises(ConflictError) as refused:
                late[0].approve(late[1], SUE, **flow.UNPROVED)
            assert refused.value.code == "approval_conflict"
            assert late[0].in_force.digest("adds@1") == digest
    finally:
        other.close()


def withdraw(folder: Path, target: Target) -> None:
    """Take ``adds`` out of the desk, and out of force."""
    file = folder / "delegation.yaml"
    file.write_text(file.read_text().replace('"runbook": "adds@1"', '"runbook": "gone@1"'))
    (folder / "runbooks" / "adds.yaml").unlink()
    flow.approve(folder, target)


@lines(["approval-revoked"])
def test_a_run_whose_runbook_was_withdrawn_meanwhile_sends_nothing(
    folder: Path, target: Target, line: str
) -> None:
    assert line
    with flow.at_work(folder, target) as house:
        run = house.submit("adds", "withdrawn")

        withdraw(folder, target)
        task = house.follow(run)
        assert task.open_escalation is not None
        assert (task.open_escalation.reason, task.open_escalation.code) == ("denied", "delegation_withdrawn")
        assert [e.body["code"] for e in house.entries(run, "denied")] == ["delegation_withdrawn"]
        assert house.sends("withdrawn") == []


@lines(["approval-revoked"])
def test_an_approval_withdrawn_between_the_check_and_the_intent_lets_nothing_be_sent(
    folder: Path, target: Target, line: str
) -> None:
    assert line
    with flow.at_work(folder, target) as house:
        run = house.submit("adds", "revoked")

        house.at[run, "before_intent"] = lambda: withdraw(folder, target)  # the guards have said yes
        task = house.follow(run)
        assert house.entries(run, "intent") == []
        assert [e.body["code"] for e in house.entries(run, "denied")] == ["delegation_withdrawn"]
        assert task.open_escalation is not None
        assert house.sends("revoked") == []


@lines(["approval-revoked"])
def test_other_news_of_the_desk_costs_a_second_look_and_nothing_more(
    folder: Path, target: Target, line: str
) -> None:
    assert line
    with flow.at_work(folder, target) as house:
        run, ledger = house.submit("adds", "news"), house.app.ledger
        news = Stop(scope="resource:elsewhere", by="bob", at=ledger.now(), why="another thing")
        house.at[run, "before_intent"] = lambda: ledger.stop(news)
        assert house.follow(run).closed == "completed"
        assert len(house.entries(run, "intent")) == len(house.sends("news")) == 1


# confirmations


def asked(house: House, run: str) -> dict[str, str]:
    (open_,) = [c for c in house.task(run).confirmations.values() if c.answer is None]
    return {"op": open_.op, "digest": open_.digest}


def told(house: House, run: str, body: dict[str, Any], *, by: str = "bob") -> str:
    signal = house.say(run, "confirm", body, by=by)
    house.work(run)
    return house.answer(run, signal)


YES = {"answer": "yes"}


@lines(["approval-for-another"])
def test_a_yes_to_one_write_is_none_to_another(house: House, line: str) -> None:
    assert line
    one, _ = house.carry("asks", "yes-one")
    other, _ = house.carry("asks", "yes-other")
    assert told(house, other, {**asked(house, one), **YES}) == "nothing_to_confirm"
    assert house.sends("yes-one") == house.sends("yes-other") == []


@lines(["approval-for-another", "text-is-not-arguments"])
def test_a_yes_to_other_arguments_lets_no_call_leave(desk: Desk, line: str) -> None:
    assert line
    call, context = guard_cases.confirm(digest="sha256:" + "0" * 64)(kit.call(), desk.context())
    desk.holder._task = context.task
    attacks.held_back(desk, desk.gateway.write(desk.holder, call, context), "confirmation_differs")


@lines(["approval-replayed"])
def test_a_yes_counts_once(house: House, line: str) -> None:
    assert line
    run, _ = house.carry("asks", "yes-twice")
    body = {**asked(house, run), **YES}
    house.say(run, "confirm", body)
    assert house.follow(run).closed == "completed"
    again = house.say(run, "confirm", body)
    house.work(run)
    assert house.answer(run, again) in ("nothing_to_confirm", "not folded")
    assert len(house.sends("yes-twice")) == 1


@lines(["approval-expired"])
def test_a_yes_that_comes_too_late_sends_nothing(house: House, line: str) -> None:
    assert line
    run, _ = house.carry("asks-briefly", "yes-late")
    body = {**asked(house, run), **YES}
    flow.until(lambda: house.app.ledger.now() > str(house.app.ledger.info(run).row.due_at))
    task = house.work(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "confirmation_expired"
    assert told(house, run, body) in ("nothing_to_confirm", "taken")  # either way nothing is sent by it
    assert house.task(run).open_escalation is not None
    assert house.sends("yes-late") == []


@lines(["approval-by-a-model"])
@pytest.mark.parametrize("by", ["queue", "openai:small", "rules", "remit", "nobody", "ann"])
def test_who_is_no_human_that_decides_confirms_and_decides_nothing(house: House, line: str, by: str) -> None:
    assert line
    thing = f"no-human-{by.replace(':', '-')}"
    run, _ = house.carry("asks", thing)
    assert told(house, run, {**asked(house, run), **YES}, by=by) in ("not_a_decider", "humans_only")
    stopped, task = house.carry("adds", f"{thing}-2", faults=[{"kind": "claimed"}])
    assert task.open_escalation is not None
    said = house.decide(stopped, "mark_done", by=by, evidence="I have looked.")
    house.work(stopped)
    assert house.answer(stopped, said) in ("not_a_decider", "humans_only")
    assert house.task(stopped).open_escalation is not None
    assert house.sends(thing) == []


@lines(["approval-concurrent"])
def test_of_two_yeses_at_once_one_is_taken(house: House, line: str) -> None:
    assert line
    run, _ = house.carry("asks", "yes-at-once")
    body, gate, said = {**asked(house, run), **YES}, threading.Barrier(2), list[str]()

    def say(by: str) -> None:
        gate.wait(5)
        said.append(house.say(run, "confirm", body, by=by))

    both = [threading.Thread(target=say, args=(by,)) for by in ("bob", "eve")]
    for one in both:
        one.start()
    for one in both:
        one.join(10)
    assert house.follow(run).closed == "completed"
    assert sorted(house.answer(run, signal) for signal in said) == ["nothing_to_confirm", "taken"]
    assert len(house.sends("yes-at-once")) == 1


@lines(["text-is-not-arguments"])
def test_a_decision_on_what_was_not_shown_is_refused(house: House, line: str) -> None:
    assert line
    run, task = house.carry("adds", "not-shown", faults=[{"kind": "claimed"}])
    assert task.open_escalation is not None
    said = house.decide(run, "abort", basis="sha256:" + "0" * 64)
    house.work(run)
    assert house.answer(run, said) == "basis_moved"
    assert house.task(run).closed is None


# requests that come again, and clocks


@lines(["webhook-replayed"])
def test_a_delivery_that_comes_again_makes_no_second_run(house: House, line: str) -> None:
    assert line
    intake = house.intake()
    ann = Asker(name="ann", how="as", os_user="ann")

    def deliver(goal: int) -> Any:
        given = {"thing": "hook", "goal": goal}
        request = Request(asker=ann, source="chat", runbook="adds", inputs=given, delivery="m-1",
                          text_door=False)  # fmt: skip
        return intake.submit(intake.read(request))

    first = deliver(5)
    for _ in range(20):
        assert deliver(5).run == first.run
    attacks.rejected(house, deliver(6), "delivery_conflict")
    assert house.follow(first.run).closed == "completed"
    assert deliver(5).run == first.run
    assert len(house.sends("hook")) == 1


LONG_AGO = "2020-01-01T00:00:00.000000Z"


@lines(["clock-set-back"])
def test_a_clock_that_was_set_back_gives_back_no_time_that_was_spent(desk: Desk, line: str) -> None:
    assert line
    context = kit.with_moment(desk.context(), at=LONG_AGO)
    desk.holder._task = replace(desk.holder.task, spent_ms=900_001)
    attacks.denied(desk, desk.gateway.write(desk.holder, kit.call(), context), "deadline_over")


@lines(["clock-set-back"])
def test_a_clock_that_was_set_back_or_ahead_shortens_no_quarantine(line: str) -> None:
    assert line
    operation = replace(kit.sent(None), attempts=(replace(kit.sent(None).attempts[0], returned=kit.CLOCK),))
    task = kit.task(operations=(operation,))
    for at in (LONG_AGO, "2040-01-01T00:00:00.000000Z"):
        moment = Moment(at=at, clock=replace(kit.CLOCK, ms=kit.CLOCK.ms + 12_999))
        assert flight.flying(task, operation, moment)
        assert not flight.flying(
            task, operation, replace(moment, clock=replace(kit.CLOCK, ms=kit.CLOCK.ms + 13_000))
        )


@lines(["target-changed"])
def test_a_target_that_changed_between_look_and_act_is_left_as_it_is(
    house: House, target: Target, line: str
) -> None:
    assert line
    run = house.submit("conditional", "moved-on")
    house.at[run, "intent_durable"] = lambda: target.change("moved-on", 77)
    task = house.follow(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "conflict"
    assert house.effects("moved-on") == []
    outcome = house.entries(run, "outcome")[-1].body
    assert (outcome["outcome"], outcome["code"], outcome["condition_failed"]) == ("not_applied", "412", True)
