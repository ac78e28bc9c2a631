"""What single entries do to a task, and each counterexample that was once found, kept as a test."""

from dataclasses import replace
from typing import Any

import pytest

from state import bodies, instants
from state.entry import Draft, Kind, Role, seal
from state.fold import apply, fold
from state.outcome import Known, Outcome
from state.task import Clock, Status, Task
from tests.decision_kit import BEGAN, UNDOABLE, Run

SUCCEEDED, UNKNOWN, NOT_APPLIED = Outcome.SUCCEEDED, Outcome.UNKNOWN, Outcome.NOT_APPLIED


def spoilt(before: Run, draft: Draft, *, epoch: int | None = None, **columns: Any) -> Task:
    """The task behind ``draft``, sealed for its place and then given other columns."""
    epoch = before.task.epoch if epoch is None else epoch
    entry = seal(draft, run="R", head=before.task.head, at=before.at, epoch=epoch, code="t")
    return apply(before.task, replace(entry, **columns))


CANCEL = bodies.signal(id="s", kind="cancel", by="alice", at=BEGAN, body={"reason": "x"})


def test_an_entry_that_does_not_continue_the_chain_is_unsound_and_nothing_behind_it_counts() -> None:
    run = Run()
    for columns in (
        {"seq": 99},
        {"prev": "sha256:x"},
        {"run": "other"},
        {"fold_version": 2},
        {"fold_version": 0},
    ):
        task = spoilt(run, CANCEL, **columns)
        assert task.unsound, columns
        assert task.cancel is None
    entry = seal(CANCEL, run="R", head=task.head, at=run.at, epoch=1, code="t")
    behind = apply(task, entry)
    assert (behind.unsound, behind.cancel, behind.head.seq) == (task.unsound, None, entry.seq)


@pytest.mark.parametrize(
    "draft",
    [
        bodies.requested(actor="alice", source="cli"),
        bodies.confirmed(op="nowhere/1"),
        bodies.granted(escalation="E1", choice="resume", sends=0),
        bodies.decided(
            id="D", escalation="E1", choice="abort", by="a", basis="b", words={}, evidence=None, reason=""
        ),
        Draft(kind=Kind.TURNED, body={"to": "sideways", "reason": "x"}),
        Draft(kind=Kind.STOPPED, body={"scope": "desk"}),
        Draft(kind=Kind.VERIFIED, body={"scope": "a/1", "check": "c", "verdict": "pass", "facts": None}),
    ],
    ids=lambda d: str(d.kind),
)
def test_an_entry_that_contradicts_what_is_known_makes_the_task_unsound(draft: Draft) -> None:
    assert spoilt(Run(), draft).unsound


def test_only_the_next_epoch_claims() -> None:
    run = Run()
    assert not spoilt(run, run_claim(2), epoch=2).unsound
    for epoch in (1, 3):
        assert spoilt(run, run_claim(epoch), epoch=epoch).unsound


def run_claim(epoch: int) -> Draft:
    return bodies.claimed(
        worker="w", boot_id="A", pid_ns="n", pid=epoch, start_time=1, uid=1, lock_file="l",
        clock=Clock(boot_id="A", ms=1), predecessor=None, proven=[],
    )  # fmt: skip


def test_behind_the_end_only_reports_signals_and_claims_come() -> None:
    run = Run().append(bodies.closed(state="cancelled", reason="cancelled"))
    assert not spoilt(run, bodies.reported(to="x", ref="y")).unsound
    assert not spoilt(run, CANCEL).unsound
    assert not spoilt(run, run_claim(2), epoch=2).unsound
    assert spoilt(run, bodies.turned(to="completing", reason="x")).unsound


def test_an_attempt_comes_in_order_and_has_one_outcome() -> None:
    run = Run().intent()
    with pytest.raises(AssertionError, match="attempt"):
        Run().intent().append(bodies.intent(
            actor="w", credential="none", op="a/1", step="a", item=None, ordinal=1, undoes=None, attempt=3,
            tool="t",
            resource="r", arguments={}, key="k", digest="d", send_by=BEGAN, span_ms=1, facts={},
            granted=False,
        ))  # fmt: skip
    run.outcome(NOT_APPLIED)
    with pytest.raises(AssertionError, match="second outcome"):
        run.outcome(SUCCEEDED)


def test_an_earlier_attempt_without_a_definite_answer_keeps_the_operation_open() -> None:
    run = Run().sent(UNKNOWN).sent(NOT_APPLIED)
    operation = run.task.operation("a/1")
    assert operation.settled is None
    assert operation.last.follows_unknown
    assert run.sent(SUCCEEDED).task.operation("a/1").settled is SUCCEEDED
    assert run.task.key_replays == 1


