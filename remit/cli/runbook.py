"""``remit runbook``: write one, check it, see what it may do, and have it approved."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.cli import approving, prove, rehearse
from remit.cli.door import OK, USAGE, Door, columns, command
from remit.cli.named import Ids, chosen, the_one, unknown
from remit.cli.prove import Watched
from remit.errors import UsageError
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from remit.desk import Change, Desk


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
    command(runbook, "prove")(prove.prove_files)
    command(runbook, "authority")(authority)
    command(runbook, "diff")(diff)
    command(runbook, "schema")(schema)
    command(runbook, "approve")(approving.approve)
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
        str, typer.Argument(help="runbook, delegation, connector, catalog, runbook-test, world or proof.")
    ] = "runbook",
) -> int:
    """Print the JSON Schema of a file, for editors; or of what a proof says as JSON."""
    from policies.schemas import MODELS, proof_schema, schema_of
    from remit.rehearsal.form import MODELS as REHEARSALS

    models = {**MODELS, **REHEARSALS}
    if kind == "proof":
        door.data(proof_schema())
        return OK
    if kind not in models:
        raise UsageError(f"no schema {kind[:40]}", code="usage", hint=f"one of {', '.join(models)}, proof")
    door.data(schema_of(models[kind], f"remit/{kind}/v1"))
    return OK


def lint(door: Door, ids: Ids = None) -> int:
    """Say everything that is wrong with the files of this desk, with file, line and column.

    Each runbook without an error is proved besides, without crashes and humans, for 5 s at the most.
    """
    from remit.proving.at_lint import counterexamples
    from remit.review import leaks, lint_folder, named, reused

    desk = door.desk()
    folder = desk.proposed
    meant = [named(folder, given) for given in ids or []]
    for given, (ref, unread) in zip(ids or [], meant, strict=True):
        if ref is None and not unread:
            raise unknown(given, set(folder.runbooks))
    wanted = {ref for ref, _ in meant if ref} if ids else None
    problems = lint_folder(folder, wanted, unread={name for _, unread in meant for name in unread})
    problems += [*reused(desk, wanted), *leaks(desk, wanted)]
    flawed = {p.file for p in problems if not p.warning}
    sound = [
        ref
        for ref, book in folder.runbooks.items()
        if (wanted is None or ref in wanted)
        and folder.name_of(book.path) not in flawed
        and folder.contracts.keys() >= {*book.value.authority.tools}
    ]
    with Watched(door) as watched:
        broken, unfinished = counterexamples(folder, sound, desk.keep, show=watched)
    problems += broken
    errors = [p for p in problems if not p.warning]
    if door.json:
        door.data([asdict(p) for p in problems])
    else:
        lines = [str(problem) for problem in problems]
        if sys.stdout.isatty():  # whatever reads a pipe wants one line a problem
            lines = [part for line in lines for part in wrapped(line, columns(), hang=4)]
        door.text(*lines)
        door.say(
            f"{count_text(len(errors), 'error')}, {count_text(len(problems) - len(errors), 'warning')}"
            if problems
            else "nothing is wrong"
        )
        door.say(
            *(f"{ref} is not proved yet: remit runbook prove {ref.partition('@')[0]}" for ref in unfinished)
        )
    return USAGE if errors else OK


def authority(
    door: Door, id_: Annotated[str, typer.Argument(metavar="ID", help="A runbook's id or id@version.")]
) -> int:
    """Say in sentences what a runbook may do at the most: as approved, else as it stands in the files."""
    from remit.review import authority_of

    desk = door.desk()
    found = authority_of(desk, the_one(desk, id_))
    if door.json:
        door.data(found.as_json())
        return OK
    door.text(*(part for line in found.sentences for part in wrapped(line, columns(), hang=4)))
    door.say(f"{found.ref}: as {'approved' if found.approved else 'in the files; NOT approved'}")
    return OK


def diff(door: Door, ids: Ids = None) -> int:
    """Say what an approval would change: what it may then do that it could not, and in which direction."""
    from remit.review import differences

    desk = door.desk()
    found = [differences(desk, change) for change in chosen(desk, ids or [], all_=not ids)]
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
