"""Who holds a run: the one that may append to its chain, and the task as it stands behind the last entry."""

from collections.abc import Callable, Sequence

from state.entry import Draft, Entry, Head, seal
from state.fold import apply
from state.ledger.port import Append, Ledger, Payload
from state.projection import row_of
from state.task import Task


def _unwatched(task: Task) -> None:
    """Nobody watches."""
    del task


class Holder:
    """The holder of one run under one epoch. ``watch`` is shown the task behind whatever is said.

    What is *appended* is durable when the call returns. What is *noted* (an observation, which can be made
    again) counts at once and becomes durable with the next append, in one transaction. When an append raises,
    nothing of it was stored as far as this holder can know, and the holder is out: the run is hydrated again
    under a new claim.
    """

    def __init__(self, *, ledger: Ledger, task: Task, worker: str, code: str) -> None:
        """``task``: the run folded up to the claim of this holder; ``code``: the version of the program."""
        self._ledger, self._task, self._code = ledger, task, code
        self._stored: Head = task.head
        self.watch: Callable[[Task], None] = _unwatched
        self._noted: tuple[Entry, ...] = ()
        self.run, self.epoch, self.worker = task.run, task.epoch, worker
        self.left_behind = False  # a call of this claim may still send, and no entry says so yet

    @property
    def task(self) -> Task:
        """The run as it is now, notes included."""
        return self._task

    def now(self) -> str:
        """The database's clock."""
        return self._ledger.now()

    def note(self, *drafts: Draft) -> Task:
        """Take ``drafts`` as said; they are stored with the next append. CanonicalError for a bad body."""
        task, entries = extend(self._task, drafts, at=self.now(), epoch=self.epoch, code=self._code)
        self._task, self._noted = task, (*self._noted, *entries)
        self.watch(task)
        return task

    def append(
        self,
        *drafts: Draft,
        payloads: Sequence[Payload] = (),
        stop_scopes: Sequence[str] = (),
        folds: Sequence[str] = (),
        desk_seq: int | None = None,
    ) -> Task:
        """Store what was noted and then ``drafts``, in one transaction; the leaves of LedgerError.

        CanonicalError for a bad body, and then nothing is stored.
        """
        task, entries = extend(self._task, drafts, at=self.now(), epoch=self.epoch, code=self._code)
        self._ledger.append(
            Append(
                run=self.run,
                epoch=self.epoch,
                head=self._stored,
                entries=(*self._noted, *entries),
                row=row_of(task),
                payloads=payloads,
                stop_scopes=stop_scopes,
                folds=folds,
                desk_seq=desk_seq,
            )
        )
        self._task, self._stored, self._noted = task, task.head, ()
        self.watch(task)
        return task

    def flush(self) -> None:
        """Store what was noted, if anything was."""
        if self._noted:
            self.append()


def extend(
    task: Task, drafts: Sequence[Draft], *, at: str, epoch: int, code: str
) -> tuple[Task, tuple[Entry, ...]]:
    """Seal ``drafts`` behind ``task`` and fold them: the task behind them, and the entries."""
    entries: list[Entry] = []
    for draft in drafts:
        entry = seal(draft, run=task.run, head=task.head, at=at, epoch=epoch, code=code)
        task = apply(task, entry)
        entries.append(entry)
    return task, tuple(entries)
