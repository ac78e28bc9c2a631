"""How every command speaks: data on stdout, messages on stderr, one way to say what went wrong.

The options that every command has (``--desk``, ``--as``, ``--json``, ``--no-input``) are added here, once.
"""

import functools
import inspect
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
import typer.core

from remit.errors import DoorError, RefusedError, UsageError
from state.wording import WIDTH, wrapped

if TYPE_CHECKING:
    from remit.bootstrap import App
    from remit.desk import Desk
    from remit.intake.principal import Asker
    from remit.settings import Settings

OK: Final = 0
INTERNAL: Final = 1
USAGE: Final = 2
ESCALATED: Final = 3
NOT_SIGNED_IN: Final = 4
REFUSED: Final = 5
CONFLICT: Final = 6
STILL_RUNNING: Final = 7
ENDED_OTHERWISE: Final = 8
_CODED: Final = re.compile(r" \[[a-z_]+\]$")


@dataclass
class Door:
    """What was asked for beside the command itself, and where answers go."""

    desk_given: Path | None = None
    as_given: str | None = None
    json: bool = False
    no_input: bool = False
    _desk: "Desk | None" = field(default=None, repr=False)

    # asking
    def settings(self) -> "Settings":
        """Read the settings of the desk that is meant; SettingsError, DeskError."""
        from remit.settings import find_desk, load

        return load(find_desk(self.desk_given, environ=os.environ, cwd=Path.cwd()))

    def desk(self) -> "Desk":
        """Open the desk that is meant, once; SettingsError, DeskError, LoadError."""
        if self._desk is None:
            from remit.desk import Desk

            self._desk = Desk.open(self.settings())
        return self._desk

    @contextmanager
    def working(self) -> Iterator["App"]:
        """Open the desk for work, with everything that carries runs; DoorError, LedgerError, SetupError."""
        from remit.bootstrap import open_app
        from remit.desk import Desk
        from remit.secrecy import logged

        self.close()
        with open_app(self.settings()) as app, logged(app.scrubber):
            self._desk = Desk(app.settings, app.ledger, environ=os.environ)
            try:
                yield app
            finally:
                self._desk = None

    def asker(self) -> "Asker":
        """Who asks, by the principals in force; NotSignedInError, RefusedError."""
        from remit.intake.principal import who_asks

        return who_asks(self.desk().in_force.people(), given=self.as_given, environ=os.environ)

    def operator(self) -> "Asker":
        """Who acts, a human of this desk; NotSignedInError, RefusedError."""
        asker = self.asker()
        people = self.desk().in_force.people()
        if people is None or people.principals[asker.name].kind != "human":
            raise RefusedError(f"{asker.name} is a source, and this is for humans", code="humans_only")
        return asker

    @property
    def interactive(self) -> bool:
        """Whether a question may be asked: a terminal on both sides, and not ``--no-input``."""
        return not self.no_input and not self.json and sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> bool:
        """Ask, unless ``yes``; UsageError where nobody can be asked."""
        if yes:
            return True
        if not self.interactive:
            raise UsageError(
                "this needs a yes, and nobody can be asked here",
                code="needs_yes",
                hint="repeat it with --yes",
            )
        return typer.confirm(question, err=True)

    def close(self) -> None:
        """Close what was opened."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None

    # answering
    def data(self, value: Any) -> None:
        """Print data as JSON on stdout."""
        print(_shown_json(value, indent=1))

    def text(self, *lines: str) -> None:
        """Print data as text on stdout."""
        for line in lines:
            print(plain(line))

    def say(self, *lines: str) -> None:
        """Print messages on stderr."""
        for line in lines:
            print(plain(line), file=sys.stderr, flush=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows in columns on stdout; the heads are left out when they go to a file or pipe."""
        cells = [[" ".join(plain("" if v is None else str(v)).split()) for v in row] for row in rows]
        shown = [list(heads), *cells] if sys.stdout.isatty() else cells
        if not cells:
            return
        widths = [max(len(row[i]) for row in shown) for i in range(len(heads))]
        if sys.stdout.isatty() and sum(widths) + 2 * (len(widths) - 1) > columns():
            _stack(shown)
            return
        for row in shown:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def columns() -> int:
    """How wide lines may be: COLUMNS, else the terminal's width, WIDTH for what goes to a file or pipe."""
    told = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return shutil.get_terminal_size((WIDTH, 24)).columns if told else WIDTH


