"""Whether there is somebody behind the roles that a runbook and its delegation entry name."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from policies.delegation import Delegation, Principal
from policies.errors import Problem
from policies.runbook import Runbook
from policies.yaml_tree import Document, Path

_ROLE: Final = "role:"


def unheld_roles(delegation: Delegation, document: Document, runbook: str) -> Iterator[Problem]:
    """Say which roles of the entry for ``runbook`` nobody has: an error where that leaves none at all."""
    for index, entry in enumerate(delegation.delegate):
        if entry.runbook == runbook:
            at: Path = ("delegate", index)
            asks, decides = _roles(delegation.principals), _roles(delegation.principals, humans=True)
            yield from _unheld(document, (*at, "request"), entry.request, asks, "nobody could ask for it")
            yield from _unheld(
                document, (*at, "decide"), entry.decide, decides, "a run that stops could not be ended"
            )


def untold_levels(runbook: Runbook, document: Document, delegation: Delegation) -> Iterator[Problem]:
    """Say which levels name a role that nobody has: an error where nobody at all would be told."""
    levels = runbook.escalation.levels
    named = [level.to.removeprefix(_ROLE) for level in levels if level.to.startswith(_ROLE)]
    known = _roles(delegation.principals, humans=True)
    nobody = len(named) == len(levels) and not known & {*named}
    for number, level in enumerate(levels):
        role = level.to.removeprefix(_ROLE)
        if level.to.startswith(_ROLE) and role not in known:
            at: Path = ("escalation", "levels", number, "to")
            yield _said(document, at, role, "nobody would be told of a stop" if nobody else "")


def nobody_decides(delegation: Delegation, runbook: str) -> str:
    """Why a run of ``runbook`` that stops could be ended by nobody; empty where somebody decides."""
    entry = delegation.entry(runbook)
    if entry is None or _roles(delegation.principals, humans=True) & {*entry.decide}:
        return ""
    return f"no human has a role that decides on {runbook} ({' or '.join(entry.decide)})"


def _roles(principals: Mapping[str, Principal], *, humans: bool = False) -> frozenset[str]:
    """Every role that somebody has."""
    return frozenset(r for p in principals.values() if not humans or p.kind == "human" for r in p.roles)


def _unheld(
    document: Document, at: Path, roles: Collection[str], known: frozenset[str], else_: str
) -> Iterator[Problem]:
    nobody = not known & {*roles}
    for number, role in enumerate(roles):
        if role not in known:
            yield _said(document, (*at, number), role, else_ if nobody else "")


def _said(document: Document, at: Path, role: str, else_: str) -> Problem:
    """Make an error of it where ``else_`` says what comes of it, and a warning where others have a role."""
    message = f"nobody has the role {role} (principals in delegation.yaml)" + (f": {else_}" if else_ else "")
    problem = document.problem(at, message, "role_unheld")
    return problem if else_ else problem.as_warning()
