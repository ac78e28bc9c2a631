"""How a run is read from a ledger whatever stands in it: folded as far as it can be, and how it was ended.

An entry that this version cannot even read makes the run unsound, as one does that it cannot fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from state.entry import DESK, Entry
from state.errors import UnsoundLedgerError
from state.evolve import evolve
from state.fold import apply
from state.ledger.columns import COLUMNS
from state.ledger.derived import entry_from
from state.ledger.desk import closings_of
from state.ledger.port import Ledger
from state.ledger.stuck import ENDED_RAW, is_ended_raw
from state.task import Task

_COLUMNS: Final = COLUMNS["entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A run as it stands: ``entries`` that can be read, ``folded`` those of them behind the task.

    ``unsound``: why the fold gave up, though a human has ended the run since.
    """

    task: Task
    entries: Sequence[Entry]
    folded: Sequence[Entry]
    unsound: str


def read_run(ledger: Ledger, run: str) -> Reading:
    """Read and fold a run; one that was ended raw is ended. An empty task for an unknown run."""
    entries, unread = _readable(ledger, run)
    task = Task(run=run)
    folded: list[Entry] = []
    for entry in entries:
        task = apply(task, entry)
        if not task.unsound:
            folded.append(entry)
    if unread and not task.unsound:
        task = evolve(task, unsound=unread)
    row = ledger.info(run).row if entries or unread else None
    if row is None or not is_ended_raw(row.state, row.reason):
        return Reading(task=task, entries=entries, folded=folded, unsound=task.unsound)
    said = closings_of((entry.kind, entry.body) for entry in ledger.read(DESK)).get(run, {})
    return Reading(task=_ended(task, said), entries=entries, folded=folded, unsound=task.unsound)


def read_task(ledger: Ledger, run: str) -> Task:
    """Fold a run as it stands; an empty task for an unknown one."""
    return read_run(ledger, run).task


def _readable(ledger: Ledger, run: str) -> tuple[list[Entry], str]:
    """The entries that can be read, and why one cannot be."""
    try:
        return ledger.read(run), ""
    except UnsoundLedgerError as error:
        why = str(error)
    entries: list[Entry] = []
    for table, row in ledger.records(run):
        if table == "entries":
            try:
                entries.append(entry_from(row[name] for name in _COLUMNS))
            except UnsoundLedgerError:
                continue
    return entries, why


def _ended(task: Task, said: Mapping[str, Any]) -> Task:
    """The task of a run that a human ended raw, as chain ``desk`` says it."""
    state, reason = ENDED_RAW
    by, why = str(said.get("by", "")), str(said.get("why", ""))
    return replace(
        task,
        unsound="", closed=state, reason=reason, ended_at=said.get("at"), holds=(), waiting=None,
        once_key=None, escalations=tuple(e for e in task.escalations if e.decision is not None),
        closed_body={"by": by, "message": f"{by} ended it raw{': ' if why else ''}{why}"},
    )  # fmt: skip
