"""What the derived tables say of a run: when it is due, what it holds, what it sent, whom it told."""

from state import bodies, instants
from state.outcome import Outcome
from state.projection import project, row_of
from state.task import Task
from tests.decision_kit import Run


def test_a_run_with_nothing_to_wait_for_is_due_at_once() -> None:
    run = Run().later(3_000).signal("poke")
    assert row_of(run.task).due_at == run.at
    assert row_of(run.task).waiting_for is None


def test_a_wait_with_an_end_is_due_then_and_one_that_others_end_is_looked_at_again_or_never() -> None:
    run = Run()
    until = instants.after(run.at, 60)
    due = {
        reason: row_of(Run().append(bodies.waiting(reason=reason, until=end, row=17)).task).due_at
        for reason, end in (
            ("backoff", until),
            ("hold", None),
            ("stop", None),
            ("connector", until),
            ("pause", None),
            ("human", None),
        )
    }
    polled = instants.after(run.at, 5)
    assert due == {
        "backoff": until,
        "hold": polled,
        "stop": polled,
        "connector": until,
        "pause": None,
        "human": None,
    }


def test_an_escalation_is_due_at_its_next_level_and_named() -> None:
    run = Run()
    at = instants.after(run.at, 600)
    row = row_of(run.escalate("denied", next_level_at=at).task)
    assert (row.due_at, row.escalation, row.reason, row.waiting_for) == (at, "E1", "denied", "human")
    run.decide("resume")
    assert (row_of(run.task).escalation, row_of(run.task).due_at) == (None, run.at)


def test_an_end_is_never_due_and_frees_the_hold() -> None:
    run = Run()
    assert row_of(run.task).holds == ("r",)
    row = row_of(run.append(bodies.closed(state="cancelled", reason="asked")).task)
    assert (row.due_at, row.holds, row.state, row.reason, row.ended_at) == (
        None,
        (),
        "cancelled",
        "asked",
        run.at,
    )


def test_an_unsound_run_is_never_due() -> None:
    assert row_of(Task(run="R", unsound="x", waiting=None)).due_at is None


def test_every_send_is_an_attempt_on_its_resource() -> None:
    run = Run().sent(Outcome.NOT_APPLIED).later(1_000).sent(Outcome.SUCCEEDED)
    assert [(r, op, n) for r, op, n, _ in row_of(run.task).attempts] == [("r", "a/1", 1), ("r", "a/1", 2)]


def once(span_ms: int | None) -> Run:
    run = Run()
    terms = {**run.entries[2].body, "once_key": "prod/checkout", "once_span_ms": span_ms}
    fresh = Run.__new__(Run)
    fresh.plan, fresh.now, fresh.host, fresh.task, fresh.entries = run.plan, 0, "A", Task(run="R"), []
    fresh.append(
        bodies.requested(actor="alice", source="cli", by="alice", delivery="d-1"),
        bodies.admitted(actor="alice", **terms),
    )
    return fresh.claim()


def test_once_holds_while_the_run_lives_or_for_its_span() -> None:
    live, span = once(None), once(60_000)
    assert (row_of(live.task).once_key, row_of(live.task).once_until) == ("prod/checkout", None)
    assert row_of(span.task).once_until == instants.after(span.at, 60)
    end = bodies.closed(state="completed", reason="verified")
    assert row_of(live.append(end).task).once_key is None
    assert row_of(span.append(end).task).once_key == "prod/checkout"
    rejected = once(60_000).append(bodies.closed(state="rejected", reason="precondition_failed"))
    assert row_of(rejected.task).once_key is None, "what was not admitted may be asked for again"


def test_a_notice_is_an_outbox_row_of_the_entry_that_causes_it() -> None:
    run = Run()
    run.append(
        bodies.escalated(
            id="E1", reason="denied", code="", row=19, packet="p", basis="b", severity="low", step="",
            next_level_at=None, notice={"to": "role:oncall"},
        )
    )  # fmt: skip
    assert row_of(run.task).outbox == ({"id": f"R/{run.task.head.seq}", "to": "role:oncall"},)


def test_the_row_of_a_chain_is_the_row_of_its_task() -> None:
    run = Run().sent(Outcome.UNKNOWN)
    assert project(run.entries) == row_of(run.task)
