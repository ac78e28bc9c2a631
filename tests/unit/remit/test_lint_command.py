"""What ``remit runbook lint`` says of a file that does not load, with and without its id."""

import json
from pathlib import Path

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


def test_a_broken_file_in_a_folder_of_the_runbooks_name_is_told_by_its_id(folder, capsys):
    place = folder / "runbooks" / "in-a-folder" / "runbook.yaml"
    place.parent.mkdir()
    place.write_text("schema: remit/runbook/v1\nid: in-a-folder\n")
    code, _, problems = linted(capsys, "in-a-folder")
    assert code == 2
    assert {p["file"] for p in problems} == {"runbooks/in-a-folder/runbook.yaml"}


UNHELD = {
    "delegate.0.decide.0": ("decide: [oncall, owner]", "decide: [sre]", "could not be ended", 5),
    "delegate.0.decide.1": ("decide: [oncall, owner]", "decide: [owner, sre]", "", 0),
    "delegate.0.request.0": ("request: [operator]", "request: [sre]", "nobody could ask", 2),
    "escalation.levels.0.to": ("role:oncall", "role:sre", "nobody would be told", 2),
}


@pytest.mark.parametrize("path", UNHELD)
def test_a_role_that_nobody_has_is_told(folder, capsys, path):
    old, new, message, approval = UNHELD[path]
    for file in (folder / "delegation.yaml", folder / "runbooks" / f"{ID}.yaml"):
        text = file.read_text().replace("version: 1", "version: 2").replace(f"{ID}@1", f"{ID}@2")
        file.write_text(text.replace(old, new))
    code, _, (problem,) = linted(capsys, ID)
    assert (code, problem["code"], problem["path"]) == (2 if approval else 0, "role_unheld", path)
    assert problem["file"] == ("delegation.yaml" if "delegate" in path else f"runbooks/{ID}.yaml")
    assert "nobody has the role sre" in problem["message"]
    assert message in problem["message"]
    assert run(["runbook", "approve", "--all", "--yes"]) == approval


def test_a_broken_connector_is_told_alone_and_in_the_order_of_its_lines(folder, capsys):
    shipped = Path(__file__).parents[3] / "runbooks" / "quota-raise"
    for kind, name in (("connectors", "connector.yaml"), ("runbooks", "runbook.yaml")):
        text = (shipped / name).read_text().replace("${QUOTA_URL}", "http://127.0.0.1:9")
        (folder / kind / f"quota-{name}").write_text(text.replace("effect: read", "effect: reads"))
    file = folder / "connectors" / "quota-connector.yaml"
    file.write_text(file.read_text().replace("timeout:", "timeuot:"))
    delegation = folder / "delegation.yaml"
    delegation.write_text(
        delegation.read_text()
        .replace("delegate:\n", "delegate:\n  - runbook: quota-raise@1\n    mode: delegated\n"
                 '    request: [operator]\n    decide: [oncall]\n    target: "{inputs.account}"\n'
                 '    targets: ["acc-*"]\n    resources: {"acc-*": ["quota/*"]}\n')
    )  # fmt: skip
    for given in ((), ("quota-raise",)):
        code, _, problems = linted(capsys, *given)
        assert code == 2
        assert {p["file"] for p in problems} == {"connectors/quota-connector.yaml"}, given
        assert len(problems) > 1
        assert [p["line"] for p in problems] == sorted(p["line"] for p in problems)
