"""Is what is in the repository all that a stranger needs, and nothing that belongs to one machine?"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in parts, so that this file does not name what it looks for.
HOSTS = [".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"), ("proxy", "golang"),
)]  # fmt: skip
ADDRESS = re.compile(
    "|".join(map(re.escape, HOSTS)) + "|--(?:extra-)?index-url[ =]|--find-links[ =]|/simple/?[\"'\\s]"
)
OF_ONE_MACHINE = re.compile(r"/(?:root|home/\w+|work)/")


@pytest.fixture(scope="module")
def git(require):
    require("git", shutil.which("git"))
    require("a git checkout", (ROOT / ".git").exists())

    def run(*arguments: str) -> list[str]:
        ran = subprocess.run(
            ["git", *arguments, "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        return [name for name in ran.stdout.split("\0") if name]

    return run


@pytest.fixture(scope="module")
def texts(git) -> dict[str, str]:
    """Every text file that a commit holds or would hold."""
    found = {}
    for name in git("ls-files", "--cached", "--others", "--exclude-standard"):
        path = ROOT / name
        if path.is_file():
            found[name] = path.read_bytes().decode("utf-8", errors="replace")
    assert "README.md" in found
    return found


def _lines_that_match(texts: dict[str, str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry(texts):
    assert _lines_that_match(texts, ADDRESS) == []


def test_no_file_names_a_folder_of_one_machine(texts):
    assert _lines_that_match(texts, OF_ONE_MACHINE) == []


@pytest.mark.parametrize("line", [*HOSTS, "--index" + "-url=file:///srv", "--find" + "-links wheels"])
def test_an_address_would_be_found(line):
    assert _lines_that_match({"f": line}, ADDRESS)


def test_nothing_that_is_needed_is_ignored(git):
    where = ("state", "policies", "tools", "agents", "graph", "remit", "evals", "runbooks", "tests", "docs",
             "requirements", ".ci")  # fmt: skip
    ignored = git("ls-files", "--others", "--ignored", "--exclude-standard", "--", *where)
    rubbish = ("__pycache__/", ".hypothesis/", ".pytest_cache/")
    assert [name for name in ignored if not any(part in name for part in rubbish)] == []


def test_the_doors_for_a_stranger_are_executable_or_readable():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    for name in ("README.md", "LICENSE", "Makefile"):
        assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_names_only_targets_that_exist():
    targets = set(
        re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named <= targets
