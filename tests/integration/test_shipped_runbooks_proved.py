"""Every shipped runbook is proved: quickly here, on every path by ``make prove``, the sample by both."""

from pathlib import Path

import pytest

from policies.proof.campaigns import Depth
from policies.proof.proof import Verdict
from policies.proof.prover import prove
from remit.proving.reading import meant

ROOT = Path(__file__).parents[2]
SHIPPED = ("runbooks", "remit/sample/runbooks")  # as the Makefile names them to ``remit runbook prove``
FOUND = {one.file: one.subject for one in meant(SHIPPED, folder=None, cwd=ROOT)}
SAMPLE = "remit/sample/runbooks/maintenance-page.yaml"
STATES = 60_000  # of one part of a full proof, far above what any needs: a proof must not grow unseen


def test_all_are_there():
    files = {str(p.relative_to(ROOT)) for p in (ROOT / "runbooks").glob("*/runbook.yaml")}
    assert set(FOUND) == {SAMPLE, *files}
    assert len(FOUND) >= 4


def test_make_prove_means_the_same():
    (line,) = (x for x in (ROOT / "Makefile").read_text().splitlines() if x.startswith("SHIPPED"))
    assert tuple(line.partition(":=")[2].split()) == SHIPPED
    assert " prove " in (ROOT / ".ci" / "run").read_text().partition("for target in")[2].partition(";")[0]


def proved(subject, depth):
    proof = prove(subject.runbook, subject.contracts, depth=depth, states=STATES)
    assert (proof.verdict, proof.bounds) == (Verdict.PROVED, ()), proof.text()
    return proof


@pytest.mark.parametrize("file", sorted(FOUND))
def test_a_shipped_runbook_is_proved_quickly(file):
    assert "completed (verified)" in {e.end for e in proved(FOUND[file], Depth.QUICK).endings}


def test_the_sample_that_init_accepts_is_proved_on_every_path():
    proof = proved(FOUND[SAMPLE], Depth.FULL)
    assert {"completed (verified)", "cancelled (cancelled)"} <= {e.end for e in proof.endings}
