"""What humans say to a run beside the table of decisions: too early, too late, twice, or not at all."""

import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from evals.storm.target import Target
from policies.delegation import DAYS
from remit.cli.signals import meant, say
from remit.errors import RefusedError
from remit.intake.principal import Asker
from state.ledger.port import Stop
from state.packet import senders_in_doubt
from tests.flow import kit

EVIDENCE = "I have looked at the target myself."
LOST = {"kind": "error_before"}  # nobody knows, and it was not applied
ADDED = {"add/1": "not_applied"}


def closed_now() -> dict[str, Any]:
    """A window that is closed now and opens an hour from now."""
    now = datetime.now(UTC)
    written = [f"{DAYS[t.weekday()]} {t:%H:%M}" for t in (now - timedelta(hours=1), now + timedelta(hours=1))]
    return {"closed": {"from": written[0], "until": written[1]}}


UNDO = {
    "tool": "things.set",
    "with": {"thing": "{inputs.thing}", "number": 0},
    "timeout": "5s",
    "verify": [{"id": "undone", "expect": "seen.value == 0"}],
    "probe": {"observe": "seen", "applied_when": "seen.value == 0", "absent_when": "seen.value != 0"},
}
LATER = [
    {"id": "flagged", "expect": "seen.value == inputs.goal && flag.value == 1", "within": "1m", "every": "4s"}
]
BOOKS = [
    kit.book("plain"),
    kit.book("none", kit.step(kind="none")),
    kit.book("keyed", kit.step(kind="native_key", probe=None, retry={"budget": 0, "after": ["not_applied"]})),
    kit.book("undoable", kit.step("set", "set", rollback=UNDO)),
    kit.book("checked", kit.step(verify=LATER)),
    kit.book("checked-undoable", kit.step("set", "set", rollback=UNDO, verify=LATER)),
    kit.book("asking"),
    kit.book("asking-briefly"),
    kit.book("windowed"),
    kit.book("refusing", when_held="refuse"),
    kit.book("once", once={"key": ["inputs.thing"], "while": "live"}),
    kit.book("levelled", escalation=kit.levels("300ms", "300ms", "1h")),
]  # fmt: skip
ENTRIES = {
    "asking": {"mode": "confirm", "request": ["operator", "oncall"]},
    "asking-briefly": {"mode": "confirm", "confirm_within": "400ms"},
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Any:
    folder = tmp_path_factory.mktemp("humans")
    kit.write_desk(folder, BOOKS, entries={**ENTRIES, "windowed": {"windows": [closed_now()]}})
    kit.approve(folder, target)
    return folder


@pytest.fixture(scope="module")
def shared(desk: Any, target: Target) -> Iterator[kit.House]:
    with kit.at_work(desk, target) as house:
        yield house


@pytest.fixture
def house(shared: kit.House) -> Iterator[kit.House]:
    yield shared
    shared.at.clear()


@pytest.fixture
def thing(request: pytest.FixtureRequest) -> str:
    name = request.node.name.removeprefix("test_").partition("[")[0].replace("_", "-")[:40].rstrip("-")
    return f"{name}-{zlib.crc32(request.node.name.encode()):08x}"


def stopped(house: kit.House, thing: str, book: str = "none") -> str:
    run, task = house.carry(book, thing, faults=[LOST])
    assert task.open_escalation is not None
    return run


def in_doubt(house: kit.House, run: str, **other: Any) -> dict[str, Any]:
    """What ``remit esc attest-dead`` sends once it has shown who is in doubt."""
    task = house.task(run)
    assert task.open_escalation is not None
    claims = [sender.claim for sender in senders_in_doubt(task)]
    shown = [{"epoch": c.epoch, "worker": c.worker, "pid": c.pid, **other} for c in claims]
    return {"escalation": task.open_escalation.id, "shown": shown}


def taken(house: kit.House, run: str, signal: str) -> str:
    house.work(run)
    return house.answer(run, signal)


# decisions


def test_a_decision_on_what_has_moved_is_refused(house: kit.House, thing: str) -> None:
    run = stopped(house, thing)
    was = house.task(run).escalation
    assert was is not None
    assert (
        taken(
            house, run, house.decide(run, "abort", basis="sha256:" + 64 * "0", words=ADDED, evidence=EVIDENCE)
        )
        == "basis_moved"
    )
    assert (
        taken(house, run, house.decide(run, "abort", basis="sha256:0123", words=ADDED, evidence=EVIDENCE))
        == "basis_moved"
    )
    assert house.task(run).open_escalation is not None
    # a page and an acknowledgement move nothing
    house.say(run, "ack", {"escalation": was.id})
    house.follow(run)
    assert house.task(run).escalations[-1].acknowledged_by == "bob"
    kit.until(lambda: house.settled(run))
    assert (
        taken(house, run, house.decide(run, "abort", basis=was.basis[:15], words=ADDED, evidence=EVIDENCE))
        == "taken"
    )


def test_of_two_decisions_the_first_counts_and_the_second_is_told_so(house: kit.House, thing: str) -> None:
    run, _ = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    gate = threading.Barrier(2)
    posted: dict[str, str] = {}

    def say(who: str, choice: str) -> None:
        gate.wait(5)
        posted[who] = house.decide(run, choice, by=who, evidence=EVIDENCE)

    said = [threading.Thread(target=say, args=a) for a in (("bob", "abort"), ("eve", "mark_done"))]
    for one in said:
        one.start()
    for one in said:
        one.join(10)
    house.follow(run)
    answers = {who: house.answer(run, signal) for who, signal in posted.items()}
    assert sorted(answers.values()) == ["already_decided", "taken"]
    first = next(who for who, answer in answers.items() if answer == "taken")
    second = next(e.body for e in house.entries(run, "signal") if e.body["refused"])
    assert f"{first} decided" in second["refused"]["message"]
    assert house.task(run).closed == "closed_by_human"
    assert house.record(run)["state"] == "closed_by_human"


def test_who_said_what_stands_in_the_chain_and_in_the_record(house: kit.House, thing: str) -> None:
    run = stopped(house, thing)
    kit.until(lambda: house.settled(run))
    assert taken(house, run, house.decide(run, "abort", by="ann", words=ADDED)) == "not_a_decider"
    assert taken(house, run, house.decide(run, "abort", words=ADDED, evidence=EVIDENCE)) == "taken"
    refused, signal = house.entries(run, "signal")
    (decided,) = house.entries(run, "decided")
    bob = {"how": "as", "os_user": "bob"}
    assert (refused.body["who"], signal.body["who"], decided.body["who"]) == (
        {"how": "as", "os_user": "ann"}, bob, bob,
    )  # fmt: skip
    record = house.record(run)
    assert (record["request"]["how"], record["request"]["os_user"]) == ("as", "ann")
    assert (record["closed_by"], record["closed_by_who"]) == ("bob", bob)
    assert record["decisions"][0]["who"] == bob


def test_a_word_is_kept_under_the_licence_that_it_had(house: kit.House, thing: str) -> None:
    run = stopped(house, thing)
    kit.until(lambda: house.settled(run))
    assert taken(house, run, house.decide(run, "abort", words=ADDED, evidence=EVIDENCE)) == "taken"
    word = house.entries(run, "reconciled")[-1]
    assert (word.body["by"], word.body["licence"]) == ("human", "returned")  # nobody attested anything


def test_whoever_decides_too_late_is_told_who_was_first(house: kit.House, thing: str) -> None:
    run, task = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    assert task.open_escalation is not None
    body = {"escalation": task.open_escalation.id, "choice": "resume", "basis": task.open_escalation.basis}
    assert taken(house, run, house.decide(run, "abort", evidence=EVIDENCE)) == "taken"
    at = house.entries(run, "decided")[0].at
    assert house.task(run).closed == "closed_by_human"
    door: Any = SimpleNamespace(
        asker=lambda: Asker(name="eve", how="as", os_user="eve"),
        desk=lambda: SimpleNamespace(in_force=house.app.policies.now()),
    )
    for too_late in (
        lambda: say(door, house.app, run, "decide", body, watch=house.watch),  # it ended behind the look
        lambda: meant(door, house.app, run, body["escalation"]),
    ):
        with pytest.raises(RefusedError) as refused:
            too_late()
        assert refused.value.code == "already_decided"
        assert f"bob decided abort at {at}" in str(refused.value)
    with pytest.raises(RefusedError) as refused:
        meant(door, house.app, run)
    assert refused.value.code == "run_ended"


@pytest.mark.parametrize("fault", ["claimed", "refused", "unavailable"])
def test_a_repair_by_hand_is_no_conflict(house: kit.House, thing: str, target: Target, fault: str) -> None:
    run, _ = house.carry("plain", thing, faults=[{"kind": fault, "times": 2}])
    target.change(thing, kit.GOAL)
    before = len(house.sends(thing))
    assert taken(house, run, house.decide(run, "resume")) == "taken"
    task = house.follow(run)
    assert (task.closed, len(house.sends(thing))) == ("completed", before)


def test_who_may_not_decide_changes_nothing(house: kit.House, thing: str) -> None:
    run, _ = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    for who in ("ann", "tom", "sue", "nobody"):
        assert taken(house, run, house.decide(run, "abort", by=who)) == "not_a_decider"
    assert taken(house, run, house.decide(run, "restart")) == "unknown_choice"
    assert taken(house, run, house.decide(run, "abort", escalation=f"{run}/esc-9")) == "no_such_escalation"
    assert taken(house, run, house.say(run, "decide", {"escalation": 3})) == "bad_signal"
    assert taken(house, run, house.say(run, "dance")) == "unknown_signal"
    assert house.task(run).open_escalation is not None


def test_done_needs_evidence(house: kit.House, thing: str) -> None:
    run, _ = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    assert taken(house, run, house.decide(run, "mark_done")) == "evidence_needed"
    assert (
        taken(house, run, house.decide(run, "mark_done", words={"add/1": "applied"}, evidence=EVIDENCE))
        == "word_not_asked"
    )
    assert taken(house, run, house.decide(run, "mark_done", evidence=EVIDENCE)) == "taken"
    closed = house.entries(run, "closed")[-1]
    assert (closed.body["state"], closed.actor, str(closed.role)) == ("closed_by_human", "bob", "human")
    (decided,) = house.entries(run, "decided")
    assert house.app.ledger.payload(decided.body["evidence"]) == EVIDENCE


# a word on something unresolved


def test_a_word_is_taken_only_when_nothing_can_land_any_more(house: kit.House, thing: str) -> None:
    run = stopped(house, thing)

    def say(choice: str, words: dict[str, str], evidence: str = EVIDENCE) -> str:
        return taken(house, run, house.decide(run, choice, words=words, evidence=evidence))

    assert say("resume", {}) == "word_needed"
    assert say("resume", ADDED) == "too_early"
    assert say("abort", ADDED) == "too_early"
    kit.until(lambda: house.settled(run))
    assert say("abort", {}) == "word_needed"
    assert say("abort", {"add/1": "perhaps"}) == "unknown_word"
    assert say("abort", {"add/9": "applied"}) == "word_not_asked"
    assert say("resume", ADDED, None) == "evidence_needed"
    assert say("resume", {"add/1": "unknown"}) == "word_not_enough"
    assert say("retry_once", {"add/1": "applied"}) == "word_not_enough"
    assert house.task(run).open_escalation is not None
    assert say("mark_done", {"add/1": "unknown"}) == "taken"
    task = house.task(run)
    assert task.closed == "closed_by_human"
    (word,) = [e for e in house.entries(run, "reconciled") if e.body["by"] == "human"]
    assert (word.actor, word.body["verdict"], word.body["settles"]) == ("bob", "unknown", None)
    (written,) = house.record(run)["writes"]
    assert written["effect"] == "unknown"


def test_a_word_that_it_was_applied_is_judged_by_the_check(
    house: kit.House, thing: str, target: Target
) -> None:
    run = stopped(house, thing)
    kit.until(lambda: house.settled(run))
    assert (
        taken(house, run, house.decide(run, "resume", words={"add/1": "applied"}, evidence=EVIDENCE))
        == "taken"
    )
    task = house.task(run)
    assert task.open_escalation is not None  # the word is wrong, and the check says so
    assert (task.open_escalation.reason, len(house.sends(thing))) == ("verify_failed", 1)
    target.change(thing, kit.GOAL)
    assert taken(house, run, house.decide(run, "resume")) == "taken"
    assert house.task(run).closed == "completed"


def test_an_honoured_key_needs_no_word_to_be_sent_again(house: kit.House, thing: str) -> None:
    run, task = house.carry("keyed", thing, faults=[{"kind": "lost_reply"}, {"kind": "none"}])
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "ambiguous"
    assert taken(house, run, house.decide(run, "retry_once")) == "taken"
    assert house.follow(run).closed == "completed"
    assert house.effects(thing) == [kit.GOAL]


def test_an_unproven_sender_is_stated_dead_before_anything_else(house: kit.House, thing: str) -> None:
    run = house.submit("none", thing)
    house.carried_elsewhere(run, until="before_send")
    task = house.follow(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "unproven_sender"
    (doubtful,) = senders_in_doubt(task)  # not the worker that stopped here
    assert (doubtful.claim.pid_ns, doubtful.sends) == ("pid:[1]", ("add/1 #1",))
    assert doubtful.text() in house.packet(run)["where"]["detail"]
    shown = in_doubt(house, run)
    assert taken(house, run, house.say(run, "attest", shown, by="ann")) == "not_a_decider"
    for other, why in (
        ({**shown, "escalation": f"{run}/esc-7"}, "no_such_escalation"),
        ({**shown, "shown": []}, "basis_moved"),
        (in_doubt(house, run, pid=1), "basis_moved"),
        (in_doubt(house, run, worker="w-other"), "basis_moved"),
        (in_doubt(house, run, epoch=7), "basis_moved"),
    ):
        assert taken(house, run, house.say(run, "attest", other)) == why
    assert not house.task(run).attested
    assert taken(house, run, house.say(run, "attest", shown)) == "taken"
    assert set(house.task(run).attested) == {doubtful.claim.epoch}
    assert taken(house, run, house.say(run, "attest", shown)) == "nothing_to_attest"
    assert taken(house, run, house.decide(run, "resume", words=ADDED, evidence=EVIDENCE)) in (
        "basis_moved",
        "too_early",
    )
    fresh = lambda: fresh_basis(house, run)  # noqa: E731
    assert (
        taken(house, run, house.decide(run, "resume", basis=fresh(), words=ADDED, evidence=EVIDENCE))
        == "too_early"
    )
    stated = house.task(run).attested
    span = max(a.span_ms for o in house.task(run).operations for a in o.attempts)
    from remit.worker.identity import clock

    kit.until(lambda: clock().ms > max(c.ms for c in stated.values()) + span + 50)
    assert (
        taken(house, run, house.decide(run, "resume", basis=fresh(), words=ADDED, evidence=EVIDENCE))
        == "taken"
    )
    assert house.follow(run).closed == "completed"
    assert house.effects(thing) == [kit.GOAL]


def fresh_basis(house: kit.House, run: str) -> str:
    """The basis that ``remit esc show`` gives now, with its options, where the written packet's has moved."""
    from remit.desk import Desk
    from remit.fresh import fresh_packet

    written = house.packet(run)
    desk = Desk(house.app.settings, house.app.ledger, environ={})
    fresh = fresh_packet(desk, written, house.task(run))
    assert fresh["basis"] != written["basis"]
    assert all(fresh["basis"].removeprefix("sha256:")[:12] in option["cli"] for option in fresh["options"])
    assert {o["id"]: o["allowed"] for o in written["options"]}["resume"] is False
    assert {o["id"]: o["allowed"] for o in fresh["options"]}["resume"] is True
    assert {k: v for k, v in fresh.items() if k not in ("basis", "options")} == {
        k: v for k, v in written.items() if k not in ("basis", "options")
    }
    return str(fresh["basis"])


# acknowledge, pause, cancel


def test_an_acknowledgement_is_written_down_and_nothing_more(house: kit.House, thing: str) -> None:
    run, task = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    assert task.escalation is not None
    assert taken(house, run, house.say(run, "ack", {"escalation": f"{run}/esc-7"})) == "no_such_escalation"
    ack = {"escalation": task.escalation.id}
    for nobody in ("tom", "ann", "zoe"):  # a guest, who asked, and a stranger
        assert taken(house, run, house.say(run, "ack", ack, by=nobody)) == "not_allowed"
    open_ = house.task(run).open_escalation
    assert open_ is not None
    assert open_.acknowledged_by is None
    assert taken(house, run, house.say(run, "ack", ack)) == "taken"
    after = house.task(run)
    assert after.open_escalation is not None
    assert after.open_escalation.acknowledged_by == "bob"
    assert after.open_escalation.basis == task.escalation.basis


def test_a_pause_holds_back_the_write_until_it_is_lifted(house: kit.House, thing: str) -> None:
    run = house.submit("plain", thing)
    house.say(run, "pause", {"reason": "wait a moment"}, by="ann")
    task = house.work(run)
    assert task.waiting is not None
    assert (task.waiting.reason, house.sends(thing)) == ("pause", [])
    assert taken(house, run, house.say(run, "unpause", by="tom")) == "not_allowed"
    house.say(run, "unpause", by="ann")
    assert house.follow(run).closed == "completed"


def test_a_cancel_before_any_effect_ends_the_run(house: kit.House, thing: str) -> None:
    run = house.submit("plain", thing)
    house.say(run, "cancel", {"reason": "no need"}, by="ann")
    task = house.follow(run)
    assert (task.closed, house.sends(thing)) == ("cancelled", [])
    assert taken(house, run, house.say(run, "cancel", by="ann")) == "not folded"


def test_a_cancel_behind_an_effect_undoes_it(house: kit.House, thing: str) -> None:
    run = house.submit("undoable", thing)
    house.at[run, "outcome_durable"] = lambda: house.say(run, "cancel", {"reason": "no"}, by="ann")
    task = house.follow(run)
    assert (task.closed, task.reason) == ("rolled_back", "cancelled")
    assert house.effects(thing) == [kit.GOAL, 0]
    packet = house.packet(run)
    assert packet["top"]["stopped"] == "Ended; nothing in flight; nothing held"
    assert "rollback" not in packet["remaining"]
    assert {s["verdict"] for s in packet["state"] if "undone" in s["check"]} == {"pass"}


def test_a_cancel_while_a_human_is_asked_is_answered_with_abort(house: kit.House, thing: str) -> None:
    run, task = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    assert task.escalation is not None
    assert taken(house, run, house.say(run, "cancel", {}, by="ann")) == "escalation_open"
    (refused,) = [e.body["refused"] for e in house.entries(run, "signal")]
    assert f"remit esc abort {task.escalation.id}" in refused["message"]


def test_a_cancel_reaches_a_run_that_waits_for_its_check(house: kit.House, thing: str) -> None:
    run = house.submit("checked-undoable", thing)
    task = house.work(run)
    assert task.waiting is not None
    assert task.waiting.reason == "check"
    house.say(run, "cancel", {"reason": "no"}, by="ann")
    house.work(run)
    assert house.task(run).cancel == "no"


# mode confirm


def asked(house: kit.House, run: str) -> dict[str, str]:
    (open_,) = [c for c in house.task(run).confirmations.values() if c.answer is None]
    return {"op": open_.op, "digest": open_.digest}


def test_nothing_is_sent_before_a_human_has_said_yes_to_exactly_this(house: kit.House, thing: str) -> None:
    run, task = house.carry("asking", thing)
    assert task.waiting is not None
    assert (task.waiting.reason, house.sends(thing)) == ("confirmation", [])
    question = asked(house, run)
    assert (
        taken(house, run, house.say(run, "confirm", {**question, "answer": "yes"}, by="ann"))
        == "not_a_decider"
    )
    assert (
        taken(house, run, house.say(run, "confirm", {**question, "digest": "sha256:0", "answer": "yes"}))
        == "nothing_to_confirm"
    )
    assert house.sends(thing) == []
    house.say(run, "confirm", {**question, "answer": "yes"})
    assert house.follow(run).closed == "completed"
    assert len(house.sends(thing)) == 1


def test_whoever_asked_does_not_say_yes_to_their_own_write(house: kit.House, thing: str) -> None:
    run = house.submit("asking", thing, by="bob")  # who asks, and decides as well
    house.work(run)
    question = asked(house, run)
    assert taken(house, run, house.say(run, "confirm", {**question, "answer": "yes"})) == "own_request"
    assert house.sends(thing) == []
    house.say(run, "confirm", {**question, "answer": "yes"}, by="eve")
    assert house.follow(run).closed == "completed"


def test_whoever_asked_may_still_say_no(house: kit.House, thing: str) -> None:
    run = house.submit("asking", thing, by="bob")
    house.work(run)
    house.say(run, "confirm", {**asked(house, run), "answer": "no"})
    stopped = house.follow(run).open_escalation
    assert stopped is not None
    assert stopped.reason == "confirmation_refused"


def test_a_yes_behind_the_end_of_the_question_is_none_although_nobody_looked_meanwhile(
    house: kit.House, thing: str
) -> None:
    run, _ = house.carry("asking-briefly", thing)
    kit.until(lambda: house.app.ledger.now() > str(house.app.ledger.info(run).row.due_at))
    said = house.say(run, "confirm", {**asked(house, run), "answer": "yes"})
    assert taken(house, run, said) == "nothing_to_confirm"
    task = house.task(run)
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, house.sends(thing)) == ("confirmation_expired", [])


def test_a_no_stops_the_run(house: kit.House, thing: str) -> None:
    run, _ = house.carry("asking", thing)
    house.say(run, "confirm", {**asked(house, run), "answer": "no"})
    task = house.follow(run)
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, house.sends(thing)) == ("confirmation_refused", [])


