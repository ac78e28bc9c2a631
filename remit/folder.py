"""What stands in a desk's folder now, valid or not, and what each runbook there would be approved as."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Final, TypeVar

from policies import loader
from policies.approval import PRINCIPALS, Bundle, document
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import ToolContract
from policies.delegation import Delegation
from policies.errors import LoadError, Problem
from policies.in_force import InForce
from policies.lint.people import nobody_decides
from policies.loader import Loaded
from policies.runbook import Runbook
from remit.settings import Settings
from remit.toolbox import Surroundings, registry_of
from state import canonical
from state.errors import CanonicalError
from tools.errors import SetupError

DELEGATION: Final = "delegation.yaml"
CATALOG: Final = "catalog.yaml"
RUNBOOKS: Final = "runbooks"
CONNECTORS: Final = "connectors"
MAX_FILES: Final = 1000
BESIDE: Final = (".test.yaml", ".world.yaml")  # what lies beside runbooks and is none

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What would be approved: the bundle, its contents by digest, and why it cannot be, if it cannot."""

    bundle: Bundle
    contents: Mapping[str, str] = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files of a desk, read once. ``problems``: everything wrong with any of them.

    ``closures``: each Python module, with the digests of its source and of what it imports; ``not_executed``:
    those that were not, because they are not approved as they stand. Their tools are not known.
    """

    settings: Settings
    delegation: Loaded[Delegation] | None
    catalog: Loaded[Catalog] | None
    connectors: Mapping[str, Loaded[Connector]]
    runbooks: Mapping[str, Loaded[Runbook]]  # by id@version
    around: Surroundings
    contracts: Mapping[str, ToolContract]
    closures: Mapping[str, Mapping[str, str]]
    not_executed: tuple[str, ...]
    problems: tuple[Problem, ...]

    def candidates(self) -> dict[str, Candidate]:
        """Everything that could be in force by these files, by scope: principals first, then runbooks."""
        if self.delegation is None:
            return {}
        entries = self.delegation.value.delegate
        unheld = (nobody_decides(self.delegation.value, e.runbook) for e in entries)
        people = _bundle(PRINCIPALS, {PRINCIPALS: self._principals()}, {}, next(filter(None, unheld), ""))
        found = {PRINCIPALS: people}
        for entry in self.delegation.value.delegate:
            book = self.runbooks.get(entry.runbook)
            if book is not None:
                found[entry.runbook] = self._candidate(entry.runbook, book)
        return found

    def name_of(self, path: Path) -> str:
        """Name of a file as problems give it: from the desk's folder on."""
        return _shown(path, self.settings.desk)

    def placed(self, problem: Problem, path: Path) -> Problem:
        """Give a problem of a runbook the name of its file."""
        return replace(problem, file=self.name_of(path))

    def unread(self, id_: str) -> set[str]:
        """Files, or files in a folder, named after a runbook's id that hold none, as their problems say."""
        read = {self.name_of(book.path) for book in self.runbooks.values()}
        places = {p.file for p in self.problems if PurePath(p.file).parts[0] == RUNBOOKS} - read
        return {name for name in places if id_ in (PurePath(name).stem, *PurePath(name).parts[1:-1])}

    def undelegated(self) -> list[str]:
        """Runbooks in the folder that no entry of a readable delegation names: they can never run."""
        if self.delegation is None:
            return []
        return sorted(set(self.runbooks) - {e.runbook for e in self.delegation.value.delegate})

    def missing(self) -> list[str]:
        """Runbooks that the delegation names and the folder does not hold."""
        named = {e.runbook for e in self.delegation.value.delegate} if self.delegation else set()
        return sorted(named - set(self.runbooks))

    def _principals(self) -> dict[str, Any]:
        value = self.delegation.document.value if self.delegation else {}
        return {"principals": value["principals"], "approval": value.get("approval", {})}

    def _candidate(self, ref: str, book: Loaded[Runbook]) -> Candidate:
        assert self.delegation is not None  # noqa: S101 - candidates() asked
        entry = next(e for e in self.delegation.document.value["delegate"] if e["runbook"] == ref)
        tools = book.value.authority.tools
        used = {self.contracts[name].connector for name in tools if name in self.contracts}
        connectors = {name: taken for name, taken in self.connectors.items() if name in used}
        parts = {
            "runbook": book.document.value,
            "contracts": {
                name: self.contracts[name].digest for name in sorted(tools) if name in self.contracts
            },
            "connectors": {name: taken.digest for name, taken in connectors.items()},
            "sources": {n: d for name in sorted(used) for n, d in self.closures.get(name, {}).items()},
            "catalog": self.catalog.document.value if self.catalog else None,
            "addresses": self.around.addresses(),
            "delegation": entry,
        }
        unknown = sorted(name for name in tools if name not in self.contracts)
        problem = nobody_decides(self.delegation.value, ref)
        problem = f"no such tool: {', '.join(unknown)}" if unknown else problem
        if self.not_executed and (unknown or used.intersection(self.not_executed)):
            problem = f"not executed before they are approved: {', '.join(self.not_executed)}"
        more = {t.digest: t.content for t in connectors.values()}
        more |= {c.digest: c.document for name, c in self.contracts.items() if name in tools}
        return _bundle(ref, parts, more, problem)


