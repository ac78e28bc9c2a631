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
