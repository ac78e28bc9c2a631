"""What reviewers of a runbook ask: can it be run safely, what may it do, what would a change let it do."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from policies.approval import PRINCIPALS, document, read_principals
from policies.authority import (
    ANOTHER_CONTRACT,
    Remit,
    addresses_changed,
    catalog_changed,
    compare,
    connectors_changed,
    people_changed,
    sentences,
    tools_changed,
)
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import ToolContract
from policies.delegation import Entry
from policies.errors import Problem
from policies.lint import lint
from policies.lint.people import unheld_roles, untold_levels
from policies.loader import Loaded
from policies.runbook import Runbook
from policies.yaml_tree import MAX_BYTES
from remit.desk import LEAK, REUSED, Change, Desk
from remit.folder import CONNECTORS, Folder
from remit.toolbox import approved, registry_of
from state import canonical
from tools.errors import SetupError
from tools.scrub import Scrubber

_TOOL_NAME: Final = re.compile(r"\bname:\s*[\"']?([a-z][a-z0-9_.-]*)")
_AROUND: Final = ("contracts", "connectors", "sources", "catalog", "addresses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What a runbook may do at the most. ``approved``: this is in force; else it only stands in the files."""

    ref: str
    approved: bool
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an approval would change. ``kind``: widens, narrows or same; ``parts``: what of it differs.

    ``refused``: why it would be refused, as it stands.
    """

    scope: str
    kind: str
    parts: tuple[str, ...]
    sentences: tuple[str, ...]
    refused: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)

    @property
    def lines(self) -> list[str]:
        """Everything for a terminal."""
        differs = f" ({', '.join(self.parts)} differ)" if self.parts else ""
        refused = (f"  CANNOT BE APPROVED: {why}" for why in self.refused)
        return [
            f"{self.scope}: {self.kind.upper()}{differs}", *refused, *(f"  {s}" for s in self.sentences)
        ]  # fmt: skip


def lint_folder(
    folder: Folder, wanted: Collection[str] | None = None, *, unread: Collection[str] = ()
) -> list[Problem]:
    """Everything wrong with the files, or with the runbooks ``wanted`` (id@version) and ``unread`` files."""
    books = [folder.runbooks[r] for r in wanted or () if r in folder.runbooks]
    files = {*unread, *(folder.name_of(book.path) for book in books)}
    problems = [p for p in folder.problems if wanted is None or p.file in files]
    for ref, book in folder.runbooks.items():
        if wanted is None or ref in wanted:
            found = lint(book.value, folder.contracts, book.document)
            problems += [folder.placed(p, book.path) for p in found]
            problems += _of_roles(folder, ref, book)
    return _in_order(_without_echo(folder, problems))


def _without_echo(folder: Folder, problems: Sequence[Problem]) -> list[Problem]:
    """The same without tools that are unknown only because their connector's file is broken: that is told."""
    files = {p.file for p in folder.problems if Path(p.file).parts[0] == CONNECTORS and not p.warning}
    missing = {name: file for file in files for name in _named_tools(folder.settings.desk / file)}
    echoes = {p: missing[tool] for p in problems if (tool := _unknown_tool(p)) in missing}
    kept = [p for p in problems if p not in echoes]
    told = {*echoes.values()} - {p.file for p in kept}
    return [p for p in folder.problems if p.file in told] + kept


def _unknown_tool(problem: Problem) -> str:
    return problem.message.rpartition(" ")[2] if problem.code == "unknown_tool" else ""


