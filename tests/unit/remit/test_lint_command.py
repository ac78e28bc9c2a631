"""What ``remit runbook lint`` says of a file that does not load, with and without its id."""

import json

import pytest

from remit.cli.app import run

ID = "maintenance-page"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    assert run(["init", str(tmp_path / "d"), "--json"]) == 0
    monkeypatch.setenv("REMIT_DESK", str(tmp_path / "d"))
    return tmp_path / "d"


def linted(capsys, *given):
    capsys.readouterr()
    code = run(["runbook", "lint", *given, "--json"])
    said = capsys.readouterr()
    return code, said.err, json.loads(said.out) if said.out else []


def spoil(folder):
    file = folder / "runbooks" / f"{ID}.yaml"
    file.write_text(file.read_text().replace("version: 1", "version: one"))


@pytest.mark.parametrize("given", [(), (ID,), (f"{ID}@1",)])
def test_a_file_that_does_not_load_is_told_by_every_name(folder, capsys, given):
    spoil(folder)
    code, _, problems = linted(capsys, *given)
    assert code == 2
    assert {p["file"] for p in problems} == {f"runbooks/{ID}.yaml"}
    assert any("version" in p["path"] for p in problems)


def test_a_runbook_of_another_name_is_not_blamed_for_it(folder, capsys):
    (folder / "runbooks" / "other.yaml").write_text("schema: remit/runbook/v1\n")
    assert linted(capsys, ID)[::2] == (0, [])


def test_what_is_nowhere_is_unknown(folder, capsys):
    code, said, _ = linted(capsys, "nobody")
    assert code == 2
    assert "no runbook nobody here" in said


def test_a_text_that_was_approved_as_another_is_refused_by_lint_diff_and_approve_alike(folder, capsys):
    file = folder / "runbooks" / f"{ID}.yaml"
    file.write_text(file.read_text().replace("deadline: 5m", "deadline: 6m"))
    for given in ((), (ID,)):
        code, _, (problem,) = linted(capsys, *given)
        assert (code, problem["code"], problem["path"]) == (2, "version_reused", "version")
    assert run(["runbook", "diff"]) == 0
    said = capsys.readouterr().out
    assert "CANNOT BE APPROVED" in said
    assert said.count("version_reused") == 1
    assert run(["runbook", "approve", "--all", "--yes"]) == 5
    assert capsys.readouterr().err.count("version_reused") == 1
    file.write_text(file.read_text().replace("version: 1", "version: 2"))
    assert linted(capsys)[::2] == (0, [])
