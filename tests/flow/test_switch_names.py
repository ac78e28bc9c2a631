"""A stop that would match nothing is refused, and nothing that was said of one can forge a line."""

import json

import pytest

from evals.storm.desk import AT_ONCE
from remit.bootstrap import open_app
from remit.cli.app import run
from remit.settings import load
from state.ledger.port import Stop

TRICKS = (
    "\x1b[2J\x1b]8;;http://evil\x07APPROVE\x1b]8;;\x07 \u202egnp\u200b\r\nok         in force: all\x9b31m"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    desk = tmp_path_factory.mktemp("switch-names") / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    return desk


@pytest.fixture
def cli(folder, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))

    class Said:
        def __call__(self, *arguments):
            capsys.readouterr()
            self.code = run(list(arguments))
            self.out, self.err = capsys.readouterr()
            return self.code

    return Said()


def stops(folder):
    with open_app(load(folder)) as app:
        return {stop.scope: stop.why for stop in app.ledger.stops()}


@pytest.mark.parametrize(
    ("option", "code"),
    [
        (["--runbook", "maintenance-pag"], "unknown_runbook"),
        (["--runbook", "maintenance-pag@1"], "unknown_runbook"),
        (["--runbook", "\x1b[31mx\nforged line"], "unknown_runbook"),
        (["--runbook", ""], "usage"),
        (["--resource", "no/such"], "unknown_resource"),
        (["--resource", "page:shopp"], "unknown_resource"),
        (["--resource", "page:*"], "unknown_resource"),
        (["--resource", "page:sho%70"], "unknown_resource"),
        (["--resource", "page:shop\x1b[31m"], "unknown_resource"),
        (["--resource", ""], "usage"),
    ],
)
def test_a_stop_of_what_is_not_there_is_refused_loudly(cli, folder, option, code):
    assert cli("stop", *option) == 2
    assert f"[{code}]" in cli.err
    assert "stopped:" not in cli.err
    assert "NOTHING IS STOPPED" in cli.err or code == "usage"
    assert not set(cli.err) & {"\x1b", "\u202e"}
    assert "forged line" not in cli.err.splitlines()
    assert cli("start", *option) == 2
    assert stops(folder) == {}


def test_an_approved_runbook_can_be_stopped_by_its_id_also_once_it_is_withdrawn(cli, folder):
    assert cli("stop", "--runbook", "maintenance-page@1") == 0
    assert stops(folder) == {"runbook:maintenance-page": stops(folder)["runbook:maintenance-page"]}
    assert cli("start", "--runbook", "maintenance-page") == 0
    file = folder / "delegation.yaml"
    before = file.read_text()
    head, _, rest = before.partition("delegate:\n")
    file.write_text(head + "delegate: []\n\napproval:" + rest.partition("\napproval:")[2])
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0, cli.err
    assert cli("stop", "--runbook", "maintenance-page") == 0
    assert cli("start", "--runbook", "maintenance-page") == 0
    assert cli("stop", "--resource", "page:shop") == 2
    file.write_text(before)
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0, cli.err
    assert cli("stop", "--resource", "page:shop") == 0
    assert cli("start", "--resource", "page:shop") == 0


def test_a_start_of_what_was_never_stopped_says_so_and_names_what_is(cli, folder):
    assert cli("start") == 2
    assert "[not_stopped]" in cli.err
    assert cli("stop", "--resource", "page:shop") == 0
    assert cli("start", "--runbook", "maintenance-page", "--json") == 2
    error = json.loads(cli.err)["error"]
    assert (error["code"], error["next"]) == ("not_stopped", "remit start --resource page:shop")
    assert set(stops(folder)) == {"resource:page:shop"}
    assert cli("start", "--resource", "page:shop") == 0


def test_a_reason_is_one_line_without_anything_that_a_terminal_obeys(cli, folder):
    assert cli("stop", "--why", TRICKS) == 0
    assert stops(folder) == {"desk": "APPROVE gnp ok in force: all"}
    assert cli("start") == 0


def test_what_stands_in_a_ledger_already_is_printed_as_one_line(cli, folder):
    with open_app(load(folder)) as app:
        app.ledger.stop(Stop(scope="desk", by="me", at=app.ledger.now(), why=TRICKS))
    cli("doctor")
    assert not set(cli.out + cli.err) & {"\x1b", "\u202e", "\u200b", "\x9b", "\x07"}
    (line,) = [line for line in cli.out.splitlines() if "in force: all" in line]
    assert line.startswith("   ")
    cli("doctor", "--json")
    assert not set(cli.out) & {"\x1b", "\u202e", "\u200b", "\x9b", "\x07"}
    (found,) = [f["what"] for f in json.loads(cli.out)["findings"] if "stopped" in f["what"]]
    assert found.endswith(TRICKS)
    assert cli("start") == 0
