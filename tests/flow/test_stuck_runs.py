"""A run that this version cannot fold, or not even read: shown, skipped, and ended by a human for good."""

import json
import sqlite3
import time

import pytest

from evals.storm.desk import AT_ONCE
from policies.in_force import InForce
from remit.bootstrap import open_app
from remit.cli.app import run
from remit.settings import load
from remit.standing import standing
from state.entry import chain_hash
from state.ledger.columns import COLUMNS
from state.ledger.port import Signal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    desk = tmp_path_factory.mktemp("stuck") / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    file = desk / "delegation.yaml"
    file.write_text(
        file.read_text().replace("principals:\n", "principals:\n  asks: {roles: [operator]}\n", 1)
    )
    assert run(["runbook", "approve", "--all", "--yes", *AT_ONCE, "--desk", str(desk), "--json"]) == 0
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

        def data(self, *arguments):
            self(*arguments, "--json")
            assert self.out, self.err
            return json.loads(self.out)

    return Said()


def from_the_future(folder, name, kind="checked"):
    """Append what a newer remit might: it keeps the chain, so that no trigger refuses it."""
    columns = COLUMNS["entries"]
    owner = sqlite3.connect(folder / ".remit/ledger.db", isolation_level=None)
    found = owner.execute(
        f"SELECT {', '.join(columns)} FROM entries WHERE run = ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
        (name,),
    ).fetchone()
    row = dict(zip(columns, found, strict=True))
    row |= {"seq": row["seq"] + 1, "prev": row["hash"], "kind": kind, "fold_version": 99, "body": "{}"}
    named = {name: row[name] for name in columns if name not in ("body", "hash")}
    row["hash"] = chain_hash(**named, body_text=row["body"])
    owner.execute("BEGIN IMMEDIATE")
    owner.execute("UPDATE heads SET seq = ?, hash = ? WHERE run = ?", (row["seq"], row["hash"], name))
    owner.execute(
        f"INSERT INTO entries ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
        [row[column] for column in columns],
    )
    owner.execute("COMMIT")
    owner.close()


@pytest.fixture
def held(cli):
    """A run that holds its resource and waits, since that is stopped."""
    cli("stop", "--resource", "page:shop")
    assert cli("run", "--wait-timeout", "0.5", "show the maintenance page of shop") == 7
    (name,) = {r["run"] for r in cli.data("runs", "list", "--live")}
    cli("start", "--resource", "page:shop")
    yield name
    cli("esc", "abort", "--raw", name)


def holder(folder):
    with open_app(load(folder)) as app:
        return app.ledger.holder("page:shop")


@pytest.mark.parametrize("kind", ["checked", "dreamt"])  # known, but folded otherwise; and not even readable
def test_a_run_of_a_newer_version_is_left_alone_until_a_human_ends_it(cli, folder, held, kind, caplog):
    assert holder(folder) == held
    from_the_future(folder, held, kind)
    with open_app(load(folder)) as app:  # a signal makes it wanted: a worker looks at it, once
        poke = Signal(id=f"poke/{held}", run=held, kind="poke", by="x", at=app.ledger.now(), body={})
        app.ledger.post(poke)
    before = time.monotonic()
    assert cli("worker", "--drain") == 0  # it does not spin on what it cannot carry
    assert time.monotonic() - before < 10
    assert caplog.text.count(f"run {held} is stuck") == 1
    assert cli("runs", "watch", held, "--wait-timeout", "5") == 3
    assert f"remit esc abort --raw {held}" in cli.err

    assert cli("runs", "show", held) == 0
    assert cli.out.startswith("STUCK")
    assert "cannot be read as a state" in cli.out
    assert cli.err == f"next: remit esc abort --raw {held}\n"
    record = cli.data("runs", "show", held)
    assert (record["state"], record["provisional"]) == ("stuck", True)
    assert ("fold version 99" if kind == "checked" else "dreamt") in record["unsound"]
    (packet,) = cli.data("esc", "list")
    assert (packet["run"], packet["raw"]) == (held, True)
    assert cli("esc", "show", held) == 0
    assert cli.err == f"next: remit esc abort --raw {held}\n"
    assert cli("runs", "list", "--live") == 0
    assert cli.out.split()[:2] == [held, "stuck"]
    assert cli("runs", "trace", held) == 0
    for say in ("cancel", "pause"):
        assert cli("runs", say, held) == 5
        assert "[stuck]" in cli.err
    assert cli("esc", "abort", held, "--basis", "0" * 12) == 5
    assert "[stuck]" in cli.err

    assert cli("esc", "abort", "--raw", held, "--as", "asks") == 5
    assert "[not_a_decider]" in cli.err
    assert holder(folder) == held
    ended = cli.data("esc", "abort", "--raw", held, "--why", "looked by hand")
    assert cli.code == 8
    by = ended["closed_by"]
    assert (ended["state"], ended["reason"], ended["verified"]) == ("closed_by_human", "aborted_raw", False)
    assert holder(folder) is None
    assert cli.data("esc", "list") == []
    assert cli.data("runs", "list", "--live") == []
    assert cli("runs", "show", held) == 0
    assert f"{by} ended it raw: looked by hand" in cli.out
    assert cli("esc", "abort", "--raw", held) == 5
    assert "[not_stuck]" in cli.err
    assert cli("runs", "cancel", held) == 5
    assert "[run_ended]" in cli.err
    found = [f for f in cli.data("ledger", "verify")["findings"] if f["certain"]]
    if kind == "checked":
        assert found == []
        assert cli("run", "show the maintenance page of shop") == 0  # the need and the page are free
        cli("run", "hide the maintenance page of shop")
    else:
        assert {f["what"] for f in found} == {"'dreamt' is unknown to this version"}


