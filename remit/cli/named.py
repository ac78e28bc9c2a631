"""Which runbooks, and which changes of them, are meant by the ids that are given at the command line."""

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from remit.errors import UsageError

if TYPE_CHECKING:
    from remit.desk import Change, Desk

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="A runbook's id or id@version.")]


def chosen(desk: "Desk", ids: list[str], *, all_: bool) -> "list[Change]":
    """Changes that ids mean, or all of them; UsageError for an id that is none."""
    changes = desk.changes()
    if all_ and ids:
        raise UsageError("either ids or --all", code="usage")
    if all_:
        return changes
    if not ids:
        raise UsageError("say what: ids, or --all", code="usage", hint="remit runbook list")
    chosen = []
    for given in ids:
        found = [c for c in changes if given in (c.scope, c.scope.partition("@")[0])]
        if not found:
            known = {*desk.in_force.runbooks, *desk.folder.runbooks, "principals"}
            if any(given in (ref, ref.partition("@")[0]) for ref in known):
                continue  # it is in force as it stands
            raise unknown(given, known)
        chosen += [c for c in found if c not in chosen]
    return chosen


def the_one(desk: "Desk", given: str) -> str:
    """The newest runbook that an id means, in force or in the files; UsageError."""
    refs = {*desk.in_force.runbooks, *desk.folder.runbooks}
    found = [r for r in refs if given in (r, r.partition("@")[0])]
    if not found:
        raise unknown(given, refs)
    return max(found, key=lambda ref: int(ref.partition("@")[2]))


def unknown(given: str, known: set[str]) -> UsageError:
    """The error of an id that is none, with one that looks like it."""
    near = difflib.get_close_matches(given, [*known, *(r.partition("@")[0] for r in known)], n=1)
    hint = f"did you mean {near[0]}?" if near else "remit runbook list"
    return UsageError(f"no runbook {given[:60]} here", code="unknown_runbook", hint=hint)
