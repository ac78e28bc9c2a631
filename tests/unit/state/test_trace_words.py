"""A trace says each entry in one line, and of every kind more than its name."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evals.golden.keeping import read
from state.entry import DESK, Kind
from state.terms import Terms
from state.trace import MAX_SAYS, says, trace_of

GOLDEN = read(Path(__file__).parents[2] / "fixtures" / "ledgers" / "fold-1")
RUNS = [run for run in GOLDEN.entries if run != DESK]


def said(kind: Kind, body: Any) -> str:
    entry: Any = SimpleNamespace(kind=kind, body=body)
    return says(entry)


@pytest.mark.parametrize("run", RUNS, ids=[GOLDEN.kept["runs"][run]["shows"] for run in RUNS])
def test_every_entry_of_a_real_run_is_said_and_every_attempt_is_counted(run: str) -> None:
    task, entries = GOLDEN.task(run), GOLDEN.entries[run]
    trace = trace_of(task, entries, Terms())
    assert [e["seq"] for e in trace["entries"]] == [e.seq for e in entries]
    for line in trace["entries"]:
        assert line["says"] != line["kind"]
        assert "\n" not in line["says"]
    attempts = [a for place in trace["retries"].values() for a in place["attempts"]]
    assert sorted(a["seq"] for a in attempts) == [e.seq for e in entries if e.kind is Kind.INTENT]


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        (Kind.HYDRATED, {"refusal": "no such person"}, "the inputs stand for nothing: no such person"),
        (Kind.HYDRATED, {"problem": "timeout"}, "not readable now: timeout"),
        (Kind.HYDRATED, {"facts": {"a": 1}, "items": {}}, "read facts"),
        (Kind.HYDRATED, {}, "read nothing"),
        (
            Kind.CHECKED,
            {"conflict": {"what": "pid", "expected": 1, "observed": 2}},
            "conflict: pid was 1, is 2",
        ),
        (
            Kind.SIGNAL,
            {"kind": "pause", "by": "ann", "refused": {"code": "run_ended"}},
            "pause by ann, not taken: run_ended",
        ),
        (Kind.CLAIMED, {"worker": "w2", "predecessor": None}, "claimed by w2"),
        (
            Kind.CLAIMED,
            {"worker": "w2", "predecessor": {"epoch": 1, "worker": "w2", "ended": "released"}},
            "taken up again by w2",
        ),
        (
            Kind.CLAIMED,
            {"worker": "w2", "predecessor": {"epoch": 1, "worker": "w1", "ended": "released"}},
            "claimed by w2, after worker w1 gave it back",
        ),
        (
            Kind.CLAIMED,
            {"worker": "w2", "predecessor": {"epoch": 1, "worker": "w1", "ended": "exited"}},
            "claimed by w2, after worker w1 had ended",
        ),
        (Kind.REPORTED, {"to": "tickets", "ref": "17"}, "reported to tickets 17"),
        (Kind.LEFT, {"op": None, "step": "mark", "reason": "refused"}, "mark left: refused"),
        (
            Kind.WAITING,
            {"reason": "hold", "until": None, "detail": "r2"},
            "waits (hold) until somebody says something r2",
        ),
    ],
)
def test_what_an_entry_says(kind: Kind, body: Any, line: str) -> None:
    assert said(kind, body) == line


def test_a_body_that_is_not_sound_is_said_by_its_kind_alone() -> None:
    assert said(Kind.INTENT, {}) == "intent"
    assert said(Kind.CLAIMED, {"worker": "w", "predecessor": 3}) == "claimed"
    assert said(Kind.STOPPED, {"scope": "desk"}) == "stopped"  # an entry of no run


def test_a_line_is_one_line_and_short() -> None:
    line = said(Kind.REJECTED, {"code": "bad", "message": "a\nb  c " + "x" * 500})
    assert line.startswith("rejected: bad: a b c xxx")
    assert (len(line), line[-1]) == (MAX_SAYS, "…")
