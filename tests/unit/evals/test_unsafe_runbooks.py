"""Every unsafe runbook has its counterexample, and is proved once one line of it is mended."""

import pytest

from evals.unsafe.cases import FOLDER, cases, load
from policies.lint import lint
from policies.proof.expressions import judge

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


def told(folder):
    """What lint and the proof of the expressions say: codes, laws, and all of it as one text."""
    loaded, contracts = load(folder)
    problems = lint(loaded.value, contracts, loaded.document)
    broken = judge(loaded.value, contracts).broken
    text = "\n".join([*map(str, problems), *(one.text for one in broken)])
    return {p.code for p in problems}, {one.law for one in broken}, text


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
