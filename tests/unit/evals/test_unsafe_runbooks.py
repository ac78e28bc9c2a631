"""Every unsafe runbook has its counterexample, and is proved once one line of it is mended."""

import pytest

from evals.unsafe.cases import FOLDER, cases, load
from policies.lint import lint
from policies.plan import compile_plan
from policies.proof.case import Case, Limits
from policies.proof.domain import sight_of
from policies.proof.laws import LAWS
from policies.proof.proof import Verdict
from policies.proof.prover import prove
from policies.proof.search import explore
from policies.proof.sight import Trust

CASES = {case.name: case for case in cases()}
ASKED_FOR = {
    "read-back-without-probe",
    "probe-absent-after-applying",
    "unverified-not-repeatable",
    "key-window-short",
    "rollback-unprovable",
    "check-passes-untouched",
    "limits-below-worst-case",
    "optional-needed",
    "steps-fight",
}


def case_of(runbook, contracts):
    """The runbook as it is explored, its own expressions asked of what the models show."""
    plan = compile_plan(runbook, contracts)
    given = {
        "name": runbook.id,
        "plan": plan,
        "limits": Limits(crashes=0, decisions=0, lies=1, blind=0),
        "conflicts": frozenset(step.id for step in runbook.steps if step.conflict_if),
        "resources": {(step.id, None): "seats" for step in runbook.steps},
    }
    trust = Trust(plan=plan, peers=Case(**given).peers)
    return Case(**given, given=sight_of(runbook, contracts, trust))


def told(folder):
    """What lint and the proof say: codes, laws of expressions and promises, and all of it as one text."""
    loaded, contracts = load(folder)
    problems = lint(loaded.value, contracts, loaded.document)
    proof = prove(loaded.value, contracts)
    assert (proof.verdict is Verdict.COUNTEREXAMPLE) is bool(proof.broken)
    assert proof.broken or proof.verdict is Verdict.PROVED, proof.bounds
    text = "\n".join([*map(str, problems), *(line for b in proof.broken for line in (b.what, *b.story))])
    return {p.code for p in problems}, proof.laws - LAWS.keys(), text


def test_all_that_were_asked_for_are_there():
    assert set(CASES) >= ASKED_FOR
    assert {path.name for path in FOLDER.iterdir() if (path / "runbook.yaml").exists()} == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_is_told_in_words_that_a_responder_understands(name, tmp_path):
    case = CASES[name]
    codes, laws, text = told(case.copy_to(tmp_path, mended=False))
    assert (codes, laws) == (set(case.lint), set(case.proof))
    assert codes or laws
    at = 0
    for word in case.words:
        assert word in text[at:], text
        at = text.index(word, at) + len(word)


@pytest.mark.parametrize("name", sorted(CASES))
def test_mended_by_one_line_nothing_is_found(name, tmp_path):
    codes, laws, text = told(CASES[name].copy_to(tmp_path, mended=True))
    assert (codes, laws) == (set(), set()), text


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_mend_is_one_line(name, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    CASES[name].copy_to(before, mended=False)
    CASES[name].copy_to(after, mended=True)
    old, new = ((f / CASES[name].mend.file).read_text().splitlines() for f in (before, after))
    assert len(set(old) - set(new)) <= 1
    assert len(set(new) - set(old)) <= 1
    assert old != new


def test_the_exploration_sees_what_the_expressions_say(tmp_path):
    """A probe that says absent of what was applied has the step done twice; mended, nothing is."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, mended in ((before, False), (after, True)):
        folder.mkdir()
        CASES["probe-absent-after-applying"].copy_to(folder, mended=mended)
    found, mended = (explore(case_of(loaded.value, known)) for loaded, known in map(load, (before, after)))
    assert {one.law for one in found.broken.values()} == {"at_most_once"}
    story = "\n".join(next(iter(found.broken.values())).story)
    for words in ("gives no answer", "says absent", "send 2 of the same operation", "applies it"):
        assert words in story
    assert (mended.broken, mended.complete) == ({}, True)


def test_it_never_completes_what_a_mended_one_completes(tmp_path):
    """Two steps that fight never complete, whatever happens."""
    CASES["steps-fight"].copy_to(tmp_path, mended=False)
    loaded, known = load(tmp_path)
    assert not [end for end in explore(case_of(loaded.value, known)).endings if end.startswith("completed")]
