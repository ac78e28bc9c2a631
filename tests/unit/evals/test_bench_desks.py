"""The desks of the bench can be approved: each passes lint, and the proof that no approval goes without."""

from pathlib import Path

from evals.bench import desk


def test_the_desk_of_many_short_runs_is_in_force(tmp_path: Path) -> None:
    assert desk.make(tmp_path / "desk").ledger_at


def test_the_desk_of_one_long_run_is_in_force(tmp_path: Path) -> None:
    assert desk.make_long(tmp_path / "desk", steps=1000).ledger_at
