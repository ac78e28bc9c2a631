"""Which code a campaign judged: a log holds the seeds of one version, for another may make others of them."""

import subprocess
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
JUDGED: Final = ("state", "policies", "tools", "agents", "graph", "remit")
WORLD: Final = ("evals/simulation", "evals/invariants", "tools/sim")


@cache
def code() -> str:
    """The product, the worlds and the checker, as a digest of their sources."""
    return _digest((*JUDGED, *WORLD))


@cache
def world() -> str:
    """What a seed means, as far as the simulator alone decides it: the world version."""
    return _digest(WORLD)


@cache
def revision() -> str:
    """The git revision, with a plus where files differ from it; empty where there is none."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD").strip()
        return head + ("+" if _git("status", "--porcelain", "--", *JUDGED, "evals").strip() else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words: str) -> str:
    return subprocess.run(
        ("git", *words),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout


def _digest(folders: Iterable[str]) -> str:
    made = sha256()
    for path in sorted({p for folder in folders for p in (ROOT / folder).rglob("*.py")}):
        made.update(f"{path.relative_to(ROOT)}\n".encode() + sha256(path.read_bytes()).digest())
    return made.hexdigest()[:12]
