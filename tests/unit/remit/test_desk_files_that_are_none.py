"""What lies in a desk's folder and is no file: it is said, and nothing waits for it."""

import os

import pytest

from policies.errors import LoadError
from policies.loader import load_runbook, open_regular
from remit.cli.app import run
from remit.errors import SettingsError
from remit.settings import load


@pytest.fixture
def folder(tmp_path, capsys):
    desk = tmp_path / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    capsys.readouterr()
    return desk


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(OSError, match="Not a regular file"):
        open_regular(tmp_path / "pipe.yaml")
    with pytest.raises((OSError, LoadError), match=r"regular file"):
        load_runbook(tmp_path / "pipe.yaml")
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


@pytest.mark.timeout(60)
def test_a_pipe_in_the_place_of_a_desks_file_is_said(folder, capsys):
    (folder / "delegation.yaml").unlink()
    os.mkfifo(folder / "delegation.yaml")
    run(["--desk", str(folder), "doctor"])
    said = capsys.readouterr()
    assert "delegation.yaml" in said.out + said.err
    assert "Not a regular file" in said.out + said.err
    (folder / "remit.toml").unlink()
    os.mkfifo(folder / "remit.toml")
    with pytest.raises(SettingsError, match="Not a regular file"):
        load(folder)


def test_the_name_of_a_file_reaches_no_terminal_as_it_is(folder, capsys):
    (folder / "runbooks" / "x\x1b[2J\u202ey.yaml").write_text("nonsense: [")
    run(["--desk", str(folder), "doctor"])
    said = capsys.readouterr()
    assert not {"\x1b", "\u202e"} & {*said.out, *said.err}
    assert r"\x1b[2J" in said.out + said.err
