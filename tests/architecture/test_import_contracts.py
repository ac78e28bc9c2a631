"""Do imports point one way, and does the check say so when they do not?"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("state", "policies", "tools", "agents", "graph", "remit", "evals")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_the_contracts_hold():
    linted = _lint(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


VIOLATIONS = {
    "rooms import one way": ("state/entry.py", "import policies.call"),
    "policies know no database, network, graph or model": ("policies/call.py", "import openai"),
    "state knows no database, network, graph or model but in its stores": (
        "state/task.py",
        "import sqlalchemy",
    ),
    "agents and graph hold a gateway, never an adapter or a concrete model": (
        "graph/__init__.py",
        "import tools.adapters",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(contract, copy):
    file, line = VIOLATIONS[contract]
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    linted = _lint(copy)
    assert linted.returncode != 0
    assert f"{contract} BROKEN" in " ".join(linted.stdout.split())
