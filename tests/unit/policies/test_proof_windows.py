"""A runbook that is small enough comes to the same whole and step by step; scenes of one name go on alike."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from evals.unsafe.cases import cases, load
from policies import flight
from policies.flight import Licence
from policies.proof.campaigns import BY_NAME, under
from policies.proof.from_runbook import case_of
from policies.proof.key import Names, key_of
from policies.proof.parts import Part, explore_part
from policies.proof.perform import move_of, successors
from policies.proof.scene import starts
from policies.proof.windows import windows_of
from remit.proving.reading import meant

UNSAFE = {case.name: case for case in cases()}
TWO_STEPS = ("optional-needed", "steps-fight")
CAMPAIGNS = ("outcomes", "models", "two decisions", "desk faults")


def mended(name, tmp_path):
    loaded, contracts = load(UNSAFE[name].copy_to(tmp_path, mended=True))
    return loaded.value, contracts


def both(given, campaign):
    """What is found whole, and what is found step by step."""
    case = case_of(*given)
    steps = tuple(step.id for step in case.plan.steps)
    whole = explore_part(*given, Part(name=campaign, window=steps))
    parts = [explore_part(*given, Part(name=campaign, window=window)) for window in windows_of(case)]
    assert len(parts) == len(steps) == 2
    assert not any(found.bound for found in (whole, *parts))
    return whole, parts


def joined(parts):
    ends = {end for found in parts for end in found.endings}
    rows = {row for found in parts for row in found.rows}
    return ends, rows, {broken.law for found in parts for broken in found.broken}


@pytest.mark.parametrize("campaign", CAMPAIGNS)
@pytest.mark.parametrize("name", TWO_STEPS)
def test_step_by_step_it_comes_to_the_same(name, campaign, tmp_path):
    whole, parts = both(mended(name, tmp_path), campaign)
    assert joined(parts) == joined([whole])


@pytest.mark.parametrize("campaign", ["desk faults", "beginnings"])
def test_item_by_item_it_comes_to_the_same(campaign):
    """Two steps over lists of two items each: four windows."""
    folder = "runbooks/entitlement-resync"
    (found,) = meant([folder], folder=None, cwd=Path(__file__).parents[3])
    given = (found.subject.runbook, found.subject.contracts)
    windows = windows_of(case_of(*given))
    assert [name for (name,) in windows] == ["add[0]", "add[1]", "remove[0]", "remove[1]"]
    whole = explore_part(*given, Part(name=campaign, window=tuple(name for (name,) in windows)))
    parts = [explore_part(*given, Part(name=campaign, window=window)) for window in windows]
    assert not any(found.bound for found in (whole, *parts))
    assert joined(parts) == joined([whole])


@pytest.mark.parametrize("name", TWO_STEPS)
def test_step_by_step_a_fault_breaks_the_same_laws(name, tmp_path, monkeypatch):
    monkeypatch.setattr(flight, "licence", lambda task, attempt, moment: Licence.PROVEN_DEAD)
    monkeypatch.setattr(flight, "quarantine_left_ms", lambda task, attempt, moment: 0)
    whole, parts = both(mended(name, tmp_path), "outcomes")
    assert joined(parts)[2] == joined([whole])[2] != set()


@pytest.mark.parametrize("campaign", ["outcomes", "crash", "two decisions", "denied", "confirm"])
def test_scenes_of_one_name_go_on_alike(campaign, tmp_path):
    """What the name leaves out changes no move and no name of what follows."""
    base = case_of(*mended("optional-needed", tmp_path))
    case = replace(under(base, BY_NAME[campaign]), beginnings=1)
    drawn, names, first = random.Random(campaign), Names(), {}
    queue = [scene for _, scene in starts(case)]
    compared = 0
    while queue and len(first) < 1_500:
        scene = queue.pop(drawn.randrange(len(queue)))
        name = key_of(scene, case, names)
        if name in first:
            if drawn.random() < 0.2:
                assert what_follows(scene, case, names) == what_follows(first[name], case, names)
                compared += 1
            continue
        first[name] = scene
        queue.extend(after for _, after in successors(scene, case, move_at(scene, case)))
    assert compared > 20


def move_at(scene, case):
    return None if scene.sending is not None else move_of(scene, case)


def what_follows(scene, case, names):
    move = move_at(scene, case)
    decided = None if move is None else (move.row, type(move))
    return decided, {key_of(after, case, names) for _, after in successors(scene, case, move)}
