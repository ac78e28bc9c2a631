"""``remit runbook``: write one, check it, see what it may do, and have it approved."""

import difflib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.cli import rehearse
from remit.cli.door import ESCALATED, OK, REFUSED, USAGE, Door, columns, command
from remit.errors import RefusedError, UsageError
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from remit.desk import Change, Desk, Done
    from remit.intake.principal import Asker

_Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="A runbook's id or id@version.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    runbook = typer.Typer(
        no_args_is_help=True,
        help="Write runbooks, check them, and have them approved.",
        rich_markup_mode=None,
    )
    command(runbook, "new")(new)
    command(runbook, "lint")(lint)
    command(runbook, "test")(rehearse.rehearse_files)
    command(runbook, "authority")(authority)
    command(runbook, "diff")(diff)
    command(runbook, "schema")(schema)
    command(runbook, "approve")(approve)
    command(runbook, "list")(list_)
    app.add_typer(runbook, name="runbook")


def list_(door: Door) -> int:
    """List runbooks: what is in force, and what stands in the files but is not."""
    desk = door.desk()
    changes = {c.scope: c for c in desk.pending()}
    rows = [
        _row(desk, ref, changes.get(ref)) for ref in sorted({*desk.in_force.runbooks, *desk.folder.runbooks})
    ]
    if door.json:
        door.data(rows)
        return OK
    door.table(
        ("RUNBOOK", "STATE", "MODE", "APPROVED BY", "TITLE"),
        [(r["runbook"], r["state"], r["mode"], r["by"], r["title"]) for r in rows],
    )
    door.say(*desk.warnings())
    if changes:
        door.say("next: remit runbook approve --all")
    return OK


