"""Which runbooks are to be proved, and with which tools: those of a desk, or what lies beside a file."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from policies import loader
from policies.catalog import Catalog
from policies.contract import ToolContract
from policies.errors import LoadError, Problem
from policies.lint import lint
from policies.yaml_tree import Document
from policies.yaml_tree import Path as Place
from remit.errors import UsageError
from remit.folder import BESIDE, Folder, read_folder
from remit.proving.subject import Subject, subject_of
from remit.rehearsal.desk_files import desk_of
from remit.rehearsal.reading import read_connector
from remit.review import lint_folder, named
from remit.settings import load
from remit.toolbox import Surroundings, registry_of

MAX_FILES: Final = 1000
# What lint says of a runbook that the proof tells better, by the run in which it goes wrong.
TOLD_BY_PROOF: Final = frozenset(
    {
        "no_probe",
        "key_window_short",
        "unverified_not_repeatable",
        "writes_below_worst_case",
        "attempts_below_worst_case",
        "completion_passes_unchanged",
    }
)
_NO_SERVICES: Final = Catalog.model_validate({"schema": "remit/catalog/v1", "services": ()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """One runbook to be proved. ``file``: as it is named; ``problems``: what lint says beside the proof."""

    file: str
    subject: Subject
    document: Document = field(repr=False)
    problems: tuple[Problem, ...] = field(repr=False)

    def place(self, path: Place) -> str:
        """File, line and column of a part of it."""
        found = self.document.problem(path, "", "")
        return f"{self.file}:{found.line}:{found.column}"


def meant(given: Sequence[str], *, folder: Folder | None, cwd: Path) -> list[Meant]:
    """What files, folders and ids mean; none given: every runbook of the desk. UsageError, LoadError."""
    if not given:
        if folder is None:
            raise UsageError(
                "say what: runbook files, or a folder with such",
                code="usage",
                hint="remit runbook prove runbooks/",
            )
        if not folder.runbooks:
            raise UsageError("no runbook lies here", code="no_file", hint="remit runbook new ID")
        return [_of_desk(folder, ref) for ref in folder.runbooks]
    found: dict[tuple[str, str], Meant] = {}
    for one in given:
        for each in _each(one, folder, cwd):
            found.setdefault((each.file, each.subject.runbook.ref), each)
    return list(found.values())


def _each(given: str, folder: Folder | None, cwd: Path) -> Iterator[Meant]:
    path = cwd / given
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*.yaml"))[:MAX_FILES] if _says(p, "runbook")]
        if not files:
            raise UsageError(f"no runbook lies below {given[:200]}", code="no_file")
        yield from (_of_file(file, folder, cwd) for file in files)
    elif path.is_file():
        yield _of_file(path, folder, cwd)
    elif folder is None or path.suffix == ".yaml":
        raise UsageError(f"there is no file {given[:200]}", code="no_file")
    else:
        ref, unread = named(folder, given)
        if ref is None:
            problems = [p for p in folder.problems if p.file in unread]
            if problems:
                raise LoadError(problems)
            hint = "remit runbook list"
            raise UsageError(f"no runbook {given[:60]} here", code="unknown_runbook", hint=hint)
        yield _of_desk(folder, ref)


def _of_desk(folder: Folder, ref: str, file: str = "") -> Meant:
    book = folder.runbooks[ref]
    return Meant(
        file=file or folder.name_of(book.path),
        subject=subject_of(book, folder.contracts),
        document=book.document,
        problems=_fit(lint_folder(folder, {ref})),
    )


def _of_file(path: Path, folder: Folder | None, cwd: Path) -> Meant:
    name, desk = _shown(path, cwd), desk_of(path)
    if desk is not None:
        of_it = folder if folder is not None and folder.settings.desk == desk else _folder(desk)
        for ref, book in of_it.runbooks.items():
            if book.path.resolve() == path.resolve():
                return _of_desk(of_it, ref, name)
    try:
        book = loader.load_runbook(path)
    except LoadError as error:
        raise LoadError([replace(p, file=name) for p in error.problems]) from error
    contracts = _beside(path)
    problems = [replace(p, file=name) for p in lint(book.value, contracts, book.document)]
    subject = subject_of(book, contracts)
    return Meant(file=name, subject=subject, document=book.document, problems=_fit(problems))


def _folder(desk: Path) -> Folder:
    """The files of another desk, in which a file lies."""
    return read_folder(load(desk), os.environ)


def _fit(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """What lint says and the proof does not; LoadError where something keeps it from being proved."""
    errors = [p for p in problems if not p.warning and p.code not in TOLD_BY_PROOF]
    if errors:
        raise LoadError(errors)
    return tuple(p for p in problems if not p.warning)


def _beside(path: Path) -> dict[str, ToolContract]:
    """Contracts of the tools that every desk has, and of the connectors that lie beside a runbook."""
    files = [p for p in sorted(path.parent.glob("*.yaml"))[:MAX_FILES] if _says(p, "connector")]
    connectors = [read_connector(file) for file in files]
    around = Surroundings(catalog=_NO_SERVICES, connectors={one.connector: one for one in connectors})
    return dict(registry_of(around).contracts())


def _says(path: Path, kind: str) -> bool:
    """Whether a file says that it is of a kind, by its schema."""
    if not path.is_file() or path.name.endswith(BESIDE):
        return False
    with path.open("rb") as file:
        return f"remit/{kind}/v1".encode() in file.read(4096)


def _shown(path: Path, cwd: Path) -> str:
    try:
        return str(path.resolve().relative_to(cwd))
    except ValueError:
        return str(path)
