"""A worker is stopped at each place of a run, another takes over, and the first is continued too late."""

import pytest

from evals.crash.blows import Scene
from evals.crash.report import render
from evals.crash.rounds import Manner, enumerate_stops
from evals.crash.subjects import SHORT, STOPPED_AT

AROUND_THE_SEND = Manner(
    at=("after_commit:4", "before_commit:5", "after_commit:5", "before_post:1", "after_post:1", "reply:1")
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_worker_stopped_around_its_first_send_comes_too_late(tmp_path):
    outcome = enumerate_stops(tmp_path, SHORT, (Scene.TAKEN,), manner=AROUND_THE_SEND)
    print(render(outcome, "stopped"))
    assert outcome.findings == []
    assert outcome.times == len(AROUND_THE_SEND.at)
    assert sum(case.taken for case in outcome.cases) >= len(AROUND_THE_SEND.at) - 1  # one holds the lock
    assert any(case.runs[0]["reason"] == "unproven_sender" for case in outcome.cases)


@pytest.mark.crash
@pytest.mark.timeout(1400)
def test_stopped_at_every_place_on_this_host_and_on_another(tmp_path, capsys):
    outcome = enumerate_stops(tmp_path, STOPPED_AT, tuple(Scene))
    with capsys.disabled():
        print("\n" + render(outcome, "stopped"))
    assert outcome.findings == []
    assert outcome.times == len(outcome.cases)
