"""``remit ledger verify --invariants``: on a desk, on an export, with a target's own log, with the key."""

import json
from pathlib import Path
from typing import Any

import pytest

from remit.cli.app import run as remit

GOLDEN = Path(__file__).parents[1] / "fixtures" / "ledgers" / "fold-1" / "ledger.jsonl"


def _verify(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    code = remit(["ledger", "verify", *more, "--json"])
    return code, json.loads(capsys.readouterr().out or "null")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "desk"
    assert remit(["init", str(folder)]) == 0
    monkeypatch.chdir(folder)
    capsys.readouterr()
    return folder


def test_an_export_is_judged_and_says_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _verify(capsys, str(GOLDEN), "--invariants")
    assert code == 0
    assert len(said["invariants"]["judged"]) == 24
    assert said["invariants"]["violations"] == []
    assert {2, 3, 9, 12} <= {each["invariant"] for each in said["invariants"]["not_judged"]}


def test_a_targets_own_log_is_held_against_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "effects.jsonl"
    arrival = {"event": "arrival", "at": "2026-11-25T04:02:09Z", "applied": True, "resource": "cell:nobody"}
    log.write_text(json.dumps(arrival) + "\n")
    code, said = _verify(capsys, str(GOLDEN), "--invariants", "--effects", str(log))
    assert code == 8
    assert [v["invariant"] for v in said["invariants"]["violations"]] == [2]
    log.write_text("no log\n")
    assert remit(["ledger", "verify", str(GOLDEN), "--invariants", "--effects", str(log)]) == 2


def test_a_desk_holds_its_own_secrets_against_its_ledger(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.is_dir()
    code, said = _verify(capsys, "--invariants")
    assert (code, said["invariants"]["violations"]) == (0, [])
    assert 19 not in {each["invariant"] for each in said["invariants"]["not_judged"]}
    monkeypatch.setenv("REMIT_SECRET_ODD", "maintenance-page")  # a word that the approved runbook holds
    code, said = _verify(capsys, "--invariants")
    assert code == 8
    assert {v["invariant"] for v in said["invariants"]["violations"]} == {19}


def test_an_exports_seals_are_checked_with_the_key_at_hand(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert remit(["ledger", "export", str(out)]) == 0
    capsys.readouterr()
    code, said = _verify(capsys, str(out))
    assert code == 0
    assert not any("unchecked" in each["what"] for each in said["findings"])
    monkeypatch.chdir(tmp_path)
    _, said = _verify(capsys, str(out))
    assert any("unchecked" in each["what"] for each in said["findings"])
    key = desk / ".remit" / "secrets" / "payload_key"
    _, said = _verify(capsys, str(out), "--key-file", str(key))
    assert not any("unchecked" in each["what"] for each in said["findings"])
    other = tmp_path / "other"
    other.write_text("00" * 32)
    code, said = _verify(capsys, str(out), "--key-file", str(other))
    assert code == 8


def test_another_desks_key_is_not_held_against_an_export(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.is_dir()
    code, said = _verify(capsys, str(GOLDEN))
    assert code == 0
    assert any("unchecked" in each["what"] for each in said["findings"])