def test_a_412_behind_an_unknown_attempt_is_no_conflict_and_one_alone_is() -> None:
    assert len(Run().sent(NOT_APPLIED, condition_failed=True).task.conflicts) == 1
    assert not Run().sent(UNKNOWN).sent(NOT_APPLIED, condition_failed=True).task.conflicts


def test_a_probe_settles_once_and_counts_what_was_found_applied() -> None:
    run = Run().sent(UNKNOWN).later(60_000).probe("applied")
    operation = run.task.operation("a/1")
    assert (operation.settled, operation.known, operation.observed) == (SUCCEEDED, Known.CONFIRMED, True)
    assert operation.accepted_at == run.at
    assert run.task.reconciled_applied == 1


def test_a_word_counts_also_where_an_answer_settled_the_operation() -> None:
    run = Run(UNDOABLE).sent(SUCCEEDED)
    for verdict, known in (
        ("applied", Known.CONFIRMED),
        ("not_applied", Known.REFUTED),
        ("unknown", Known.UNKNOWN),
    ):
        word = bodies.reconciled(
            actor="alice", role=Role.HUMAN, op="a/1", by="human", verdict=verdict, settles=None, grounded=[1],
            observed="", licence="attested", facts={},
        )  # fmt: skip
        operation = spoilt(run, word).operation("a/1")
        assert (operation.known, operation.settled) == (known, SUCCEEDED)


def test_a_new_intent_forgets_what_was_seen_before_it() -> None:
    run = Run().done().check("pass", "completion", check="a-there").check("pass", "due:b/1")
    assert "completion" in run.task.checks
    run.intent("a/2")
    assert set(run.task.checks) == {"a/1", "due:b/1"}


def test_time_counts_at_work_and_in_own_waits_and_not_while_somebody_else_has_to_act() -> None:
    run = Run().later(1_000).signal("poke")
    assert run.task.spent_ms == 1_000
    for reason in ("hold", "stop", "pause", "window", "confirmation", "connector"):
        waits = Run().append(bodies.waiting(reason=reason, until=None, row=17)).later(5_000)
        assert waits.moment().spent_ms(waits.task) == 0, reason
        assert waits.signal("poke").task.spent_ms == 0, reason
    own = (
        Run()
        .append(bodies.waiting(reason="backoff", until=instants.after(BEGAN, 2), row=15))
        .later(60_000)
        .claim()
    )
    assert own.task.spent_ms == 2_000, "the wait counts up to its end, the time without a worker does not"
    dead = Run().later(1_000).signal("poke").later(60_000).claim()
    assert dead.task.spent_ms == 1_000


def test_a_cancel_is_kept_as_first_said_and_a_refused_signal_changes_nothing() -> None:
    run = Run().signal("cancel", reason="first").signal("cancel", reason="second")
    assert run.task.cancel == "first"
    refused = bodies.signal(
        id="s", kind="pause", by="bob", at=BEGAN, body={}, refused={"code": "not_allowed", "message": "no"}
    )
    task = spoilt(run, refused)
    assert (task.paused, task.signals) == (False, 3)


def test_an_acknowledgement_or_an_answer_that_fits_nothing_changes_nothing() -> None:
    run = Run().signal("ack", escalation="E1").signal("confirm", op="a/1", answer="yes")
    assert run.task.escalations == ()
    assert not run.task.confirmations


def test_a_statement_that_a_process_is_dead_is_kept_as_first_made_and_restarted_on_another_host() -> None:
    run = Run().intent().claim("B").attest(1)
    first = run.task.attested[1]
    assert run.later(5_000).attest(1).task.attested[1] == first
    assert run.claim("B").task.attested[1] == first
    assert run.claim("A").task.attested[1] == run.clock


def test_who_saw_a_process_dead_is_the_first_claim_that_did() -> None:
    run = Run().claim("B").claim("A", proven=[1]).claim("B", proven=[1, 3])
    assert run.task.proven_dead == {1: 3, 3: 4}


def test_an_operation_that_was_left_is_finished_and_its_slot_too() -> None:
    run = (
        Run().sent(NOT_APPLIED).append(bodies.left(step="a", item=None, op="a/1", reason="retries_exhausted"))
    )
    assert run.task.operation("a/1").status is Status.LEFT
    assert run.task.left_slots == {("a", None): "retries_exhausted"}


def test_the_fold_of_nothing_is_an_empty_task() -> None:
    assert fold([], run="R") == Task(run="R")
