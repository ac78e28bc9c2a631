"""The disk of a run fails at each of its commits: full, half written, without sync, without a checkpoint."""

import pytest

from evals.crash.blows import AILMENTS, Ailment
from evals.crash.report import render
from evals.crash.rounds import enumerate_ailments
from evals.crash.subjects import SHORT, SPOILT

BRIEFLY = (Ailment(how="full"), Ailment(how="sync", times=1))


def holds(outcome, ailments):
    assert outcome.findings == []
    assert outcome.times == len(outcome.cases)
    commits = sum(p.point == "before_commit" for life in outcome.lives for p in life.traces[0].first)
    assert len(outcome.cases) == commits * len(ailments)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_disk_and_a_failed_sync_at_each_commit_send_nothing_and_lose_nothing(tmp_path):
    outcome = enumerate_ailments(tmp_path, SHORT, BRIEFLY)
    print(render(outcome, "with a failing disk"))
    holds(outcome, BRIEFLY)


@pytest.mark.crash
@pytest.mark.timeout(1400)
def test_every_way_to_fail_at_every_commit(tmp_path, capsys):
    outcome = enumerate_ailments(tmp_path, SPOILT, AILMENTS)
    with capsys.disabled():
        print("\n" + render(outcome, "with a failing disk"))
    holds(outcome, AILMENTS)
