"""How entries become a task: one reduction, one table of handlers, and the time that counts."""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Final

from state.entry import FOLD_VERSION, Entry, Head, Kind
from state.errors import UnsoundLedgerError
from state.evolve import evolve, finish
from state.fold import humans, operations, runs
from state.instants import seconds_between
from state.task import Task

Handler = Callable[[Task, Entry], Task]

HANDLERS: Final = MappingProxyType[Kind, Handler]({**runs.HANDLERS, **operations.HANDLERS, **humans.HANDLERS})

# Waits during which the deadline stands still: somebody else has to act before the run can go on.
NOT_COUNTED: Final = frozenset({"human", "window", "hold", "stop", "pause", "confirmation", "connector"})

_HYDRATION: Final = frozenset({Kind.CLAIMED, Kind.HYDRATED})


def apply(task: Task, entry: Entry) -> Task:
    """The task behind ``entry``.

    An entry that does not continue the chain, is of an unknown version, or contradicts what is known makes
    the task unsound; from then on only its head moves.
    """
    head = Head(seq=entry.seq, hash=entry.hash)
    if task.unsound:
        return evolve(task, head=head, last_at=entry.at)
    try:
        _continues(task, entry)
        spent_ms = task.spent_ms + _counted_ms(task, entry)
        changed = HANDLERS[entry.kind](task, entry)
    except (UnsoundLedgerError, KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        why = f"entry {entry.seq} ({entry.kind}): {type(error).__name__}: {error}"
        return evolve(task, run=task.run or entry.run, head=head, last_at=entry.at, unsound=why)
    reset = entry.kind is Kind.GRANTED  # a decision gives the whole deadline afresh
    made = finish if changed is not task else evolve
    return made(
        changed,
        head=head,
        last_at=entry.at,
        spent_ms=0 if reset else spent_ms,
        idle_claims=changed.idle_claims if entry.kind in _HYDRATION else 0,
    )


def fold(entries: Iterable[Entry], run: str = "") -> Task:
    """The task that ``entries`` of one run make; an empty task of ``run`` for none."""
    task = Task(run=run)
    for entry in entries:
        task = apply(task, entry)
    return task


def _continues(task: Task, entry: Entry) -> None:
    if not 1 <= entry.fold_version <= FOLD_VERSION:
        raise UnsoundLedgerError(
            f"fold version {entry.fold_version} is unknown; this program folds up to {FOLD_VERSION}"
        )
    if (entry.seq, entry.prev) != (task.head.seq + 1, task.head.hash):
        raise UnsoundLedgerError(f"does not continue entry {task.head.seq}")
    if task.run and entry.run != task.run:
        raise UnsoundLedgerError(f"belongs to run {entry.run}")
    if task.closed is not None and entry.kind not in (Kind.REPORTED, Kind.SIGNAL, Kind.CLAIMED):
        raise UnsoundLedgerError(f"comes after the run was closed as {task.closed}")


def _counted_ms(task: Task, entry: Entry) -> int:
    """The part of the time since the last entry that counts against the deadline, in milliseconds.

    It starts with the first claim. Waits for others do not count, nor does time without any worker: before a
    claim only the run's own wait (a backoff, a quarantine) counts, up to its end.
    """
    if not task.claims or task.closed is not None:
        return 0
    elapsed = max(0, round(1000 * seconds_between(task.last_at, entry.at)))
    waits = task.waiting
    if waits is not None and waits.reason in NOT_COUNTED:
        return 0
    if entry.kind is not Kind.CLAIMED:
        return elapsed
    if waits is None or waits.until is None:
        return 0
    return min(elapsed, max(0, round(1000 * seconds_between(task.last_at, waits.until))))
