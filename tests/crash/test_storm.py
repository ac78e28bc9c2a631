"""The storm, in its long form, in a short one, and with each bug that it must notice."""

import pytest

from evals.storm import storm
from evals.storm.cases import Phase, long_form, short_form
from evals.storm.seeded import BUGS


def holds(report):
    print(report.render())
    assert [str(f) for f in report.findings] == []
    assert [str(v) for v in report.violations] == []
    assert report.sound, "the ledger does not verify"
    assert report.idle, "another drain changed something"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_dozen_runs_come_through(tmp_path):
    holds(storm.run(tmp_path, short_form(), drains=[]))


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_three_hundred_runs_come_through(tmp_path, capsys):
    report = storm.run(tmp_path, long_form())
    with capsys.disabled():
        print("\n" + report.render())
    holds(report)
    assert len(report.cases) >= 300
    assert 2 * len(report.killed) >= len(report.cases)
    assert all(n >= 5 for n in report.kills().values()), report.kills()
    assert set(report.kills()) == set(Phase) - {Phase.NOT_KILLED}
    assert report.exhausted >= 30


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_seeded_bug_turns_it_red(tmp_path, bug):
    report = storm.run(tmp_path, [c for c in short_form() if c.kind == "read_back"], drains=[], seed=bug)
    assert "duplicate" in {f.code for f in report.findings}, report.render()
