"""``remit init`` and ``remit doctor``: make a desk that works at once, and say what is wrong with one."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from remit.cli.door import ESCALATED, OK, USAGE, Door, command
from remit.errors import DeskError, UsageError
from state.wording import count_text

_SAMPLE: Final = "the sample that remit brings, which its own tests prove"
_NOT_COPIED: Final = frozenset({"__init__.py", "__pycache__"})
_MARKS: Final = {"ok": "ok       ", "warning": "warning  ", "problem": "PROBLEM  "}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "init")(init)
    command(app, "doctor")(doctor)


def init(
    door: Door,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The new desk's folder (else --desk, else here).")
    ] = None,
) -> int:
    """Make a desk that works at once: you are its operator, oncall and owner, and it approves itself."""
    from policies.proof.prover import Depth
    from remit.desk import Desk
    from remit.intake.principal import Asker, os_user
    from remit.proving.spread import AT_ONCE
    from remit.settings import FILE, load

    folder = _new(door, folder)
    if (folder / FILE).exists():
        raise DeskError(f"{folder} is a desk already", code="desk_exists", hint="remit doctor")
    user = os_user()
    name = _principal_name(user)
    files = dict(_sample(name, user))
    taken = [path for path in files if (folder / path).exists()]
    if taken:
        raise UsageError(
            f"{folder} holds {taken[0]} already", code="file_exists", hint="name an empty folder"
        )
    try:
        _write(folder, files)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: {error.strerror}", code="no_folder", hint="name a folder of yours"
        ) from error
    desk = Desk.open(load(folder))
    try:
        done = desk.approve(
            desk.changes(), Asker(name=name, how="os", os_user=user),
            prover=desk.prover(depth=Depth.QUICK, bounds=AT_ONCE), accepted=_SAMPLE,
        )  # fmt: skip
        left = desk.warnings()
    finally:
        desk.close()
    if left:
        raise DeskError(
            "\n".join(left), code="not_in_force", hint=f"remit doctor --desk {folder}", not_done=""
        )
    if door.json:
        door.data(
            {"desk": str(folder), "principal": name, "solo": True, "approved": [d.change.scope for d in done]}
        )
        return OK
    here = "" if folder == Path.cwd() else f"cd {_shown(folder)} && "
    door.say(
        f"a desk in {folder}: you are {name}, its operator, oncall and owner (solo: every record says so)",
        f"approved and in force: {', '.join(d.change.scope for d in done)}",
        f'next: {here}remit run "show the maintenance page of shop"',
    )
    return OK


def _new(door: Door, given: Path | None) -> Path:
    """Where the new desk goes; UsageError where two places are named, or something else is there."""
    if given is not None and door.desk_given is not None and given.absolute() != door.desk_given.absolute():
        raise UsageError(
            f"{given} or {door.desk_given}?", code="usage", hint="name the new desk's folder once"
        )
    folder = (given or door.desk_given or Path()).absolute()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", code="no_folder", hint="name an empty folder")
    return folder


def doctor(door: Door) -> int:
    """Say what is wrong with this desk, or soon will be; no target is touched."""
    from remit.doctor import examine

    found = examine(door.settings())
    problems = sum(f.verdict == "problem" for f in found)
    code = USAGE if problems else ESCALATED if any(f.waits for f in found) else OK
    if door.json:
        door.data({"well": not problems, "findings": [f.as_json() for f in found]})
        return code
    for finding in found:
        door.text(_MARKS[finding.verdict] + finding.what.replace("\n", "\n           "))
        if finding.next:
            door.text(f"           next: {finding.next}")
    warnings = sum(f.verdict == "warning" for f in found)
    counted = f"{count_text(problems, 'problem')}, {count_text(warnings, 'warning')}"
    door.say(counted if problems or warnings else "all is well")
    return code


def _principal_name(user: str) -> str:
    name = re.sub(r"[^a-z0-9_.-]", "-", user.lower()).lstrip("-_.0123456789")[:60]
    return name or "me"


def _sample(name: str, user: str) -> Iterator[tuple[str, str]]:
    from importlib.resources import files
    from importlib.resources.abc import Traversable

    def walk(here: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
        for item in here.iterdir():
            if item.name in _NOT_COPIED:
                continue
            if item.is_dir():
                yield from walk(item, f"{prefix}{item.name}/")
            else:
                yield prefix + item.name, item.read_text(encoding="utf-8")

    for path, text in walk(files("remit.sample"), ""):
        filled = (
            text.replace("OS_USER", user).replace("PRINCIPAL", name) if path == "delegation.yaml" else text
        )
        yield path, filled


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".remit").mkdir(mode=0o700, exist_ok=True)
    for empty in ("runbooks", "connectors"):
        (folder / empty).mkdir(exist_ok=True)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(".remit/\n", encoding="utf-8")


def _shown(folder: Path) -> str:
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative
