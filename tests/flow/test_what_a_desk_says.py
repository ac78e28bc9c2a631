"""What a desk says of what cannot run, is ignored, stands still, or is for somebody else to do."""

import json
import os
import shutil

import pytest

from evals.storm.desk import AT_ONCE
from remit.cli.app import run
from remit.intake.principal import os_user

ASK = ("run", "show the maintenance page of shop")
GUEST = "  vic: {roles: [guest], os: [vic]}\ndelegate:"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    desk = tmp_path_factory.mktemp("says") / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    return desk


@pytest.fixture
def folder(template, tmp_path):
    shutil.copytree(template, tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def cli(folder, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))

    class Said:
        def __call__(self, *arguments):
            capsys.readouterr()
            self.code = run(list(arguments))
            self.out, self.err = capsys.readouterr()
            self.words = " ".join(self.err.split())
            return self.code

        def data(self, *arguments):
            self(*arguments, "--json")
            return json.loads(self.out)

    return Said()


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def holds(cli):
    return [r for r in cli.data("runs", "list", "--all") if r["state"] != "rejected"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_tool_that_is_not_as_approved_is_refused_before_anything_is_held(cli, folder, gone):
    module = folder / "page_tools.py"
    module.unlink() if gone else module.write_text(module.read_text() + "# edited\n")
    assert cli(*ASK) == 5
    assert cli.err.count("[tool_changed]") + cli.err.count("[tool_missing]") == 1
    assert "next: put page_tools.py back, or have the change approved: remit runbook approve" in cli.words
    assert holds(cli) == []
    assert cli.data("plan", ASK[1])["outcome"] == "rejected"
    assert cli("doctor") == 2
    assert "PROBLEM  maintenance-page@1 cannot run" in cli.out
    assert "put page_tools.py back" in cli.out


def test_a_secret_that_is_not_set_is_refused_by_its_name(cli, folder, monkeypatch):
    edit(folder / "page_tools.py", 'effect="read"', 'credentials={"verifier": "pages"}, effect="read"')
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0, cli.err
    assert cli(*ASK) == 5
    assert "[secret_missing]" in cli.err
    assert "set REMIT_SECRET_PAGES" in cli.words
    monkeypatch.setenv("REMIT_SECRET_PAGES", "a-very-long-secret")
    cli(*ASK)
    assert "secret_missing" not in cli.err


def test_what_is_ignored_is_said_once_and_only_where_it_matters(cli, folder):
    assert cli("plan", ASK[1]) == 0
    assert "ignored" not in cli.err
    edit(folder / "delegation.yaml", "concurrency: 4", "concurrency: 3")
    for asked in (("plan", ASK[1]), ASK, ("worker", "--drain")):
        cli(*asked)
        said = [line for line in cli.err.splitlines() if line.startswith("ignored")]
        assert len(said) == 1, cli.err
        assert (
            "maintenance-page@1 is changed (delegation); what was approved last stays in force" in cli.words
        )
        assert "remit runbook diff" in cli.words
    text = (folder / "runbooks" / "maintenance-page.yaml").read_text()
    edit(folder / "delegation.yaml", "concurrency: 3", "concurrency: 4")
    (folder / "runbooks" / "other.yaml").write_text(text.replace("id: maintenance-page", "id: other"))
    assert cli("plan", ASK[1]) in (0, 5)
    assert "ignored" not in cli.err  # another runbook's file is no matter of this one


def test_who_may_ask_for_nothing_is_told_so(cli, folder):
    edit(folder / "delegation.yaml", "delegate:", GUEST)
    assert cli("runbook", "diff") == 0
    assert "+ vic is added: a human with roles guest" in cli.out
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0
    assert cli("run", "--as", "vic", ASK[1]) == 5
    assert cli.err.count("[requester_not_allowed]") == 1
    assert "needs role operator" in cli.words
    assert cli("run", "--as", "nobody", ASK[1]) == 4
    assert "known: " not in cli.err
    assert "--as: " in cli.err


def test_doctor_tells_of_runs_that_stand_still_and_the_next_command_is_an_option(cli, folder, monkeypatch):
    for name in [name for name in os.environ if name.startswith("REMIT_TEST_")]:
        monkeypatch.delenv(name)  # of the run of the tests; doctor tells of what nothing reads
    assert cli("doctor") == 0
    assert [w for w in cli.out.splitlines() if w.startswith("warning")] == []
    assert "all is well" in cli.err
    (folder / "pages" / "shop").mkdir(parents=True)  # the page cannot be read
    assert cli(*ASK) == 3
    (line,) = [line for line in cli.err.splitlines() if line.startswith("next: ")]
    assert line.startswith("next: remit esc resume ")
    assert " --basis " in line
    assert cli("doctor") == 3  # nothing is broken, and somebody is waited for
    assert "waits for a human" in cli.out
    assert "all is well" not in cli.err


def test_a_runbook_that_nobody_is_delegated_is_not_pending_but_told_what_it_lacks(cli, folder):
    text = (folder / "runbooks" / "maintenance-page.yaml").read_text()
    (folder / "runbooks" / "other.yaml").write_text(text.replace("id: maintenance-page", "id: other"))
    assert cli("runbook", "approve", "other", "--yes", *AT_ONCE) == 2
    assert "[not_delegated]" in cli.err
    assert "add an entry for other@1 to delegation.yaml" in cli.words
    assert cli("run", "other", "-i", "service=shop", "-i", "wanted=show") == 5
    assert "next: remit runbook diff other; then remit runbook approve other" in cli.words
    assert cli("doctor") == 0
    assert "add an entry for other@1 to delegation.yaml" in cli.out


def test_a_proposal_names_who_has_to_run_the_approval(cli, folder):
    others = f"  olga: {{roles: [owner], os: [olga]}}\n  twin: {{roles: [owner], os: [{os_user()}]}}\n"
    edit(folder / "delegation.yaml", "delegate:", f"{others}delegate:")
    edit(folder / "delegation.yaml", "solo: true", "not_author: true")
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0
    edit(folder / "delegation.yaml", "concurrency: 4", "concurrency: 3")
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE, "--as", "twin") == 3
    assert "next: olga runs: remit runbook approve maintenance-page" in cli.words
