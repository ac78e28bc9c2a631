"""What is seen of the demo: headings, commands as typed with their own output, and what was found."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from evals.demo.errors import NoWorldError, OtherwiseError
from evals.demo.household import Household

WIDTH: Final = 100
EVIDENCE: Final = "evidence"
_COMMAND_WITHIN_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Check:
    """What an act promises, beside what was found. ``says``: who says so; ``met``: if not by equality."""

    what: str
    expected: str
    observed: str
    says: str
    met: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether it was found as it was said."""
        return self.expected == self.observed if self.met is None else self.met


class Stage:
    """Where the demo is played. ``quiet_stdout``: stdout is for data, what is shown goes to stderr."""

    def __init__(self, household: Household, *, quiet_stdout: bool = False) -> None:
        """Show on stdout, on a terminal with colours."""
        self._household = household
        self._out = sys.stderr if quiet_stdout else sys.stdout
        terminal = Console(file=self._out).is_terminal
        told = terminal or os.environ.get("COLUMNS", "").isdigit()
        self.console = Console(file=self._out, highlight=False, width=None if told else WIDTH)
        self.desk: Path | None = None  # where commands are typed
        self.env: dict[str, str] = {}
        self.checks: list[tuple[str, Check]] = []
        self._act = ""

    # showing
    def opening(self, title: str, *lines: str) -> None:
        """Say what is about to be played."""
        self.console.print(Text(title, style="bold"))
        for line in lines:
            self.say(line)

    def act(self, title: str) -> None:
        """Begin an act."""
        self._act = title
        self.console.print()
        self.console.print(Rule(Text(title, style="bold cyan"), align="left", style="cyan"))

    def gap(self) -> None:
        """Leave a line empty."""
        self.console.print()

    def say(self, line: str) -> None:
        """Say what the demo itself does, or what it means."""
        self.console.print(Text(line, style="italic"))

    def lines(self, *lines: str) -> None:
        """Say lines that can be copied: never wrapped."""
        for line in lines:
            self.console.print(Text(line), soft_wrap=True)

    def beside(self, left: str, right: str, rows: Sequence[tuple[str, str]]) -> None:
        """Show two logs side by side."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        table.add_column(left, ratio=1, overflow="fold")
        table.add_column(right, ratio=1, overflow="fold")
        for one, other in rows:
            table.add_row(Text(one), Text(other))
        self.console.print()
        self.console.print(table)

    def found(self, *checks: Check) -> None:
        """Show what the act says beside what was found; OtherwiseError where they differ."""
        self.checks += [(self._act, check) for check in checks]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        for name in ("", "what", "expected", "observed", "who says so"):
            table.add_column(name, overflow="fold")
        for check in checks:
            mark = Text("ok", style="green") if check.holds else Text("NO", style="bold red")
            cells = (check.what, check.expected, check.observed, check.says)
            table.add_row(mark, *(Text(cell) for cell in cells))
        self.console.print()
        self.console.print(table)
        wrong = [check.what for check in checks if not check.holds]
        if wrong:
            raise OtherwiseError(f"{self._act}: otherwise than it says: {', '.join(wrong)}")

    # typing
    def typed(self, line: str) -> None:
        """Show a line as it is typed at a prompt."""
        self.console.print()
        self.console.print(Text.assemble(("$ ", "bold green"), (line, "bold")), soft_wrap=True)

    def type(self, *argv: str, into: str = "", behind: bool = False) -> "subprocess.Popen[bytes]":
        """Type a command of remit and let its output be seen; it goes on.

        ``into``: its stdout goes to that file of the desk, and with ``behind`` its stderr too.
        """
        words = " ".join(_quoted(word) for word in ("remit", *argv))
        self.typed(words + (f" >{into}{' 2>&1 &' if behind else ''}" if into else ""))
        if not into:
            return self._start(argv, self._out)
        with (self._desk() / into).open("wb") as out:
            return self._start(argv, out, errors=None if behind else _descriptor(self._out))

    def remit(self, *argv: str, ends: int = 0, into: str = "") -> None:
        """Type a command and wait for its end; OtherwiseError where it does not exit with ``ends``."""
        self.finish(self.type(*argv, into=into), argv, ends=ends)

    def finish(self, process: "subprocess.Popen[bytes]", argv: Sequence[str], *, ends: int) -> None:
        """Wait for the end of a command that was typed; OtherwiseError as above."""
        code = self._household.wait(process, within_s=_COMMAND_WITHIN_S, what=f"remit {argv[0]}")
        if code != ends:
            raise OtherwiseError(f"remit {' '.join(argv)} exited with {code}, not with {ends}")

    def keep(self, name: str, value: Any) -> None:
        """Keep data as JSON beside what the world wrote."""
        text = json.dumps(value, indent=1, ensure_ascii=False)
        (self._desk() / EVIDENCE / name).write_text(text + "\n", encoding="utf-8")

    def tidy(self) -> None:
        """Take away what a killed command has left on a terminal."""
        if self.console.is_terminal:
            self.console.file.write("\r\x1b[2K")
        self.console.show_cursor()

    def _start(self, argv: Sequence[str], out: Any, errors: int | None = None) -> "subprocess.Popen[bytes]":
        self.console.file.flush()
        return self._household.start(
            [sys.executable, "-P", "-m", "remit", *argv],
            cwd=self._desk(),
            env=self.env,
            out=_descriptor(out),
            errors=errors,
        )

    def _desk(self) -> Path:
        if self.desk is None:
            raise NoWorldError("there is no desk yet")
        return self.desk


def _descriptor(file: Any) -> int:
    try:
        return int(file.fileno())
    except io.UnsupportedOperation:
        return subprocess.DEVNULL  # shown to a program that reads this one's text only


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
