"""No runbook with a counterexample is approved, and every approval says which proof it rests on."""

import json
import shutil
from dataclasses import replace

import pytest

from evals.storm.desk import AT_ONCE as AT_ONCE_FLAGS
from evals.unsafe.cases import cases
from policies.approval import PRINCIPALS, approval
from policies.in_force import fold_desk
from policies.proof.prover import Depth
from remit.cli.app import run
from remit.desk import payload_key
from remit.proving import keeping
from remit.proving.gate import Prover
from remit.proving.keeping import Keep
from remit.proving.spread import AT_ONCE, Bounds
from remit.proving.subject import subject_of_candidate
from state import canonical
from state.entry import DESK, Kind
from state.ledger.payload import payload_of
from tests.desk_kit import desks, me

UNSAFE = {case.name: case for case in cases()}
ENTRY = """
  - runbook: {ref}
    mode: delegated
    request: [operator]
    decide: [oncall, owner]
    target: "{{inputs.account}}"
    targets: ["acc-*"]
    resources: {{"acc-*": ["seats/acc-*"]}}

approval:"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk") / "t"
    assert run(["init", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def made(template, tmp_path, monkeypatch, capsys):
    """A desk with one of the unsafe runbooks, as it is or mended, and with an entry in its delegation."""
    monkeypatch.setenv("SEATS_URL", "http://127.0.0.1:9")

    def makes(name, *, mended=False):
        folder = tmp_path / "desk"
        shutil.copytree(template, folder)
        (tmp_path / "files").mkdir()
        UNSAFE[name].copy_to(tmp_path / "files", mended=mended)
        shutil.copy(tmp_path / "files" / "runbook.yaml", folder / "runbooks" / f"{name}.yaml")
        shutil.copy(tmp_path / "files" / "connector.yaml", folder / "connectors" / "seats.yaml")
        delegation = folder / "delegation.yaml"
        delegation.write_text(delegation.read_text().replace("\napproval:", ENTRY.format(ref=f"{name}@1"), 1))
        monkeypatch.setenv("REMIT_DESK", str(folder))
        keeping._MEMORY.clear()
        capsys.readouterr()
        return folder

    return makes


@pytest.fixture
def opened():
    with desks() as opens:
        yield opens


def approved(desk, scope):
    return [e.body for e in desk.ledger.read(DESK) if e.kind is Kind.APPROVED and e.body["scope"] == scope]


@pytest.mark.parametrize("name", sorted(UNSAFE))
def test_an_unsafe_runbook_cannot_be_approved_by_command_nor_by_code(made, opened, capsys, name):
    folder, ref = made(name), f"{name}@1"
    reason = ["--accept-not-exhausted", "we are in a hurry"]
    for more in ([], reason, [*reason, "--quick", "--seconds", "0"]):
        code = run(["runbook", "approve", name, "--yes", *more])
        err = capsys.readouterr().err
        if UNSAFE[name].lint:
            assert (code, "[lint]" in err) == (2, True), err
        else:
            assert (code, "[counterexample]" in err.replace("\n", "")) == (5, True), err
            assert f"next: remit runbook prove {ref}" in err
        assert "nothing was approved" in err
    desk = opened(folder)
    (change,) = [c for c in desk.changes() if c.scope == ref]
    (done,) = desk.approve([change], me(desk), accepted="we are in a hurry")
    assert (done.state, done.verdict.code) == ("refused", "counterexample")
    assert ref not in desk.in_force.runbooks
    assert approved(desk, ref) == []


@pytest.mark.parametrize("name", ["check-passes-untouched", "optional-needed", "steps-fight"])
def test_lint_names_the_law_with_line_and_column(made, capsys, name):
    folder = made(name)
    assert run(["runbook", "lint", name, "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)
    assert [problem["code"]] == list(UNSAFE[name].proof)
    assert problem["file"] == f"runbooks/{name}.yaml"
    assert not problem["warning"]
    assert f"remit runbook prove {name}" in problem["message"]
    line = (folder / "runbooks" / f"{name}.yaml").read_text().splitlines()[problem["line"] - 1]
    assert line[problem["column"] - 1 :].strip()
    assert problem["line"] > 1
    assert run(["runbook", "lint", name]) == 2
    assert f"runbooks/{name}.yaml:{problem['line']}:{problem['column']} " in capsys.readouterr().out


def test_mended_it_is_proved_fully_and_the_approval_records_the_proof(made, opened, capsys):
    folder = made("limits-below-worst-case", mended=True)
    ref = "limits-below-worst-case@1"
    assert run(["runbook", "approve", "limits-below-worst-case", "--yes"]) == 0
    assert f"{ref}: proved (full: " in capsys.readouterr().err
    desk = opened(folder)
    (body,) = approved(desk, ref)
    assert (body["proof"]["verdict"], body["proof"]["depth"]) == ("proved", "full")
    assert body["proof"]["states"] > 100
    assert "accepted" not in body["proof"]
    assert run(["runbook", "prove", "limits-below-worst-case", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told.pop("kept") is True
    del told["file"]
    assert canonical.digest(told) == body["proof"]["digest"]
    assert desk.in_force.runbooks[ref].proof == body["proof"]
    assert all("proof" not in body for body in approved(desk, PRINCIPALS))


def test_less_than_a_full_proof_needs_a_reason_that_the_approval_keeps(made, opened, capsys):
    folder = made("check-passes-untouched", mended=True)
    name, ref = "check-passes-untouched", "check-passes-untouched@1"
    given = ["runbook", "approve", name, "--yes", "--seconds", "0"]
    assert run(given) == 5
    err = capsys.readouterr().err
    assert "not_exhausted" in err
    assert "--accept-not-exhausted WHY" in err.replace("\n", "")
    assert run([*given, "--quick"]) == 2
    assert run([*given, "--accept-not-exhausted", " "]) == 2
    assert run([*given, "--accept-not-exhausted", "x" * 301]) == 2
    desk = opened(folder)
    assert approved(desk, ref) == []
    assert run([*given, "--accept-not-exhausted", "the  machine is small"]) == 0
    (body,) = approved(desk, ref)
    assert body["proof"]["verdict"] == "not_exhausted"
    assert body["proof"]["accepted"] == "the machine is small"
    assert body["proof"]["bounds"]
    assert body["by"] == me(desk).name


def test_a_quick_proof_alone_is_not_enough(made, opened):
    desk = opened(made("limits-below-worst-case", mended=True))
    changes = [c for c in desk.changes() if c.scope.startswith("limits")]
    quick = desk.prover(depth=Depth.QUICK, bounds=Bounds(seconds=60, workers=1))
    (done,) = desk.approve(changes, me(desk), prover=quick)
    assert (done.state, done.verdict.code) == ("refused", "not_exhausted")
    (done,) = desk.approve(changes, me(desk), prover=quick, accepted="it is small")
    assert done.proof["verdict"] == "proved"
    assert (done.state, done.proof["depth"], done.proof["accepted"]) == ("approved", "quick", "it is small")


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        ({"verdict": "counterexample", "depth": "full", "accepted": "yes"}, "its proof is a counterexample"),
        ({"verdict": "not_exhausted", "depth": "full"}, "it is not proved on every path"),
        ({"verdict": "proved", "depth": "quick", "accepted": ""}, "it is not proved on every path"),
        ({}, "its proof is a counterexample"),
    ],
)
def test_an_approval_that_was_written_past_the_gate_is_not_in_force(made, opened, proof, why):
    desk = opened(made("check-passes-untouched"))
    (change,) = [c for c in desk.changes() if c.scope == "check-passes-untouched@1"]
    known = desk.in_force.contents
    draft = approval(
        bundle=change.candidate.bundle, scope=change.scope, was=None, by=me(desk).name, author=me(desk).name,
        solo=True, contents={d: t for d, t in change.candidate.contents.items() if d not in known},
        proof=proof,
    )  # fmt: skip
    desk.ledger.append_desk([draft], at=desk.ledger.now(), code="another")
    view = fold_desk(desk.ledger.read(DESK))
    assert change.scope not in view.runbooks
    assert why in view.ignored[-1]


# kept proofs


@pytest.fixture
def subject(made, opened):
    desk = opened(made("limits-below-worst-case", mended=True))
    (change,) = [c for c in desk.changes() if c.scope.startswith("limits")]
    return desk, subject_of_candidate(change.candidate)


def quick(desk, bounds=AT_ONCE):
    keeping._MEMORY.clear()  # what stands on the disk is asked
    return desk.prover(depth=Depth.QUICK, bounds=bounds)


def test_a_kept_proof_is_used_again_and_says_the_same(subject):
    desk, this = subject
    whole = Bounds(seconds=60, workers=1)
    first = quick(desk, whole).prove(this)
    again = quick(desk, whole).prove(this)
    assert (first.kept, again.kept) == (False, True)
    assert first.proof == again.proof
    assert first.digest == again.digest


def test_one_that_was_not_exhausted_serves_no_greater_bound(subject):
    desk, this = subject
    assert quick(desk).prove(this).kept is False
    assert quick(desk).prove(this).kept is True
    longer = quick(desk, Bounds(seconds=60, workers=1)).prove(this)
    assert (longer.kept, str(longer.proof.verdict)) == (False, "proved")
    assert quick(desk).prove(this).proof == longer.proof


def test_another_contract_runbook_or_prover_is_proved_anew(subject, monkeypatch):
    desk, this = subject
    quick(desk).prove(this)
    name, contract = next((n, c) for n, c in this.contracts.items() if c.read_lag_s)
    slower = contract.model_copy(update={"read_lag_s": contract.read_lag_s + 1})
    assert quick(desk).prove(replace(this, contracts={**this.contracts, name: slower})).kept is False
    assert quick(desk).prove(replace(this, digest="sha256:" + "0" * 64)).kept is False
    assert quick(desk).prove(this).kept is True
    monkeypatch.setattr("remit.proving.subject.prover_digest", lambda: "another")
    assert quick(desk).prove(this).kept is False


def test_a_change_of_a_contract_has_the_next_approval_proved_anew(made, opened, capsys):
    folder, name = made("limits-below-worst-case", mended=True), "limits-below-worst-case"
    assert run(["runbook", "prove", name, "--quick", "--seconds", "0"]) == 7
    assert run(["runbook", "approve", name, "--yes", *AT_ONCE_FLAGS]) == 0
    assert "proved before" in capsys.readouterr().err
    connector = folder / "connectors" / "seats.yaml"
    text = connector.read_text()
    assert "not_applied: [429]" in text
    connector.write_text(text.replace("not_applied: [429]", "not_applied: [503]"))
    assert run(["runbook", "approve", name, "--yes", *AT_ONCE_FLAGS]) == 0
    assert "proved before" not in capsys.readouterr().err
    assert len(approved(opened(folder), f"{name}@1")) == 2


@pytest.mark.parametrize("spoil", ["seal", "text", "empty", "name"])
def test_a_kept_proof_that_was_touched_is_not_taken(subject, spoil):
    desk, this = subject
    quick(desk).prove(this)
    (file,) = [p for p in (desk.settings.private / "proofs").iterdir() if this.key(Depth.QUICK)[7:] in p.name]
    seal, text = file.read_text().splitlines()
    match spoil:
        case "seal":
            file.write_text(f"{seal[:-1]}{'0' if seal[-1] != '0' else '1'}\n{text}\n")
        case "text":
            file.write_text(f"{seal}\n{text.replace('not_exhausted', 'proved')}\n")
        case "empty":
            file.write_text("")
        case "name":
            other = file.with_name(replace(this, digest="sha256:" + "0" * 64).key(Depth.QUICK)[7:] + ".json")
            shutil.copy(file, other)
            this = replace(this, digest="sha256:" + "0" * 64)
    assert quick(desk).prove(this).kept is False


def test_a_proof_of_another_desk_is_not_taken(subject, tmp_path):
    desk, this = subject
    quick(desk).prove(this)
    keeping._MEMORY.clear()
    other = Keep(desk.settings.private, lambda: bytes(32))
    assert payload_key(desk.settings) != bytes(32)
    assert Prover(other, depth=Depth.QUICK, bounds=AT_ONCE).prove(this).kept is False


def test_a_seal_made_as_digests_of_payloads_are_opens_no_kept_proof(subject):
    desk, this = subject
    keeping._MEMORY.clear()
    assert quick(desk).prove(this).kept is False
    file = desk.settings.private / "proofs" / f"{this.key(Depth.QUICK).removeprefix('sha256:')}.json"
    seal, _, text = file.read_text().removesuffix("\n").partition("\n")
    forged = payload_of(text, key=payload_key(desk.settings)).digest  # such digests stand in every export
    assert forged != seal
    file.write_text(f"{forged}\n{text}\n")
    assert quick(desk).prove(this).kept is False


def test_a_proof_that_cannot_be_kept_is_a_proof_all_the_same(subject):
    desk, this = subject
    proofs = desk.settings.private / "proofs"
    shutil.rmtree(proofs, ignore_errors=True)  # not there where another test's was at hand
    proofs.write_text("in the way")
    assert quick(desk).prove(this).kept is False
