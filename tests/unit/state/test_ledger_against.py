"""What one copy of a ledger is to another: the same, its continuation, an older one, or another history."""

import json

import pytest

from remit.cli.app import run as remit
from state.ledger.against import Verdict, chains_of, compare
from state.ledger.export import export
from state.ledger.memory import MemoryLedger
from tests.ledger_kit import CODE, KEY, Chain, Clock, project


def made(*lengths, said="x"):
    """Chains r1, r2 ... of so many entries; what they say from the third entry on is ``said``."""
    ledger = MemoryLedger(clock=Clock(), code=CODE, project=project, payload_key=KEY)
    for number, length in enumerate(lengths, 1):
        chain = Chain(ledger, f"r{number}").create()
        for seq in range(2, length + 1):
            chain.append(body={"said": said if seq > 2 else "so it began"})
    return ledger


def held(one, other, **only):
    found = compare(chains_of(one.records()), chains_of(other.records()), **only)
    return found.verdict, [(f.run, f.seq, f.column) for f in found.findings]


def test_a_copy_that_has_everything_is_the_same_or_goes_on():
    assert held(made(4, 2), made(4, 2)) == (Verdict.SAME, [])
    assert held(made(4, 3), made(4, 2)) == (Verdict.CONTINUES, [])
    assert held(made(4, 2, 1), made(4, 2)) == (Verdict.CONTINUES, [])
    assert held(made(4), made()) == (Verdict.CONTINUES, [])


def test_an_older_copy_lacks_what_came_later():
    assert held(made(4, 2), made(4, 5)) == (Verdict.LACKS, [("r2", 3, "seq")])
    assert held(made(4), made(4, 5)) == (Verdict.LACKS, [("r2", 1, "seq")])
    assert held(made(5, 2), made(4, 5)) == (Verdict.LACKS, [("r2", 3, "seq")])


def test_the_first_difference_of_two_histories_is_named():
    assert held(made(4, 6, said="y"), made(4, 5)) == (
        Verdict.CONTRADICTS, [("r1", 3, "hash"), ("r2", 3, "hash")],
    )  # fmt: skip
    assert held(made(3, said="y"), made(6, 1)) == (
        Verdict.CONTRADICTS, [("r1", 3, "hash"), ("r2", 1, "seq")],
    )  # fmt: skip


def test_an_export_of_one_run_speaks_of_that_run_alone():
    assert held(made(4, 2), made(4, 5), only="r1") == (Verdict.SAME, [])
    assert held(made(4, 2), made(4, 5), only="r2") == (Verdict.LACKS, [("r2", 3, "seq")])


@pytest.fixture
def files(tmp_path):
    for name, ledger in {"old": made(4, 2), "new": made(4, 3, 1), "other": made(4, 3, said="y")}.items():
        export(ledger, tmp_path / f"{name}.jsonl")
    export(made(4, 2), tmp_path / "one.jsonl", run="r2")
    export(made(4, 2), tmp_path / "first.jsonl", run="r1")
    (tmp_path / "cut.jsonl").write_bytes((tmp_path / "old.jsonl").read_bytes()[:-80])
    return tmp_path


@pytest.mark.parametrize(
    ("newer", "older", "code", "says"),
    [
        ("new", "old", 0, "continues"),
        ("old", "new", 8, "lacks"),
        ("other", "old", 8, "contradicts"),
        ("new", "one", 0, "continues"),
        ("one", "old", 0, "same"),
        ("first", "one", 2, "bad_file"),
        ("new", "cut", 2, "bad_file"),
        ("new", "gone", 2, "no_file"),
    ],
)
def test_the_command_says_it_with_its_exit_code(files, capsys, monkeypatch, *, newer, older, code, says):
    monkeypatch.setattr("state.projection.project", project)
    names = [str(files / f"{name}.jsonl") for name in (newer, older)]
    assert remit(["ledger", "verify", names[0], "--against", names[1], "--json"]) == code
    said = capsys.readouterr()
    if code == 2:
        assert says in said.err
        return
    told = json.loads(said.out)
    assert told["against"]["verdict"] == says
    assert told["sound"] is (code == 0)
    assert remit(["ledger", "verify", names[0], "--against", names[1]]) == code
    assert "compared with the older copy" in capsys.readouterr().err