def test_a_question_that_nobody_answers_expires_and_is_asked_anew_behind_a_resume(
    house: kit.House, thing: str
) -> None:
    run, _ = house.carry("asking-briefly", thing)
    kit.until(lambda: house.app.ledger.now() > str(house.app.ledger.info(run).row.due_at))
    task = house.work(run)
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, house.sends(thing)) == ("confirmation_expired", [])
    house.decide(run, "resume")
    task = house.work(run)
    assert task.waiting is not None
    assert task.waiting.reason == "confirmation"
    house.say(run, "confirm", {**asked(house, run), "answer": "yes"})
    task = house.work(run)
    assert task.closed == "completed" or task.open_escalation is not None  # the answer may have come too late


# what holds writes back


@pytest.mark.parametrize("scope", ["desk", "runbook:plain", "resource:thing/{thing}"])
def test_a_stop_holds_back_the_write_and_the_run_goes_on_when_it_is_lifted(
    house: kit.House, thing: str, scope: str
) -> None:
    ledger, where = house.app.ledger, scope.format(thing=thing)
    run = house.submit("plain", thing)
    house.at[run, "before_intent"] = lambda: ledger.stop(
        Stop(scope=where, by="sue", at=ledger.now(), why="a test")
    )
    try:
        task = house.work(run)
        assert task.waiting is not None
        assert (task.waiting.reason, house.sends(thing)) == ("stop", [])
        assert house.entries(run, "intent") == []
    finally:
        ledger.start(where, by="sue", at=ledger.now())
    task = house.work(run)
    assert (task.closed, len(house.sends(thing))) == ("completed", 1)