def read_folder(settings: Settings, environ: Mapping[str, str], approved: InForce | None = None) -> Folder:
    """Read everything in the desk's folder; what is wrong is collected, not raised.

    ``approved``: execute only the Python modules that this binds as they stand; None: all of them, which is
    for those who judge a change.
    """
    desk, problems = settings.desk, list[Problem]()
    delegation = _take(desk, desk / DELEGATION, loader.load_delegation, problems)
    catalog = _take(desk, desk / CATALOG, loader.load_catalog, problems, optional=True)
    connectors: dict[str, Loaded[Connector]] = {}
    for path in _yaml_files(desk / CONNECTORS, problems, desk):
        taken = _take(desk, path, lambda p: loader.load_connector(p, environ), problems)
        if taken is not None:
            _once(connectors, taken.value.connector, taken, desk, problems)
    runbooks: dict[str, Loaded[Runbook]] = {}
    for path in _yaml_files(desk / RUNBOOKS, problems, desk):
        book = _take(desk, path, loader.load_runbook, problems)
        if book is not None:
            _once(runbooks, f"{book.value.id}@{book.value.version}", book, desk, problems)
    around = Surroundings(
        supervisors=settings.supervisors,
        hosts=settings.http.hosts,
        catalog=catalog.value if catalog else None,
        connectors={name: taken.value for name, taken in connectors.items()},
        modules=settings.tools.modules,
        folder=desk,
        trusted=None if approved is None else approved.sources(),
        promised={} if approved is None else approved.promised(),
    )
    modules = around.read_modules()
    try:
        contracts = registry_of(around, modules).contracts()
    except SetupError as error:
        problems.append(_problem("remit.toml", f"tools: {error}", "bad_tool"))
        contracts = MappingProxyType({})
    return Folder(
        settings=settings, delegation=delegation, catalog=catalog, connectors=connectors, runbooks=runbooks,
        around=around, contracts=contracts, closures={name: modules.closure(name) for name in modules.listed},
        not_executed=tuple(around.untrusted(modules)), problems=tuple(problems),
    )  # fmt: skip


def _bundle(scope: str, parts: Mapping[str, Any], more: Mapping[str, str], problem: str = "") -> Candidate:
    digests, contents = {}, dict(more)
    for part, value in parts.items():
        try:
            text = document(value)
        except CanonicalError as error:
            text, problem = "null", problem or f"{part}: {error}"
        digests[part] = canonical.digest_text(text)
        contents[digests[part]] = text
    return Candidate(bundle=Bundle(scope=scope, parts=digests), contents=contents, problem=problem)


def _yaml_files(folder: Path, problems: list[Problem], desk: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(p for p in folder.rglob("*.yaml") if p.is_file() and not p.name.endswith(BESIDE))
    if len(found) > MAX_FILES:
        problems.append(_problem(str(folder.relative_to(desk)), f"more than {MAX_FILES} files", "too_many"))
    return found[:MAX_FILES]


def _shown(path: Path, desk: Path) -> str:
    """Name a file from the desk's folder on; what no terminal should get of its name stands there escaped."""
    name = str(path.relative_to(desk))
    return name if name.isprintable() else repr(name)[1:-1]


def _take(
    desk: Path, path: Path, load: Callable[[Path], T], problems: list[Problem], *, optional: bool = False
) -> T | None:
    name = _shown(path, desk)
    try:
        return load(path)
    except LoadError as error:
        problems.extend(replace(p, file=name) for p in error.problems)
    except FileNotFoundError:
        if not optional:
            problems.append(_problem(name, "there is no such file", "no_file"))
    except OSError as error:
        problems.append(_problem(name, f"cannot be read: {error.strerror}", "no_file"))
    return None


def _once(
    kept: dict[str, Loaded[Any]], name: str, taken: Loaded[Any], desk: Path, problems: list[Problem]
) -> None:
    if name not in kept:
        kept[name] = taken
        return
    first, second = (_shown(t.path, desk) for t in (kept[name], taken))
    problems.append(_problem(second, f"{name} is in {first} already; this one is ignored", "duplicate"))


def _problem(name: str, message: str, code: str) -> Problem:
    return Problem(file=name, line=1, column=1, path="", message=message, code=code)