def _named_tools(file: Path) -> set[str]:
    """What the tools of a connector's file that cannot be taken seem to be called."""
    try:
        return set(_TOOL_NAME.findall(file.read_text(encoding="utf-8", errors="replace")[:MAX_BYTES]))
    except OSError:
        return set()


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Problems file by file, those of a file in the order of its lines."""
    files = {name: place for place, name in reversed(list(enumerate(p.file for p in problems)))}
    return sorted(problems, key=lambda p: (files[p.file], p.line, p.column))


def _of_roles(folder: Folder, ref: str, book: Loaded[Runbook]) -> list[Problem]:
    """Say which roles nobody has, of those that a runbook and its delegation entry name."""
    held = folder.delegation
    if held is None or held.value.entry(ref) is None:
        return []
    told = untold_levels(book.value, book.document, held.value)
    entry = unheld_roles(held.value, held.document, ref)
    return [
        *(folder.placed(p, book.path) for p in told),
        *(folder.placed(p, held.path) for p in entry),
    ]


def named(folder: Folder, given: str) -> tuple[str | None, set[str]]:
    """The newest runbook that an id, or id@version, means, and the files of that name that hold none."""
    refs = [r for r in folder.runbooks if given in (r, r.partition("@")[0])]
    newest = max(refs, key=lambda ref: int(ref.partition("@")[2]), default=None)
    return newest, folder.unread(given.partition("@")[0])


def reused(desk: Desk, wanted: Collection[str] | None = None) -> list[Problem]:
    """Say which runbooks of the folder have the id and version of another one that was approved."""
    folder, found = desk.folder, []
    for ref, book in folder.runbooks.items():
        if wanted is not None and ref not in wanted:
            continue
        meant = desk.in_force.versions.get(ref)
        if meant not in (None, canonical.digest_text(document(book.document.value))):
            problem = book.document.problem(("version",), REUSED, "version_reused")
            found.append(folder.placed(problem, book.path))
    return found


def leaks(desk: Desk, wanted: Collection[str] | None = None) -> list[Problem]:
    """Say where a file that would be approved holds the value of a secret, raw or in another form.

    ``wanted``: of these runbooks only, and of what lies around all of them.
    """
    folder = desk.folder
    around = [loaded for loaded in (folder.delegation, folder.catalog) if loaded is not None]
    books = [book for ref, book in folder.runbooks.items() if wanted is None or ref in wanted]
    found = []
    for loaded in (*books, *folder.connectors.values(), *around):
        if not desk.scrubber.holds(loaded.content):
            continue
        places = list(_places(loaded.document.value, desk.scrubber)) or [()]
        told = (loaded.document.problem(place, LEAK, "secret_in_file") for place in places)
        found += [folder.placed(problem, loaded.path) for problem in told]
    return found


def _places(
    value: Any, scrubber: Scrubber, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Paths of the texts that hold a secret each by itself."""
    if isinstance(value, str) and scrubber.holds(value):
        yield at
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from [(*at, name)] if scrubber.holds(name) else _places(inner, scrubber, (*at, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _places(inner, scrubber, (*at, index))


def refusals(desk: Desk, change: Change) -> tuple[str, ...]:
    """Why an approval of ``change`` would be refused, whoever gives it."""
    why = [f"{change.problem} [{change.code}]"] if change.problem else []
    if change.candidate is not None and change.scope in desk.proposed.runbooks:
        why += map(str, unsafe(desk.proposed, change.scope))
    return tuple(why)


def unsafe(folder: Folder, ref: str) -> list[Problem]:
    """Why a runbook of the folder must not be approved: its lint errors."""
    return [p for p in lint_folder(folder, {ref}) if not p.warning]


def authority_of(desk: Desk, ref: str) -> Sentences:
    """What a runbook may do: as approved, else as it stands in the files."""
    held = ref in desk.in_force.runbooks
    remit = in_force(desk, ref) if held else _proposed(desk, ref)
    said = sentences(remit.runbook, remit.contracts, remit.entry, connectors=remit.connectors)
    return Sentences(ref=ref, approved=held, sentences=tuple(said))


def differences(desk: Desk, change: Change) -> Difference:
    """What an approval of ``change`` would change, in sentences and as a direction."""
    if change.candidate is None:
        said = (f"- {change.scope} may not be run any more",)
        return Difference(scope=change.scope, kind="narrows", parts=(), sentences=said)
    if change.scope == PRINCIPALS:
        return _of_people(desk, change)
    proposed = _proposed(desk, change.scope)
    start = _start(desk, change)
    before = None if start is None else in_force(desk, start)
    found = compare(before, proposed)
    outside = [] if start is None or before is None else _around(desk, start, before, proposed)
    unsaid = [p for p in _AROUND if p in change.parts and not outside]
    outside += [f"+ {part} changed: the same words may reach something else" for part in unsaid]
    kind = "widens" if outside else str(found.kind)
    # what of a contract changed stands in ``outside`` already
    own = tuple(s for s in found.sentences if not (outside and s.startswith(ANOTHER_CONTRACT)))
    return Difference(
        scope=change.scope,
        kind=kind,
        parts=change.parts,
        sentences=(*outside, *own),
        refused=refusals(desk, change),
    )


def _proposed(desk: Desk, ref: str) -> Remit:
    """What the files would have in force under ``ref``."""
    folder = desk.proposed
    book = folder.runbooks[ref].value
    return Remit(
        runbook=book,
        contracts=folder.contracts,
        entry=folder.delegation.value.entry(ref) if folder.delegation else None,
        connectors=_used({n: c.value for n, c in folder.connectors.items()}, book, folder.contracts),
    )


def _used(
    connectors: Mapping[str, Connector], book: Runbook, contracts: Mapping[str, ToolContract]
) -> dict[str, Connector]:
    names = {contracts[tool].connector for tool in book.authority.tools if tool in contracts}
    return {name: connector for name, connector in connectors.items() if name in names}


def _of_people(desk: Desk, change: Change) -> Difference:
    assert change.candidate is not None  # noqa: S101 - differences() asked
    bundle = change.candidate.bundle
    new = read_principals(change.candidate.contents[bundle.parts[PRINCIPALS]])
    found = sorted(people_changed(desk.in_force.people(), new), key=lambda one: not one[0])
    said = tuple(f"{'+' if given else '-'} {text}" for given, text in found)
    given = any(given for given, _ in found)
    kind = "widens" if given else "narrows" if found else "same"
    return Difference(scope=change.scope, kind=kind, parts=(PRINCIPALS,), sentences=said)


def _around(desk: Desk, start: str, before: Remit, proposed: Remit) -> list[str]:
    """What the same words would reach that they do not reach by ``start``, which is in force."""
    policy, folder = desk.in_force.policy(start), desk.proposed
    catalog = None if policy.catalog is None else Catalog.model_validate_json(document(policy.catalog))
    said = [
        *connectors_changed(before.connectors, proposed.connectors),
        *addresses_changed(policy.addresses, folder.around.addresses()),
        *catalog_changed(catalog, folder.catalog.value if folder.catalog else None),
        *tools_changed(policy.contracts, before.contracts, proposed.contracts, {*folder.connectors}),
    ]
    return [f"+ {text}" for text in said]


def in_force(desk: Desk, ref: str) -> Remit:
    """What is approved under ``id@version``."""
    policy = desk.in_force.policy(ref)
    around = approved(policy, modules=desk.settings.tools.modules, folder=desk.settings.desk)
    try:
        contracts: Mapping[str, ToolContract] = registry_of(around).contracts()
    except SetupError:
        contracts = {}
    entry: Entry = policy.delegation
    return Remit(runbook=policy.runbook, contracts=contracts, entry=entry, connectors=dict(around.connectors))


def _start(desk: Desk, change: Change) -> str | None:
    """What the change starts from: the same version, else the newest that is in force of the same runbook."""
    if change.was is not None:
        return change.scope
    return desk.in_force.newest(change.scope.partition("@")[0])