def _stack(rows: Iterable[Sequence[str]]) -> None:
    """Print rows that are too wide for columns: the first cell alone, the others below it, in columns too."""
    firsts, rest = zip(*((first, [cell or "-" for cell in others]) for first, *others in rows), strict=True)
    widths = [max(map(len, column)) for column in zip(*rest, strict=True)]
    for first, cells in zip(firsts, rest, strict=True):
        print(first)
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        for part in wrapped(f"  {line}", columns(), hang=4):
            print(part)


def plain(line: str) -> str:
    """``line`` without characters that could move the cursor, hide text or reverse it."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in line)


def _shown_json(value: Any, indent: int | None = None) -> str:
    """JSON in which only line ends do not show; whatever else a terminal could obey is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def report(error: DoorError, *, as_json: bool) -> int:
    """Say on stderr what happened, what was not done and what to do next; returns the exit code."""
    if as_json:
        body = {"code": error.code, "message": str(error), "not_done": error.not_done, "next": error.hint}
        print(_shown_json({"error": body}), file=sys.stderr)
        return error.exit_code
    first, *more = str(error).splitlines() or [""]
    code = "" if _CODED.search(first) else f" [{error.code}]"  # a file's problem ends in its own
    lines = wrapped(f"remit: {first}{code}", columns())
    lines += [*more, *([error.not_done] if error.not_done else [])]
    if error.hint:
        lines.append(f"next: {error.hint}")
    for line in lines:
        print(plain(line), file=sys.stderr)
    return error.exit_code


_Desk = Annotated[
    Path | None,
    typer.Option(
        "--desk", metavar="DIR", help="Folder of the desk (else REMIT_DESK, else the nearest upwards)."
    ),
]
_As = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Who asks (else REMIT_PRINCIPAL, else your operating-system user)."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
_NoInput = Annotated[
    bool, typer.Option("--no-input", help="Ask nothing; fail where an answer would be needed.")
]
_COMMON: Final = {
    "desk": (_Desk, None),
    "as_": (_As, None),
    "json_": (_Json, False),
    "no_input": (_NoInput, False),
}


def common(
    context: typer.Context,
    *,
    desk: _Desk = None,
    as_: _As = None,
    json_: _Json = False,
    no_input: _NoInput = False,
) -> None:
    """Take the common options where they stand before the command; no docstring of it is shown."""
    context.obj = Door(desk_given=desk, as_given=as_, json=json_, no_input=no_input)


_RAW_TYPE: Final = re.compile(r"^(  [^-\s].*?)( <[a-z\[\]]+>)", re.MULTILINE)


class _Command(typer.core.TyperCommand):
    """A command whose help names arguments as they are called here, without the parser's types."""

    def get_help(self, ctx: Any) -> str:
        """Help as text."""
        text = _RAW_TYPE.sub(lambda found: found[1] + " " * len(found[2]), super().get_help(ctx))
        return text.replace("[[", "[").replace("]...]...", "]...").replace("]]", "]")


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Register a function, whose first parameter is the ``door``, as a command with the common options."""

    def register(function: Callable[..., int | None]) -> Callable[..., int | None]:
        @functools.wraps(function)
        def called(context: typer.Context, **given: Any) -> int | None:
            before = context.find_root().obj or Door()
            door = Door(
                desk_given=given.pop("desk") or before.desk_given,
                as_given=given.pop("as_") or before.as_given,
                json=given.pop("json_") or before.json,
                no_input=given.pop("no_input") or before.no_input,
            )
            try:
                return function(door, **given)
            finally:
                door.close()

        _sign(called, function)
        app.command(name, cls=_Command)(called)
        return function

    return register


def _sign(called: Callable[..., Any], function: Callable[..., Any]) -> None:
    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    extra = [inspect.Parameter(n, keyword, annotation=a, default=d) for n, (a, d) in _COMMON.items()]
    context = inspect.Parameter("context", keyword, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=keyword) for p in own), *extra]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    del called.__wrapped__  # type: ignore[attr-defined] # else the parser looks through to the function
