"""Does what is built hold all that the rooms hold, and are the rooms ours alone?"""

import importlib.metadata
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def _room_files() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_rooms_exist():
    assert [room for room in ROOMS if not (ROOT / room).is_dir()] == []


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "runbooks"])
def test_a_room_says_what_belongs_in_it(room):
    text = (ROOT / room / "__init__.py").read_text(encoding="utf-8")
    docstring = compile(text, room, "exec").co_consts[0]
    assert isinstance(docstring, str)
    assert len(docstring.splitlines()) > 1, (
        "one line says what it is; the rest what belongs there and what does not"
    )


def test_no_other_distribution_claims_a_room():
    claims = importlib.metadata.packages_distributions()
    others = {room: set(claims.get(room, ())) - {"remit"} for room in ROOMS}
    assert {room: names for room, names in others.items() if names} == {}


def test_the_wheel_holds_every_file_of_the_rooms(tmp_path):
    before = _room_files()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert before & _room_files() - packed == set(), "missing from the wheel"
    assert packed - before - _room_files() == set(), "nobody's files"


def _pins(file: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line[:1].isalnum()]
    assert all("==" in pin and pin.endswith("\\") for pin in pins), "a pin without a version or a hash"
    return {
        canonicalize_name(name): version for name, version in (pin.split()[0].split("==") for pin in pins)
    }


def test_every_library_that_is_declared_is_pinned():
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert declared - _pins("run.txt").keys() == set(), "run make lock"


def test_run_and_dev_pin_the_same_versions():
    run, dev = _pins("run.txt"), _pins("dev.txt")
    assert run.items() <= dev.items()
    assert "pytest" in dev
    assert "pytest" not in run


def test_this_environment_is_the_pinned_one():
    pinned = _pins("dev.txt")
    found = {canonicalize_name(item.name): item.version for item in importlib.metadata.distributions()}
    other = {
        name: (pinned[name], found[name])
        for name in pinned.keys() & found.keys()
        if pinned[name] != found[name]
    }
    assert other == {}, "pinned and installed differ: make setup"
