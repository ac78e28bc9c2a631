"""What ``remit runbook prove`` prints, as text and as JSON, and how it exits."""

import json
import re
import shutil
from pathlib import Path

import pytest

from evals.unsafe.cases import cases
from policies.proof.proof import FORMAT
from remit.cli.app import run
from remit.proving import keeping

ROOT = Path(__file__).parents[3]
UNSAFE = {case.name: case for case in cases()}


@pytest.fixture
def prove(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("REMIT_DESK", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def proves(*arguments):
        code = run(["runbook", "prove", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return proves


def unsafe(folder, name="check-passes-untouched", *, mended=False):
    (folder / name).mkdir()
    return UNSAFE[name].copy_to(folder / name, mended=mended)


def test_a_proof_says_how_much_was_explored_the_worst_case_and_every_end(prove, tmp_path):
    shutil.copytree(ROOT / "runbooks" / "quota-raise", tmp_path / "quota-raise")
    code, out, err = prove("quota-raise", "--quick")
    assert code == 0, out
    assert out.startswith("quota-raise@1, quick: PROVED")
    assert re.search(r"^  [\d,]+ states in all$", out, re.MULTILINE)
    assert "raise: quota.raise on quota/{inputs.account}: sent at most" in out
    ways = re.search(r"How runs end \((\d+) ways", out)
    ends = re.findall(
        r"^  (completed|waits for a human|rejected|cancelled|closed_by_human) \(", out, re.MULTILINE
    )
    assert len(ends) == int(ways[1]) > 5
    assert "What no proof looks at" in out
    assert "1 runbook: 1 proved" in err
    assert max(map(len, out.splitlines())) <= 100


def test_a_counterexample_is_told_with_its_place_and_step_by_step(prove, tmp_path):
    folder = unsafe(tmp_path)
    code, out, err = prove(str(folder / "runbook.yaml"))
    assert code == 8
    assert "COUNTEREXAMPLE: 1 found; this runbook cannot be approved" in out
    assert "the checks of add pass on a target that it has not touched" in out
    place = re.search(r"at check-passes-untouched/runbook\.yaml:(\d+):(\d+)$", out, re.MULTILINE)
    line = (folder / "runbook.yaml").read_text().splitlines()[int(place[1]) - 1]
    assert "verify" in line
    assert "     1. asked for with account = acc-0" in out
    assert "How runs end" not in out
    assert "1 runbook: 1 counterexample" in err


@pytest.mark.parametrize("name", sorted(UNSAFE))
def test_every_unsafe_runbook_has_its_counterexample_by_the_command(prove, tmp_path, name):
    case, folder = UNSAFE[name], unsafe(tmp_path, name)
    code, out, _ = prove(str(folder), "--quick", "--json")
    (found,) = json.loads(out)
    assert (code, found["verdict"]) == (8, "counterexample")
    assert {one["law"] for one in found["broken"]} & set(case.proof)
    assert all(one["story"] for one in found["broken"])


def test_what_the_bound_left_out_is_said(prove, tmp_path):
    code, out, err = prove(str(unsafe(tmp_path, mended=True)), "--seconds", "0")
    assert code == 7
    assert "NOT EXHAUSTED" in out
    assert re.search(r"^Not looked at\n  outcomes \(add\): ", out, re.MULTILINE)
    assert "next: the same with a greater --seconds or --states" in err
    code, out, _ = prove("check-passes-untouched", "--quick", "--states", "40", "--json")
    (found,) = json.loads(out)
    assert (code, found["verdict"]) == (7, "not_exhausted")
    assert any("40 states" in bound for bound in found["bounds"])


def test_json_is_the_proof_with_its_file(prove, tmp_path):
    unsafe(tmp_path)
    _, out, _ = prove("check-passes-untouched", "--quick", "--json")
    (found,) = json.loads(out)
    assert found["schema"] == FORMAT
    assert found["file"] == "check-passes-untouched/runbook.yaml"
    assert found["runbook"] == "check-passes-untouched@1"
    assert found["broken"][0]["path"] == ["steps", 0, "verify"]


def test_of_several_the_worst_decides_the_exit(prove, tmp_path):
    unsafe(tmp_path)
    unsafe(tmp_path, "steps-fight", mended=True)
    code, out, err = prove(".", "--seconds", "0")
    assert code == 8
    assert "\n\nsteps-fight@1, full: NOT EXHAUSTED" in out
    assert "2 runbooks: 1 counterexample, 1 not exhausted" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "usage"),
        (["nowhere.yaml"], "no_file"),
        (["empty"], "no_file"),
        (["x/runbook.yaml", "--quick", "--full"], "usage"),
    ],
)
def test_what_is_not_there_or_does_not_go_together(prove, tmp_path, arguments, code):
    (tmp_path / "empty").mkdir()
    status, _, err = prove(*arguments)
    assert status == 2
    assert f"[{code}]" in err


def test_a_file_that_lint_refuses_is_not_proved(prove, tmp_path):
    folder = unsafe(tmp_path)
    file = folder / "runbook.yaml"
    text = file.read_text()
    file.write_text(text.replace("timeout: 5s", "timuot: 5s"))
    status, _, err = prove(str(file))
    assert status == 2
    assert re.search(r"check-passes-untouched/runbook\.yaml:\d+:\d+ steps\.0\.timuot", err)
    file.write_text(text.replace("seats.add", "seats.ad"))
    status, _, err = prove(str(file))
    assert status == 2
    assert "[unknown_tool]" in err


def test_work_is_spread_over_processes_and_comes_to_the_same(prove, tmp_path):
    unsafe(tmp_path, "limits-below-worst-case", mended=True)
    results = []
    for workers in ("1", "2"):
        keeping._MEMORY.clear()
        code, out, _ = prove("limits-below-worst-case", "--quick", "--workers", workers, "--json")
        assert code == 0
        results.append(json.loads(out))
    assert results[0] == results[1]
    assert results[0][0]["kept"] is False
