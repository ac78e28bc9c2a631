"""In which lane a run stands, and that every lane is reached and none is left but as the table says."""

from state import bodies
from state.entry import Draft, Kind, seal
from state.fold import apply, fold
from state.lifecycle import ENDED, LIVE, NEXT, lane_of
from state.outcome import Outcome
from state.projection import row_of
from state.task import Task
from tests.decision_kit import BEGAN, UNDOABLE, Run


def lane(run: Run) -> str:
    return lane_of(run.task)


def test_each_lane() -> None:
    opening = Run(ready=False).entries
    seen = {
        "requested": lane_of(fold(opening[:1])),
        "interpreted": lane_of(fold(opening[:2])),
        "admitted": lane_of(fold(opening[:3])),
        "live/observing": lane(Run()),
        "live/acting": lane(Run().intent()),
        "live/resolving": lane(Run().sent(Outcome.UNKNOWN)),
        "live/verifying": lane(Run().sent(Outcome.SUCCEEDED)),
        "live/rolling_back": lane(Run(UNDOABLE).done().turn("rolling_back")),
        "live/completing": lane(Run().turn("completing")),
        "live/escalated": lane(Run().escalate("model")),
        **{
            f"live/waiting_{to}": lane(Run().append(bodies.waiting(reason=reason, until=None, row=17)))
            for reason, to in (
                ("backoff", "timer"),
                ("confirmation", "human"),
                ("window", "window"),
                ("hold", "hold"),
                ("stop", "stop"),
                ("pause", "pause"),
            )
        },
        **{
            f"ended/{end}": lane(Run().append(bodies.closed(state=end, reason="x")))
            for end in ENDED
            if end != "rejected"
        },
        "ended/rejected": lane_of(fold([*opening[:2], sealed_rejection(opening)])),
    }
    assert all(wanted == found for wanted, found in seen.items()), seen
    assert set(seen) | {"live/stuck"} == set(NEXT)


def sealed_rejection(opening: list[object]) -> object:
    head = fold(opening[:2]).head  # type: ignore[arg-type]
    draft = bodies.rejected(actor="alice", code="no_such_runbook", message="")
    return seal(draft, run="R", head=head, at=BEGAN, epoch=0, code="t")


def test_an_unsound_run_is_stuck() -> None:
    run = Run()
    entry = seal(
        Draft(kind=Kind.CONFIRMED, body={"op": "x"}),
        run="R",
        head=run.task.head,
        at=run.at,
        epoch=1,
        code="t",
    )
    assert lane_of(apply(run.task, entry)) == "live/stuck"


def test_the_table_leads_nowhere_from_an_end_and_only_a_human_leads_out_of_an_escalation() -> None:
    assert all(NEXT[f"ended/{end}"] == frozenset() for end in ENDED)
    assert {n for n in NEXT["live/escalated"] if n.startswith("ended/")} == {"ended/closed_by_human"}
    assert NEXT["live/stuck"] == {"live/stuck", "ended/closed_by_human"}
    assert {to for following in NEXT.values() for to in following} <= set(NEXT)
    assert {f"live/{name}" for name in LIVE} <= set(NEXT)


def test_an_attempt_that_flies_behind_a_settled_operation_is_no_resolving_lane() -> None:
    run = Run().intent().claim("B")
    assert lane(run) == "live/acting"


def test_an_empty_task_has_a_row() -> None:
    assert row_of(Task(run="R")).lane == "requested"
