"""Do imports point one way, and does the check say so when they do not?"""

import re
import shutil
import subprocess
import sys
import tomllib
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


PURE_POLICIES = "policies know no database, network, graph or model"
PURE_STATE = "state knows no database, network, graph or model but in its stores"
VIOLATIONS = {
    "state/entry.py": ("rooms import one way", "import policies.call"),
    "policies/call.py": (PURE_POLICIES, "import openai"),
    "policies/moves/table.py": (PURE_POLICIES, "import httpx"),
    "state/task.py": (PURE_STATE, "import sqlalchemy"),
    "state/packet/assemble.py": (PURE_STATE, "import openai"),
    "state/ledger/chain.py": (PURE_STATE, "import sqlalchemy"),
    "graph/__init__.py": (
        "agents and graph hold a gateway, never an adapter or a concrete model",
        "import tools.adapters",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(file, copy):
    contract, line = VIOLATIONS[file]
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    linted = _lint(copy)
    assert linted.returncode != 0
    assert f"{contract} BROKEN" in " ".join(linted.stdout.split())


def test_every_module_of_state_but_the_stores_is_held_to_be_pure():
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (pure,) = [c["source_modules"] for c in contracts if c["id"] == "pure-state"]
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "state").rglob("*.py")
    }
    stores = {"state.ledger.sql", "state.ledger.migrations"}
    held = {m for m in found if not any(m == s or m.startswith(f"{s}.") for s in stores)}
    assert {m for m in held if not any(_named(m, pattern) for pattern in pure)} == set()


def _named(module: str, pattern: str) -> bool:
    """As import-linter reads it: ``*`` is one part of a name, ``**`` one or more."""
    text = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^.]+")
    return re.fullmatch(text, module) is not None
