"""Do the core and the command line start without the heavy libraries?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("langgraph", "langchain_core", "openai", "fastapi")
PURE = (*HEAVY, "sqlalchemy", "alembic", "httpx")


def _loaded(code: str, names: tuple[str, ...], cwd: Path = ROOT) -> set[str]:
    """Run ``code`` in a new interpreter and return which of ``names`` it has loaded by its end."""
    report = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('LOADED', *(set({names!r}) & set(sys.modules))))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", report + code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert last.startswith("LOADED")
    return set(last.split()[1:])


def _modules(room: str) -> list[str]:
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / room).rglob("*.py"))
    names = {".".join(file.parts).removesuffix(".__init__") for file in files}
    return sorted(names)


def test_the_probe_sees_what_is_loaded():
    assert _loaded("import openai", HEAVY) == {"openai"}


def test_policies_load_nothing_heavy():
    modules = _modules("policies")
    assert "policies.call" in modules
    assert _loaded("import " + ", ".join(modules), PURE) == set()


def test_state_loads_nothing_heavy_outside_its_stores():
    stores = ("state.ledger.sql", "state.ledger.migrations")
    modules = [name for name in _modules("state") if not name.startswith(stores)]
    assert "state.task" in modules
    assert _loaded("import " + ", ".join(modules), PURE) == set()


def _command_line(*arguments: str) -> str:
    return (
        f"import runpy, sys; sys.argv = ['remit', *{arguments!r}]\n"
        "runpy.run_module('remit', run_name='__main__')"
    )


def test_help_loads_nothing_heavy():
    assert _loaded(_command_line("--help"), HEAVY) == set()


@pytest.mark.parametrize("arguments", [("runs", "list"), ("runs", "list", "--all", "--json")], ids=" ".join)
def test_listing_runs_loads_nothing_heavy(arguments, tmp_path):
    _loaded(_command_line("init"), (), tmp_path)
    assert _loaded(_command_line(*arguments), HEAVY, tmp_path) == set()


@pytest.mark.parametrize("command", [["remit"], ["python", "-m", "remit"]], ids=" ".join)
def test_both_ways_to_start_it_answer(command, tmp_path):
    command = [str(Path(sys.executable).with_name(command[0])), *command[1:], "--help"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "run" in ended.stdout