def approve(
    door: Door,
    ids: _Ids = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is pending, as one act.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Show what an approval binds, ask, and put it in force; or propose it where another must approve."""
    desk, asker = door.desk(), door.operator()
    changes = _chosen(desk, ids or [], all_=all_)
    if not changes:
        _refuse_undelegated(desk, ids or [])
        door.data([]) if door.json else door.say("nothing is pending; nothing was done")
        return OK
    _refuse_flawed(desk, changes)
    if not door.json:
        door.text(*(line for change in changes for line in _bound(desk, change)))
    if not door.confirm(f"Approve {len(changes)} as {asker.name}?", yes=yes):
        door.say("not approved; nothing was done")
        return USAGE
    done = desk.approve(changes, asker)
    if door.json:
        door.data([_outcome(one) for one in done])
    else:
        door.say(*(_said(one) for one in done))
        door.say(*_who_else(desk, done, asker))
    states = {one.state for one in done}
    return REFUSED if "refused" in states else ESCALATED if "proposed" in states else OK


def new(
    door: Door,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Lower-case letters, digits and dashes.")],
) -> int:
    """Write a first version of a runbook and of its tests, to be edited; it is not in force yet."""
    from importlib.resources import files

    from policies.loader import parse_runbook

    settings = door.settings()
    path, tests = (settings.desk / "runbooks" / f"{id_}{suffix}" for suffix in (".yaml", ".test.yaml"))
    text, tested = (
        files("remit.cli").joinpath(f"new_runbook{p.name.removeprefix(id_)}").read_text(encoding="utf-8")
        for p in (path, tests)
    )
    text = text.replace("RUNBOOK_ID", id_)
    parse_runbook(text.encode(), path)  # an id that is none is said here, before anything is written
    path.parent.mkdir(exist_ok=True)
    if taken := [p for p in (path, tests) if p.exists()]:
        raise UsageError(f"{taken[0]} is there already", code="file_exists")
    for file, content in ((path, text), (tests, tested.replace("RUNBOOK_ID", id_))):
        with file.open("x", encoding="utf-8") as opened:
            opened.write(content)
    if door.json:
        door.data({"file": str(path), "tests": str(tests), "runbook": f"{id_}@1"})
        return OK
    door.say(
        f"written: {path} and {tests.name}; it is not in force",
        f"next: edit them, and remit runbook lint {id_}; remit runbook test {id_}",
        f"then: add an entry for {id_}@1 to delegation.yaml, and remit runbook approve {id_}",
    )
    return OK


def schema(
    door: Door,
    kind: Annotated[
        str, typer.Argument(help="runbook, delegation, connector, catalog, runbook-test or world.")
    ] = "runbook",
) -> int:
    """Print the JSON Schema of a file, for editors."""
    from policies.schemas import MODELS, schema_of
    from remit.rehearsal.form import MODELS as REHEARSALS

    models = {**MODELS, **REHEARSALS}
    if kind not in models:
        raise UsageError(f"no schema {kind[:40]}", code="usage", hint=f"one of {', '.join(models)}")
    door.data(schema_of(models[kind], f"remit/{kind}/v1"))
    return OK


def lint(door: Door, ids: _Ids = None) -> int:
    """Say everything that is wrong with the files of this desk, with file, line and column."""
    from remit.review import leaks, lint_folder, named, reused

    desk = door.desk()
    folder = desk.proposed
    meant = [named(folder, given) for given in ids or []]
    for given, (ref, unread) in zip(ids or [], meant, strict=True):
        if ref is None and not unread:
            raise _unknown(given, set(folder.runbooks))
    wanted = {ref for ref, _ in meant if ref} if ids else None
    problems = lint_folder(folder, wanted, unread={name for _, unread in meant for name in unread})
    problems += [*reused(desk, wanted), *leaks(desk, wanted)]
    errors = [p for p in problems if not p.warning]
    if door.json:
        door.data([asdict(p) for p in problems])
    else:
        door.text(*map(str, problems))
        door.say(
            f"{count_text(len(errors), 'error')}, {count_text(len(problems) - len(errors), 'warning')}"
            if problems
            else "nothing is wrong"
        )
    return USAGE if errors else OK


def authority(
    door: Door, id_: Annotated[str, typer.Argument(metavar="ID", help="A runbook's id or id@version.")]
) -> int:
    """Say in sentences what a runbook may do at the most: as approved, else as it stands in the files."""
    from remit.review import authority_of

    desk = door.desk()
    found = authority_of(desk, _one(desk, id_))
    if door.json:
        door.data(found.as_json())
        return OK
    door.text(*(part for line in found.sentences for part in wrapped(line, columns(), hang=4)))
    door.say(f"{found.ref}: as {'approved' if found.approved else 'in the files; NOT approved'}")
    return OK


def diff(door: Door, ids: _Ids = None) -> int:
    """Say what an approval would change: what it may then do that it could not, and in which direction."""
    from remit.review import differences

    desk = door.desk()
    found = [differences(desk, change) for change in _chosen(desk, ids or [], all_=not ids)]
    if door.json:
        door.data([d.as_json() for d in found])
        return OK
    door.text(*(part for d in found for line in d.lines for part in wrapped(line, columns(), hang=4)))
    if not found:
        door.say("no file differs from what is in force")
    return OK


def _row(desk: "Desk", ref: str, change: "Change | None") -> dict[str, Any]:
    held = desk.in_force.runbooks.get(ref)
    policy = desk.in_force.policy(ref) if held else None
    loaded = desk.folder.runbooks.get(ref)
    if held:
        state = "in force" if change is None else f"in force; {change.kind} in the files"
    else:
        state = "pending" if change else "not delegated"
    title = policy.runbook.title if policy else loaded.value.title if loaded else ""
    return {
        "runbook": ref,
        "state": state,
        "mode": policy.delegation.mode if policy else None,
        "by": held.by if held else None,
        "solo": held.solo if held else None,
        "at": held.at if held else None,
        "digest": held.bundle.digest if held else None,
        "title": title,
        "problem": change.problem if change and change.problem else None,
    }


def _chosen(desk: "Desk", ids: list[str], *, all_: bool) -> "list[Change]":
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
            raise _unknown(given, known)
        chosen += [c for c in found if c not in chosen]
    return chosen


def _one(desk: "Desk", given: str) -> str:
    refs = {*desk.in_force.runbooks, *desk.folder.runbooks}
    found = [r for r in refs if given in (r, r.partition("@")[0])]
    if not found:
        raise _unknown(given, refs)
    return max(found, key=lambda ref: int(ref.partition("@")[2]))


def _unknown(given: str, known: set[str]) -> UsageError:
    near = difflib.get_close_matches(given, [*known, *(r.partition("@")[0] for r in known)], n=1)
    hint = f"did you mean {near[0]}?" if near else "remit runbook list"
    return UsageError(f"no runbook {given[:60]} here", code="unknown_runbook", hint=hint)


def _bound(desk: "Desk", change: "Change") -> list[str]:
    """What an approval of ``change`` binds and lets happen, in lines."""
    from remit.review import differences

    if change.candidate is None:
        return [f"{change.scope}: withdrawn (delegation.yaml does not name it any more)", ""]
    bundle = change.candidate.bundle
    lines = [f"{change.scope}: {change.kind}, {bundle.digest[:23]}", *differences(desk, change).lines[1:]]
    for part, digest in bundle.parts.items():
        mark = "*" if not change.was or part in change.parts else " "
        lines.append(f"  {mark} {part:<11} {digest[:23]}")
    author = desk.in_force.proposals.get(change.target)
    lines += [f"    proposed by {author.by}"] if author else []
    return [*lines, ""]


def _refuse_undelegated(desk: "Desk", ids: list[str]) -> None:
    """A runbook that no entry of the delegation names is not pending: nobody could run it."""
    for ref in desk.folder.undelegated():
        if ref in ids or ref.partition("@")[0] in ids:
            raise UsageError(
                f"{ref} has no entry in delegation.yaml: nobody could run it",
                code="not_delegated",
                not_done="nothing was approved",
                hint=f"add an entry for {ref} to delegation.yaml, then remit runbook approve {ref}",
            )


def _who_else(desk: "Desk", done: "list[Done]", asker: "Asker") -> list[str]:
    """What somebody else has to run for what was only proposed."""
    scopes = [one.change.scope.partition("@")[0] for one in done if one.state == "proposed"]
    people = desk.in_force.people()
    if not scopes or people is None:
        return []
    others = [
        name
        for name, known in people.principals.items()
        if name != asker.name and people.approver(name) and set(known.os) != {asker.os_user}
    ]
    who = " or ".join(others) or "somebody who approves, and there is nobody else yet,"
    return [f"next: {who} runs: remit runbook approve {' '.join(dict.fromkeys(scopes))}"]


def _refuse_flawed(desk: "Desk", changes: "list[Change]") -> None:
    """One flawed change keeps all of them from being approved: it is one act."""
    from remit.review import unsafe

    for change in changes:
        if change.problem:
            raise RefusedError(
                f"{change.scope}: {change.problem}",
                code=change.code,
                not_done="nothing was approved",
                hint="mend it, or approve the others by their ids",
            )
        found = unsafe(desk.proposed, change.scope) if change.scope in desk.proposed.runbooks else []
        if change.candidate is not None and found:
            raise UsageError(
                "\n".join([f"{change.scope} cannot be run safely:", *map(str, found)]),
                code="lint",
                not_done="nothing was approved",
                hint="mend it, or approve the others by their ids",
            )


def _outcome(one: "Done") -> dict[str, Any]:
    bundle = one.change.candidate.bundle if one.change.candidate else None
    return {
        "scope": one.change.scope,
        "kind": one.change.kind,
        "state": one.state,
        "solo": one.verdict.solo,
        "digest": bundle.digest if bundle else None,
        "code": one.verdict.code or None,
        "message": one.verdict.message or None,
    }


def _said(one: "Done") -> str:
    if one.state == "approved":
        what = "withdrawn" if one.change.candidate is None else "approved and in force"
        return f"{what}: {one.change.scope}{' (solo)' if one.verdict.solo else ''}"
    if one.state == "proposed":
        return f"proposed: {one.change.scope}; not in force: {one.verdict.message} [{one.verdict.code}]"
    return f"refused: {one.change.scope}: {one.verdict.message} [{one.verdict.code}]"
