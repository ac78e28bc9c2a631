"""Where ``remit init`` makes a desk, and what it says where it cannot."""

import pytest

from remit.cli.app import run


def test_the_desk_that_is_named_before_the_command_is_made_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["--desk", "there", "init"]) == 0
    assert (tmp_path / "there" / "remit.toml").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]
    assert run(["init", "--desk", "there"]) == 2  # it is a desk already


def test_two_places_are_refused(tmp_path, capsys):
    assert run(["--desk", str(tmp_path / "a"), "init", str(tmp_path / "b")]) == 2
    assert "name the new desk's folder once" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_its_place_is_said_in_one_line(tmp_path, capsys, place):
    (tmp_path / "file").write_text("not a folder")
    assert run(["init", str(tmp_path / place)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in said
    assert said.startswith("remit: ")
    assert "[no_folder]" in said


def test_doctor_tells_a_broken_desk_from_a_run_that_waits(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(tmp_path / "d"))
    assert run(["init", str(tmp_path / "d")]) == 0
    assert run(["doctor"]) == 0
    assert run(["run", "--detach", "show the maintenance page of shop"]) == 0
    assert run(["doctor"]) == 0  # it has just been asked for
    monkeypatch.setattr("remit.standing._WAITED_S", -1.0)
    capsys.readouterr()
    assert run(["doctor"]) == 3
    said = capsys.readouterr().out
    assert "is due, and no worker takes it" in said
    assert "PROBLEM" not in said