def test_verify_finds_the_row_of_a_stuck_run_until_it_is_ended(cli, folder, held):
    from_the_future(folder, held)
    found = [f for f in cli.data("ledger", "verify")["findings"] if f["certain"]]
    assert "lane" in {f["column"] for f in found}
    cli("esc", "abort", "--raw", held)
    assert [f for f in cli.data("ledger", "verify")["findings"] if f["certain"] and f["run"] == held] == []


@pytest.fixture
def unreadable(monkeypatch, folder):
    """What the runs so far were admitted under is of a kind that this version cannot read."""
    with open_app(load(folder)) as app:
        kept = {held.bundle.digest for held in app.policies.now().runbooks.values()}
    real = InForce.pinned

    def pinned(self, digest):
        if digest in kept:
            raise ValueError("schema remit/runbook/v9 is unknown")
        return real(self, digest)

    return lambda: monkeypatch.setattr(InForce, "pinned", pinned)


def test_a_run_whose_policy_cannot_be_read_can_be_ended_and_the_record_says_why(
    cli, folder, held, unreadable
):
    unreadable()
    with open_app(load(folder)) as app:
        app.ledger.post(
            Signal(id=f"wake/{held}", run=held, kind="poke", by="x", at=app.ledger.now(), body={})
        )
    cli("worker", "--drain")  # fails at it, and leaves it alone
    assert holder(folder) == held
    assert cli("runs", "show", held) == 0
    assert cli("runs", "cancel", held) == 5
    assert "[stuck]" in cli.err
    assert f"remit esc abort --raw {held}" in cli.err
    with open_app(load(folder)) as app:
        (needs,) = [s for s in standing(app.ledger, app.policies.now()) if held in s.what]
    assert (needs.stuck, needs.next) == (True, f"remit esc abort --raw {held}")
    ended = cli.data("esc", "abort", "--raw", held, "--why", "looked by hand")
    assert cli.code == 8, cli.err
    assert (ended["state"], ended["reason"], ended["verified"]) == ("closed_by_human", "aborted_raw", False)
    assert holder(folder) is None
    with open_app(load(folder)) as app:
        (said,) = [
            e.body for e in app.ledger.read("desk") if e.kind == "closed_raw" and e.body["run"] == held
        ]
    assert "its approved policy cannot be read: ValueError: schema remit/runbook/v9" in said["unsound"]
    assert [f for f in cli.data("ledger", "verify")["findings"] if f["certain"] and f["run"] == held] == []


def test_a_sound_run_is_not_ended_raw(cli, held):
    assert cli("esc", "abort", "--raw", held) == 5
    assert "[not_stuck]" in cli.err
    assert cli("runs", "cancel", held) == 8
