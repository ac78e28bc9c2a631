"""``remit runbook test``: play the test files that lie beside runbooks, in a world that is only in memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remit.cli.door import ENDED_OTHERWISE, OK, Door, columns
from remit.errors import DeskError, UsageError
from state.wording import count_text, wrapped

if TYPE_CHECKING:
    from remit.rehearsal.reading import Tools

_What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE|ID]...",
        help="Test files, folders with such, or runbooks by id (none: every one of this desk).",
    ),
]


def rehearse_files(
    door: Door,
    what: _What = None,
    *,
    case: Annotated[
        str | None, typer.Option("--case", metavar="TEXT", help="Only cases whose name contains this.")
    ] = None,
) -> int:
    """Play the cases of *.test.yaml files on the real engine over a simulated world; nothing real is touched.

    Exit codes: 0 every case passed, 8 a case did not, 2 a file cannot be used.
    """
    from remit.rehearsal.desk_files import desk_of, found_files, tools_of
    from remit.rehearsal.reading import read_rehearsal
    from remit.rehearsal.run import rehearse

    files = found_files(what or [], desk=_desk(door), cwd=Path.cwd())
    tools: dict[Path | None, Tools] = {}
    read = []
    for path in files:
        desk = desk_of(path)
        if desk not in tools:
            tools[desk] = tools_of(desk)
        read.append(read_rehearsal(path, tools[desk], shown=_shown(path)))
    results = []
    for rehearsal in read:
        for result in rehearse(rehearsal, only=case or ""):
            results.append(result)
            if not door.json:
                door.text(*(part for line in result.lines() for part in wrapped(line, columns(), hang=6)))
    if not results:
        raise UsageError(f"no case is called {(case or '')[:60]!r}", code="usage")
    failed = sum(not result.passed for result in results)
    if door.json:
        door.data([result.as_json() for result in results])
    door.say(
        f"{count_text(len(results), 'case')}, {failed} failed"
        if failed
        else f"{count_text(len(results), 'case')}, all passed"
    )
    return ENDED_OTHERWISE if failed else OK


def _desk(door: Door) -> Path | None:
    """The folder of the desk, where there is one: test files need none."""
    try:
        return door.settings().desk
    except DeskError:
        if door.desk_given is not None:
            raise
        return None


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
