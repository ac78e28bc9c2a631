"""Whatever is appended: the fold never raises, gives up in order, and counts time and sends only upwards."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from state import bodies, instants
from state.entry import Draft, Entry, Kind, Role
from state.fold import apply, fold
from state.holder import extend
from state.lifecycle import NEXT, lane_of
from state.outcome import Outcome
from state.projection import project, row_of
from state.task import Clock, Task

BEGAN = "2026-01-01T00:00:00.000000Z"
CLOCK = Clock(boot_id="A", ms=5)
OPS = st.sampled_from(["a/1", "a/2", "b[0]/1", "undo:a/1/1"])
VERDICTS = st.sampled_from(["pass", "fail", "unknown"])
EFFECTS = st.sampled_from(["applied", "absent", "unknown", "not_applied"])
SMALL = st.integers(0, 3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "a/1", BEGAN, "2026",
    "rolling_back"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["op", "a", "ms"]), inner,
    max_size=2),
    max_leaves=4,
)  # fmt: skip


def _intent(op: str, attempt: int, granted: bool) -> Draft:
    return bodies.intent(
        actor="w", credential="none", op=op, step=op[0], item=None, ordinal=1,
        undoes="a/1" if op.startswith("undo") else None, attempt=attempt, tool="t", resource="r",
        arguments={}, key="k",
        digest="d", send_by=BEGAN, span_ms=10, facts={}, granted=granted,
    )  # fmt: skip


def _outcome(op: str, attempt: int, outcome: Outcome, flags: tuple[bool, bool, bool]) -> Draft:
    counts, failed, pauses = flags
    return bodies.outcome(
        actor="w", credential="none", op=op, attempt=attempt, outcome=outcome, code="", detail="",
        result=None,
        condition_failed=failed, pauses=pauses, counts=counts, returned=CLOCK,
    )  # fmt: skip


def _reconciled(op: str, by: str, verdict: str, settles: Outcome | None, grounded: list[int]) -> Draft:
    return bodies.reconciled(
        actor="w", role=Role.VERIFIER, op=op, by=by, verdict=verdict, settles=settles, grounded=grounded,
        observed="", licence="", facts={"x": {"value": 1}}, absorbs=len(grounded) == 1,
    )  # fmt: skip


def _verified(scope: str, verdict: str, effect: str | None, absorbs: bool) -> Draft:
    return bodies.verified(
        actor="w", scope=scope, check="c", expected="", observed="", verdict=verdict, facts={},
        max_gap_ms=1_000,
        effect=effect, absorbs=absorbs,
    )  # fmt: skip


def _signal(kind: str, body: dict[str, Any], refused: bool) -> Draft:
    why = {"code": "c", "message": "m"} if refused else None
    return bodies.signal(id="s", kind=kind, by="alice", at=BEGAN, body=body, refused=why)


SIGNAL_BODIES = st.sampled_from(
    [
        {"reason": "x"},
        {"escalation": "E1"},
        {"epochs": [1, 2], "clock": {"boot_id": "A", "ms": 7}},
        {"op": "a/1", "answer": "yes"},
    ]
)
DRAFTS: st.SearchStrategy[Draft] = st.one_of(
    st.builds(_intent, OPS, st.integers(1, 3), st.booleans()),
    st.builds(_outcome, OPS, st.integers(1, 3), st.sampled_from(Outcome), st.tuples(*[st.booleans()] * 3)),
    st.builds(
        _reconciled, OPS, st.sampled_from(["probe", "human"]), EFFECTS,
        st.none() | st.sampled_from([Outcome.SUCCEEDED, Outcome.NOT_APPLIED]), st.lists(st.integers(1, 3)),
    ),
    st.builds(
        _verified, OPS | st.sampled_from(["completion", "rollback", "due:a/1"]), VERDICTS,
        st.none() | EFFECTS, st.booleans()
    ),
    st.builds(lambda op: bodies.confirmed(op=op), OPS),
    st.builds(lambda op: bodies.left(step="a", item=None, op=op, reason="r"), st.none() | OPS),
    st.builds(lambda to: bodies.turned(to=to, reason="r"), st.sampled_from(["rolling_back", "completing",
    "forward"])),
    st.builds(lambda op: bodies.denied(actor="w", role=Role.EXECUTOR, op=op, code="c", guard="g", digest="",
    message=""), OPS),
    st.builds(
        lambda v: bodies.checked(actor="w", id="p", verdict=v, expected="", observed="", facts={}), VERDICTS
    ),
    st.builds(
        lambda n: bodies.escalated(
            id=f"E{n}", reason="refused", code="", row=14, packet="p", basis="b", severity="low", step="",
            next_level_at=None,
            notice={"to": "x"} if n else None,
        ), SMALL,
    ),
    st.builds(
        lambda n, choice: bodies.decided(
            id="D", escalation=f"E{n}", choice=choice, by="alice", basis="b", words={}, evidence=None,
            reason=""
        ), SMALL, st.sampled_from(["resume", "retry_once", "roll_back", "abort"]),
    ),
    st.builds(
        lambda choice: bodies.granted(escalation="E1", choice=choice, sends=int(choice == "retry_once")),
        st.sampled_from(["resume", "retry_once", "roll_back"]),
    ),
    st.builds(
        _signal,
        st.sampled_from(["cancel", "pause", "unpause", "ack", "attest", "confirm", "poke"]), SIGNAL_BODIES,
        st.booleans(),
    ),
    st.builds(
        lambda reason: bodies.waiting(reason=reason, until=instants.after(BEGAN, 60), row=8),
        st.sampled_from(["backoff", "quarantine", "hold", "stop", "human"]),
    ),
    st.builds(lambda n: bodies.notified(escalation=f"E{n}", level=2, next_level_at=None,
    notice={"to": "y"}), SMALL),
    st.builds(lambda n: bodies.hydrated(actor="w", **[
        {"bindings": {}, "resources": ["r"]}, {"holds": ["r"]}, {"initial": {}, "items": {"b": [1]}},
        {"problem": "x"},
    ][n]), SMALL),
    st.just(bodies.closed(state="completed", reason="verified")),
)  # fmt: skip
Steps = list[tuple[Draft, int, bool]]
STEPS = st.lists(st.tuples(DRAFTS, st.integers(0, 5_000), st.booleans()), max_size=25)


def _opening() -> list[Draft]:
    return [
        bodies.requested(actor="alice", source="cli", by="alice"),
        bodies.admitted(
            actor="alice", runbook="x", version=1, inputs={}, target="t", mode="delegated", solo=True,
            pins={"runbook": "d"},
            once_key="k", once_span_ms=1_000, delivery=None, deadline_ms=1_000, severity="low",
            requester="alice",
        ),
    ]  # fmt: skip


def _claim(epoch: int) -> Draft:
    return bodies.claimed(
        worker="w", boot_id="A", pid_ns="n", pid=1, start_time=1, uid=1, lock_file="l", clock=CLOCK,
        predecessor=None,
        proven=[epoch - 1] if epoch > 1 else [],
    )  # fmt: skip


def _chain(steps: Steps, *, sound: bool = False) -> tuple[list[Task], list[Entry]]:
    """The task behind each entry of a claimed run; ``sound`` leaves out what would make it unsound."""
    task, entries, at = Task(run="R"), [], BEGAN
    tasks: list[Task] = []
    plain = [(d, 0, False) for d in _opening()]
    for draft, ms, crash in [*plain, (_claim(1), 0, False), *steps]:
        at = instants.after(at, ms / 1000)
        drafts = [(draft, task.epoch + (draft.kind is Kind.CLAIMED))]
        if crash:
            drafts.append((_claim(task.epoch + 1), task.epoch + 1))
        for one, epoch in drafts:
            then, sealed = extend(task, (one,), at=at, epoch=epoch, code="t")
            if sound and then.unsound:
                continue
            task = then
            entries += sealed
            tasks.append(task)
    return tasks, entries


@given(STEPS)
def test_the_fold_of_a_prefix_goes_on_to_the_fold_of_all(steps: Steps) -> None:
    tasks, entries = _chain(steps)
    assert fold(entries, run="R") == tasks[-1]
    half = len(entries) // 2
    task = fold(entries[:half], run="R")
    for entry in entries[half:]:
        task = apply(task, entry)
    assert task == tasks[-1]
    assert project(entries) == row_of(tasks[-1])


@given(STEPS)
def test_time_sends_grants_and_signals_only_grow_and_a_decision_alone_gives_time_afresh(
    steps: Steps,
) -> None:
    tasks, entries = _chain(steps, sound=True)
    for before, after, entry in zip(tasks, tasks[1:], entries[1:], strict=False):
        assert after.spent_ms >= 0
        assert after.spent_ms >= before.spent_ms or entry.kind is Kind.GRANTED
        assert len(after.attempts) >= len(before.attempts)
        assert after.granted >= before.granted
        assert after.signals >= before.signals
        assert after.epoch >= before.epoch
        assert before.proven_dead.keys() <= after.proven_dead.keys()
        assert after.head.seq == before.head.seq + 1


@given(STEPS)
def test_what_is_unsound_or_closed_stays_so_and_lanes_follow_their_table(
    steps: Steps,
) -> None:
    tasks, _ = _chain(steps)
    for before, after in itertools.pairwise(tasks):
        if before.unsound:
            assert after.unsound == before.unsound
            continue
        if before.closed is not None:
            assert after.closed == before.closed
        assert lane_of(after) in NEXT
        row_of(after)


@given(STEPS)
def test_an_attempt_has_one_outcome_and_a_settled_operation_is_never_settled_otherwise(
    steps: Steps,
) -> None:
    tasks, _ = _chain(steps, sound=True)
    for before, after in itertools.pairwise(tasks):
        for operation in before.operations:
            now = after.operation(operation.id)
            for was, is_ in zip(operation.attempts, now.attempts, strict=False):
                assert was.outcome is None or is_.outcome is was.outcome
                assert is_.grounded or not was.grounded
            same = len(now.attempts) == len(operation.attempts)
            if same and operation.settled is not None and not after.unsound:
                assert now.settled is operation.settled


@given(steps=STEPS, draft=DRAFTS, name=st.integers(0, 20), value=JSON)
def test_a_body_of_any_shape_makes_a_task_or_an_unsound_one(
    steps: Steps, draft: Draft, name: int, value: Any
) -> None:
    task = _chain(steps, sound=True)[0][-1]
    spoilt = {**draft.body, sorted(draft.body)[name % len(draft.body)]: value}
    after, _ = extend(task, (Draft(kind=draft.kind, body=spoilt),), at=BEGAN, epoch=task.epoch, code="t")
    assert after.head.seq == task.head.seq + 1
