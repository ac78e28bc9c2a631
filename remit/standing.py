"""Which runs stand still or need somebody now: stuck, escalated, asking for a yes, or carried by nobody."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from policies.deciders import undecidable
from policies.in_force import InForce
from remit.views import Views
from remit.worker.fence import Ended, prove
from remit.worker.identity import bystander
from state.instants import seconds_between
from state.ledger.port import Ledger, Query, RunInfo, Worker
from state.ledger.stuck import STUCK

_ASKS: Final = frozenset({"live/escalated", "live/waiting_human"})
_NOT_CARRIED: Final = frozenset({STUCK, *_ASKS})
_WAITED_S: Final = 5.0  # a worker that is there takes up what is due within seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A run that needs somebody: what it is in, and what to do. ``stuck``: it can never go on by itself."""

    what: str
    next: str
    stuck: bool = False


def standing(ledger: Ledger, in_force: InForce) -> Iterator[Standing]:
    """Find every live run that needs somebody; no process is touched."""
    views, now = Views(ledger, in_force), ledger.now()
    workers = {worker.id: worker for worker in ledger.workers()}
    for info in views.as_folded(views.runs(Query(live=True))):
        found = _of(info, workers, now)
        if info.row.lane != STUCK and (why := views.unreadable_policy(views.show(info.run).task)):
            what = f"run {info.run} ({info.row.runbook}@{info.row.version}) can be carried by nobody: {why}"
            found = Standing(what=what, next=f"remit esc abort --raw {info.run}", stuck=True)
        elif info.row.lane in _ASKS and undecidable(in_force, views.show(info.run).task):
            found = _of_nobody(info, in_force)
        if found is not None:
            yield found


def _of_nobody(info: RunInfo, view: InForce) -> Standing:
    """A run that waits for what nobody may say."""
    people = view.people()
    who = [name for name in people.principals if people.approver(name)] if people is not None else []
    return Standing(
        what=f"run {info.run} ({info.row.runbook}@{info.row.version} on {info.row.target or '-'}) waits for "
        "a human, and nobody has a role that decides on it",
        next=f"remit esc abort {info.run}, as {' or '.join(who) or 'somebody who approves'}",
        stuck=True,
    )


def uncarried(ledger: Ledger, infos: Iterable[RunInfo]) -> Iterator[Standing]:
    """Say which of those runs are held by a worker that is dead, gone or silent, or are due and not taken."""
    held = [info for info in infos if info.row.ended_at is None and info.row.lane not in _NOT_CARRIED]
    if held:
        workers, now = {worker.id: worker for worker in ledger.workers()}, ledger.now()
        yield from (found for info in held if (found := _of(info, workers, now)) is not None)


def _of(info: RunInfo, workers: dict[str, Worker], now: str) -> Standing | None:
    row, run = info.row, info.run
    name = f"run {run} ({row.runbook}@{row.version} on {row.target or '-'})"
    if row.lane == STUCK:
        return Standing(what=f"{name} is stuck", next=f"remit esc show {run}", stuck=True)
    if row.lane == "live/escalated":
        return Standing(what=f"{name} waits for a human: {row.reason or 'see'}", next=f"remit esc show {run}")
    if row.lane == "live/waiting_human":
        return Standing(what=f"{name} asks for a yes", next=f"remit esc confirm {run}")
    if info.worker is not None:
        return _of_worker(info.worker, workers.get(info.worker), name, now)
    due = row.due_at is not None and seconds_between(row.due_at, now) > _WAITED_S
    if due:
        return Standing(what=f"{name} is due, and no worker takes it", next="remit worker --drain")
    return None


def _of_worker(id_: str, worker: Worker | None, name: str, now: str) -> Standing | None:
    """What is wrong with the worker that holds a run, as far as can be seen from here."""
    if worker is None:
        return Standing(what=f"{name} is held by worker {id_}, which is gone", next="remit worker --drain")
    if prove(worker, bystander(), lease_over=False) is Ended.EXITED:
        what = f"{name} is held by worker {id_} (pid {worker.pid}), which is dead"
        return Standing(what=what, next="remit worker --drain")
    silent_s = seconds_between(worker.lease_until, now)
    if silent_s > 0:
        what = f"{name} is held by worker {id_}, which gives no sign of life since {worker.lease_until[:19]}Z"
        return Standing(what=what, next="remit worker --drain")
    return None
