"""Who may set the stop switch, who may lift it, and who may end a stuck run: by roles in force."""

import json

import pytest

from evals.storm.desk import AT_ONCE
from policies.desk_acts import may_end_raw, may_start, may_stop
from remit.bootstrap import open_app
from remit.cli.app import run
from remit.settings import load

# name -> (kind, roles, may stop, may start)
PEOPLE = {
    "asks": ("human", "operator", True, False),
    "decides": ("human", "oncall", True, True),
    "approves": ("human", "owner", True, True),
    "looks-on": ("human", "auditor", False, False),
    "queue": ("source", "operator, oncall, owner", False, False),
}


def made(desk):
    """A desk with all of them, approved."""
    assert run(["init", str(desk), "--json"]) == 0
    file = desk / "delegation.yaml"
    added = [f"  {name}: {{kind: {kind}, roles: [{roles}]}}\n" for name, (kind, roles, *_) in PEOPLE.items()]
    file.write_text(file.read_text().replace("principals:\n", "principals:\n" + "".join(added), 1))
    assert run(["runbook", "approve", "--all", "--yes", *AT_ONCE, "--desk", str(desk), "--json"]) == 0
    return desk


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made(tmp_path_factory.mktemp("switch") / "desk")


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
        return [(stop.scope, stop.by) for stop in app.ledger.stops()]


@pytest.mark.parametrize("name", PEOPLE)
def test_who_has_a_part_here_may_stop_and_who_decides_or_approves_may_start(cli, folder, name):
    kind, _, may, may_lift = PEOPLE[name]
    assert cli("stop", "--as", name, "--json") == (0 if may else 5)
    if not may:
        assert json.loads(cli.err)["error"]["code"] == ("humans_only" if kind == "source" else "no_part_here")
    assert stops(folder) == ([("desk", name)] if may else [])
    assert cli("stop", "--as", "approves") == 0
    assert cli("start", "--as", name, "--json") == (0 if may_lift else 5)
    if not may_lift:
        said = json.loads(cli.err)["error"]
        assert said["code"] == ("humans_only" if kind == "source" else "not_a_decider")
        assert stops(folder) == [("desk", "approves")]
        assert cli("start", "--as", "approves") == 0
    assert stops(folder) == []


def test_the_law_says_the_same_and_nothing_for_a_stranger(folder):
    with open_app(load(folder)) as app:
        view = app.policies.now()
    for name, (_, _, may, may_lift) in PEOPLE.items():
        assert (may_stop(view, name), may_start(view, name), may_end_raw(view, name)) == (
            may,
            may_lift,
            may_lift,
        )
    assert not any(asked(view, "nobody") for asked in (may_stop, may_start, may_end_raw))


def test_what_is_withdrawn_gives_no_part(cli, tmp_path, monkeypatch):
    file = made(tmp_path / "desk") / "delegation.yaml"
    monkeypatch.setenv("REMIT_DESK", str(file.parent))
    text = file.read_text()
    file.write_text(text[: text.index("delegate:")] + "delegate: []\n" + text[text.index("approval:") :])
    assert cli("runbook", "approve", "--all", "--yes", *AT_ONCE) == 0
    for name in ("asks", "decides"):
        assert cli("stop", "--as", name) == 5
        assert "[no_part_here]" in cli.err
    assert cli("stop", "--as", "approves") == 0
    assert cli("start", "--as", "approves") == 0
