"""A run is killed before and behind every durable write and every send of its, and again in its recovery."""

import pytest

from evals.crash.places import AT
from evals.crash.report import render
from evals.crash.rounds import enumerate_kills
from evals.crash.subjects import AGAIN, SHORT, SUBJECTS

LEAST = 1_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_killed_at_each_of_its_places_is_carried_on_once(tmp_path):
    outcome = enumerate_kills(tmp_path, SHORT)
    print(render(outcome))
    assert outcome.findings == []
    assert outcome.times == len(outcome.cases) >= 20
    assert {place.point for case in outcome.cases for place in case.places} == set(AT)


@pytest.mark.crash
def test_every_kind_at_every_place_and_two_kinds_again_in_every_recovery(tmp_path, capsys):
    outcome = enumerate_kills(tmp_path, list(SUBJECTS), again=AGAIN)
    with capsys.disabled():
        print("\n" + render(outcome))
    assert outcome.findings == []
    assert outcome.times >= LEAST
