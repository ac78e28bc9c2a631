"""What is seen while a run is at work: a line for each thing that happened, and what it does now."""

import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Self

from remit.cli.door import Door, columns, plain
from remit.cli.lines import line_of, repeats
from state.entry import Entry
from state.errors import UnsoundLedgerError
from state.ledger.port import Ledger
from state.task import Task
from state.wording import wrapped

_QUIET_KEYS = "Ctrl-C leaves it running"


class Progress:
    """Follows one run on stderr: plain lines, and a moving last line where there is a terminal."""

    def __init__(self, door: Door, ledger: Ledger, run: str, *, after: int = 0, silent: bool = False) -> None:
        """Show entries behind seq ``after``; nothing at all with ``--json`` or ``silent``."""
        self._ledger, self._run, self.seq = ledger, run, after
        self._silent = door.json or silent
        self._before: dict[str, str] = {}
        self._guard = threading.Lock()
        self._status: Any = None

    def __enter__(self) -> Self:
        self._live: AbstractContextManager[Any] = nullcontext()
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console

            self._live = Console(stderr=True, highlight=False).status(f"{self._run} … {_QUIET_KEYS}")
        self._status = self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def seen(self, task: Task) -> None:
        """Take a newer state of the run; other threads may call it."""
        if task.run not in ("", self._run):
            return
        with self._guard:
            for entry in self._newer():
                self.seq = entry.seq
                if not repeats(entry, self._before) and not self._silent:
                    line = plain(f"{entry.at[11:19]}  {line_of(entry)}")
                    print("\n".join(wrapped(line, columns(), hang=10)), file=sys.stderr, flush=True)
            if self._status is not None:
                from rich.markup import escape

                self._status.update(f"{escape(doing(task))}  [dim]{_QUIET_KEYS}[/dim]")

    def _newer(self) -> list[Entry]:
        try:
            return self._ledger.read(self._run, after=self.seq)
        except UnsoundLedgerError:
            return []  # stuck: whoever concludes shows what can be read of it


def doing(task: Task) -> str:
    """Say in a few words what a run does now."""
    if task.closed is not None:
        return f"ended: {task.closed}"
    if task.open_escalation is not None:
        return "waits for a human's decision"
    if task.waiting is not None:
        detail = f": {task.waiting.detail}" if task.waiting.reason == "connector" else ""
        return f"waits: {task.waiting.reason.replace('_', ' ')}{detail}"
    open_operations = [o for o in task.operations if o.attempts and o.settled is None]
    return f"sends {open_operations[-1].id}" if open_operations else "at work"
