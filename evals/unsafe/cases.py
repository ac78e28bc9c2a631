"""Which unsafe runbooks there are, what is wrong with each, and the one line that mends it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policies import yaml_tree
from policies.contract import ToolContract
from policies.loader import Loaded, load_connector, load_runbook
from policies.runbook import Runbook

FOLDER: Final = Path(__file__).parent
ENVIRONMENT: Final[Mapping[str, str]] = {"SEATS_URL": "http://127.0.0.1:9"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """One line of a file, written otherwise."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeCase:
    """One flaw. ``lint`` and ``proof``: the codes and laws that name it; ``words``: of its story."""

    name: str
    flaw: str
    lint: tuple[str, ...]
    proof: tuple[str, ...]
    words: tuple[str, ...]
    mend: Mend

    def copy_to(self, folder: Path, *, mended: bool) -> Path:
        """Write runbook and connector into ``folder``, as they are or mended; ValueError for a bad mend."""
        for name in ("runbook.yaml", "connector.yaml"):
            shutil.copy(FOLDER / self.name / name, folder / name)
        if mended:
            file = folder / self.mend.file
            text = file.read_text(encoding="utf-8")
            if text.count(self.mend.old) != 1:
                raise ValueError(f"{self.name}: the line to mend does not stand once in {self.mend.file}")
            file.write_text(text.replace(self.mend.old, self.mend.new), encoding="utf-8")
        return folder


def load(folder: Path) -> tuple[Loaded[Runbook], dict[str, ToolContract]]:
    """Read a copy: its runbook, and the contracts of its connector; LoadError."""
    connector = load_connector(folder / "connector.yaml", ENVIRONMENT).value
    return load_runbook(folder / "runbook.yaml"), connector.contracts()


def cases() -> tuple[UnsafeCase, ...]:
    """Every unsafe runbook, by name."""
    return tuple(_case(path.parent) for path in sorted(FOLDER.glob("*/case.yaml")))


def _case(folder: Path) -> UnsafeCase:
    value: dict[str, Any] = yaml_tree.read(
        (folder / "case.yaml").read_bytes(), f"{folder.name}/case.yaml"
    ).value
    mend = value["mend"]
    return UnsafeCase(
        name=folder.name,
        flaw=value["flaw"],
        lint=tuple(value["lint"]),
        proof=tuple(value["proof"]),
        words=tuple(value["words"]),
        mend=Mend(file=mend["file"], old=mend["from"], new=mend["to"]),
    )