def test_a_closed_window_rejects_at_the_door(house: kit.House, thing: str) -> None:
    done = house.ask("windowed", thing)
    assert done.rejected is not None
    assert (done.rejected.code, house.sends(thing)) == ("window_closed", [])


def test_a_window_that_closes_behind_admission_is_waited_for_before_the_first_write(
    house: kit.House, thing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as open_:
        open_.setattr("policies.delegation.Window.closed_at", lambda window, moment: False)
        run = house.submit("windowed", thing)
    task = house.work(run)
    assert task.waiting is not None
    assert (task.waiting.reason, house.sends(thing)) == ("window", [])
    assert house.app.ledger.info(run).row.due_at == task.waiting.until is not None
    monkeypatch.setattr("policies.delegation.Window.closed_at", lambda window, moment: False)
    assert house.work(run).closed == "completed"


# holds


def test_the_second_run_on_a_resource_waits_in_line_and_then_goes_on(
    house: kit.House, thing: str, target: Target
) -> None:
    first = house.submit("checked", thing)
    house.work(first)
    second = house.submit("plain", thing)
    task = house.work(second)
    assert task.waiting is not None
    assert (task.waiting.reason, task.waiting.detail) == ("hold", first)
    assert len(house.sends(thing)) == 1
    target.change(f"{thing}-flag", 1)
    kit.until(lambda: house.app.ledger.now() > str(house.app.ledger.info(first).row.due_at), within_s=15)
    house.work(first)
    assert house.app.ledger.holder(f"thing/{thing}") == first or house.task(first).closed
    task = house.follow(first)
    assert task.closed == "completed"
    assert house.app.ledger.signals(second), "whoever waits in line is woken"
    task = house.follow(second)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "precondition_failed"  # the first has been there
    assert len(house.sends(thing)) == 1


def test_a_runbook_may_refuse_instead_of_waiting(house: kit.House, thing: str) -> None:
    first = house.submit("checked", thing)
    house.work(first)
    task = house.follow(house.submit("refusing", thing))
    assert (task.closed, task.reason) == ("rejected", "resource_held")


def test_nothing_is_begun_beside_an_open_escalation_on_the_resource(house: kit.House, thing: str) -> None:
    house.carry("plain", thing, faults=[{"kind": "claimed"}])
    done = house.ask("none", thing)
    assert done.rejected is not None
    assert done.rejected.code == "escalation_open"
    assert len(house.sends(thing)) == 1


def test_the_same_need_is_one_run(house: kit.House, thing: str) -> None:
    first = house.ask("once", thing)
    second = house.ask("once", thing)
    assert (second.run, second.attached) == (first.run, True)
    assert house.follow(first.run).closed == "completed"
    assert [e.body["kind"] for e in house.entries(first.run, "signal")] == ["attached"]
    assert len(house.sends(thing)) == 1


# levels


def test_each_level_is_told_in_its_time_and_nothing_else_changes(house: kit.House, thing: str) -> None:
    run, task = house.carry("levelled", thing, faults=[{"kind": "claimed"}])
    assert task.escalation is not None
    before = (task.escalation.basis, task.operations, task.checks)
    for level in (2, 3):
        due = house.app.ledger.info(run).row.due_at
        assert due is not None
        kit.until(lambda due=due: house.app.ledger.now() > due)
        assert run in {i.run for i in house.app.ledger.claimable()}
        task = house.work(run)
        assert task.open_escalation is not None
        assert task.open_escalation.level == level
    assert house.app.ledger.info(run).row.due_at is None
    assert (task.escalation.basis, task.operations, task.checks) == before
    notices = [n for n in house.app.ledger.outbox(limit=1000) if n["run"] == run]
    assert [n["to"] for n in notices] == ["role:oncall", "role:lead", "role:head"]
    assert {n["body"]["escalation"] for n in notices} == {task.escalation.id}
    assert len(house.sends(thing)) == 1
    assert taken(house, run, house.decide(run, "abort")) == "taken"


def test_behind_the_last_level_nobody_else_is_told(house: kit.House, thing: str) -> None:
    run, task = house.carry("plain", thing, faults=[{"kind": "claimed"}])
    assert task.open_escalation is not None
    assert task.open_escalation.next_level_at is None
    assert house.app.ledger.info(run).row.due_at is None
