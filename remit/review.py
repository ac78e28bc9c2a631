"""What reviewers of a runbook ask: can it be run safely, what may it do, what would a change let it do."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from policies.approval import PRINCIPALS
from policies.authority import Remit, compare, sentences
from policies.contract import ToolContract
from policies.delegation import Entry
from policies.errors import Problem
from policies.lint import lint
from remit.desk import Change, Desk
from remit.folder import Folder
from remit.toolbox import approved, registry_of
from tools.errors import SetupError


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
    """What an approval would change. ``kind``: widens, narrows or same; ``parts``: what of it differs."""

    scope: str
    kind: str
    parts: tuple[str, ...]
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)

    @property
    def lines(self) -> list[str]:
        """Everything for a terminal."""
        differs = f" ({', '.join(self.parts)} differ)" if self.parts else ""
        return [f"{self.scope}: {self.kind.upper()}{differs}", *(f"  {s}" for s in self.sentences)]


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
    return problems


def named(folder: Folder, given: str) -> tuple[str | None, set[str]]:
    """The newest runbook that an id, or id@version, means, and the files of that name that hold none."""
    refs = [r for r in folder.runbooks if given in (r, r.partition("@")[0])]
    newest = max(refs, key=lambda ref: int(ref.partition("@")[2]), default=None)
    return newest, folder.unread(given.partition("@")[0])


def unsafe(folder: Folder, ref: str) -> list[Problem]:
    """Why a runbook of the folder must not be approved: its lint errors."""
    return [p for p in lint_folder(folder, {ref}) if not p.warning]


def authority_of(desk: Desk, ref: str) -> Sentences:
    """What a runbook may do: as approved, else as it stands in the files."""
    if ref in desk.in_force.runbooks:
        remit = in_force(desk, ref)
        return Sentences(
            ref=ref, approved=True, sentences=tuple(sentences(remit.runbook, remit.contracts, remit.entry))
        )
    folder = desk.folder
    entry = folder.delegation.value.entry(ref) if folder.delegation else None
    said = sentences(folder.runbooks[ref].value, folder.contracts, entry)
    return Sentences(ref=ref, approved=False, sentences=tuple(said))


def differences(desk: Desk, change: Change) -> Difference:
    """What an approval of ``change`` would change, in sentences and as a direction."""
    if change.candidate is None:
        said = (f"- {change.scope} may not be run any more",)
        return Difference(scope=change.scope, kind="narrows", parts=(), sentences=said)
    if change.scope == PRINCIPALS:
        said = ("+ who may ask, decide or approve is not as it was: read delegation.yaml",)
        return Difference(scope=change.scope, kind="widens", parts=(PRINCIPALS,), sentences=said)
    proposed = Remit(
        runbook=desk.folder.runbooks[change.scope].value,
        contracts=desk.folder.contracts,
        entry=desk.folder.delegation.value.entry(change.scope) if desk.folder.delegation else None,
    )
    before = _before(desk, change)
    found = compare(before, proposed)
    around = [p for p in change.parts if p in ("contracts", "connectors", "catalog", "addresses")]
    outside = tuple(f"+ {part} changed: the same words may reach something else" for part in around)
    kind = "widens" if around else str(found.kind)
    return Difference(scope=change.scope, kind=kind, parts=change.parts, sentences=outside + found.sentences)


def in_force(desk: Desk, ref: str) -> Remit:
    """What is approved under ``id@version``."""
    policy = desk.in_force.policy(ref)
    around = approved(policy, modules=desk.settings.tools.modules, folder=desk.settings.desk)
    try:
        contracts: Mapping[str, ToolContract] = registry_of(around).contracts()
    except SetupError:
        contracts = {}
    entry: Entry = policy.delegation
    return Remit(runbook=policy.runbook, contracts=contracts, entry=entry)


def _before(desk: Desk, change: Change) -> Remit | None:
    """What the change starts from: the same version, else the newest that is in force of the same runbook."""
    if change.was is not None:
        return in_force(desk, change.scope)
    newest = desk.in_force.newest(change.scope.partition("@")[0])
    return in_force(desk, newest) if newest else None
