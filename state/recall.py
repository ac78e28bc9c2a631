"""What a process remembers of the runs that it has folded, so that only what came since is read and folded.

Without it every claim of a long run folds its whole chain anew, and a run that waits often costs the square
of its length. What is remembered is only built upon where the chain goes on from it.
"""

import threading
from typing import Final

from state.errors import UnsoundLedgerError
from state.fold import apply
from state.ledger.port import Ledger
from state.ledger.stuck import is_ended_raw
from state.reading import read_task
from state.task import Task

MOST: Final = 256


class Recall:
    """Folded runs of one ledger. Threads may share it."""

    def __init__(self, ledger: Ledger, *, most: int = MOST) -> None:
        """Remember nothing yet, and never more than ``most`` runs: those that were asked for last."""
        self._ledger, self._most = ledger, most
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def task(self, run: str) -> Task:
        """Fold a run as it stands; an empty task for an unknown one. As ``state.reading.read_task``."""
        with self._lock:
            known = self._tasks.pop(run, None)
        task = None if known is None else self._continued(known)
        if task is None:
            task = read_task(self._ledger, run)
        if task.head.seq and not task.unsound and task.closed is None:
            with self._lock:
                self._tasks[run] = task
                while len(self._tasks) > self._most:
                    del self._tasks[next(iter(self._tasks))]
        return task

    def _continued(self, task: Task) -> Task | None:
        """``task`` and what came since; None where its chain is not what it was, or cannot be read."""
        info = self._ledger.info(task.run)
        if is_ended_raw(info.row.state, info.row.reason):
            return None
        try:
            came = self._ledger.read(task.run, after=task.head.seq)
        except UnsoundLedgerError:
            return None
        if not came and task.head != info.head:
            return None
        for entry in came:
            task = apply(task, entry)
        return None if task.unsound else task
