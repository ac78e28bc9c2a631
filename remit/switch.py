"""Which writes may still land after a stop, and waiting until none may."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from policies.flight import Licence, flying, licence, own_outcome_open, quarantine_left_ms
from policies.moment import Moment
from remit.worker.identity import clock
from state import instants
from state.ledger.port import Ledger, Query, RunInfo
from state.ledger.stuck import ENDED_RAW, is_ended_raw
from state.reading import read_task
from state.task import Attempt, Operation, Task

_LOOK_EVERY_S: Final = 0.1
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A write without a definite answer. ``until``: after it the request can no longer land.

    None: no end is known, for the process that was to send it is not shown to have returned or to be dead.
    ``outcome``: ``open`` while the call has not come back, else ``unknown``. ``ended``: a human ended the run
    raw, so that nobody waits for the answer any more.
    """

    run: str
    op: str
    attempt: int
    tool: str
    resource: str
    outcome: str
    until: str | None
    ended: bool = False

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Say which write it is."""
        said = f"{self.tool} on {self.resource}, run {self.run} {self.op} attempt {self.attempt}"
        return f"{said}, ended raw" if self.ended else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is known, after a stop, of every write that the live runs under it have written an intent for.

    Of the runs that have ended, only one that a human ended raw can have a write that may still land.

    ``may_still_land``: no definite answer, and it may still take effect. ``effect_unknown``: it can land no
    more, and whether it took effect is not known yet. ``over``: how many have their outcome.
    ``unreadable``: runs whose entries cannot be folded to their end; what they sent is not all known.
    """

    may_still_land: tuple[Landing, ...]
    effect_unknown: tuple[Landing, ...]
    over: int
    unreadable: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)


def aftermath(ledger: Ledger, scope: str) -> Aftermath:
    """Look once at every write under ``scope`` of a run that has not ended, or was ended raw."""
    landing: list[Landing] = []
    unknown: list[Landing] = []
    unreadable: list[str] = []
    over = 0
    for info in _listed(ledger, Query(live=True, limit=_PAGE)):
        task = read_task(ledger, info.run)
        if task.unsound and (scope.startswith("resource:") or _covers(scope, task, "")):
            unreadable.append(task.run)
        moment = Moment(at=ledger.now(), clock=clock())
        for operation in task.operations:
            flies = flying(task, operation, moment)
            for attempt in operation.attempts:
                if not _covers(scope, task, attempt.resource):
                    continue
                if attempt in flies:
                    landing.append(_landing(task, operation, attempt, moment))
                elif attempt.undecided and own_outcome_open(operation):
                    unknown.append(replace(_landing(task, operation, attempt, moment), until=None))
                else:
                    over += 1
    landing += _left_by_raw_ends(ledger, scope)
    return Aftermath(
        may_still_land=tuple(landing),
        effect_unknown=tuple(unknown),
        over=over,
        unreadable=tuple(unreadable),
    )


def settle(ledger: Ledger, scope: str, *, timeout_s: float) -> Aftermath:
    """Wait up to ``timeout_s`` seconds until nothing may land any more; what is known then.

    It does not wait for what has no known end and nobody looks after, of a run that was ended raw.
    """
    until = time.monotonic() + timeout_s
    while True:
        found = aftermath(ledger, scope)
        awaited = any(write.until or not write.ended for write in found.may_still_land)
        if not awaited or time.monotonic() >= until:
            return found
        time.sleep(_LOOK_EVERY_S)


def _left_by_raw_ends(ledger: Ledger, scope: str) -> Iterator[Landing]:
    """Writes that may still land of runs that a human ended raw: no word and no quarantine settled those."""
    for info in _listed(ledger, Query(state=ENDED_RAW[0], limit=_PAGE)):
        if not is_ended_raw(info.row.state, info.row.reason):
            continue
        task = read_task(ledger, info.run)
        moment = Moment(at=ledger.now(), clock=clock())
        for operation in task.operations:
            for attempt in flying(task, operation, moment):
                if _covers(scope, task, attempt.resource):
                    yield replace(_landing(task, operation, attempt, moment), ended=True)


def _listed(ledger: Ledger, query: Query) -> Iterator[RunInfo]:
    while True:
        page = ledger.runs(query)
        yield from page
        if len(page) < query.limit:
            return
        query = replace(query, before=page[-1].run)


def _landing(task: Task, operation: Operation, attempt: Attempt, moment: Moment) -> Landing:
    return Landing(
        run=task.run,
        op=operation.id,
        attempt=attempt.number,
        tool=attempt.tool,
        resource=attempt.resource,
        outcome="open" if attempt.outcome is None else "unknown",
        until=_until(task, attempt, moment),
    )


def _until(task: Task, attempt: Attempt, moment: Moment) -> str | None:
    if licence(task, attempt, moment) is not Licence.UNPROVEN:
        return instants.after(moment.at, quarantine_left_ms(task, attempt, moment) / 1000)
    # Its own process sends nothing after send_by, unless it was paused just before the send.
    until = instants.after(attempt.send_by, attempt.span_ms / 1000)
    return until if until > moment.at else None


def _covers(scope: str, task: Task, resource: str) -> bool:
    return scope in ("desk", f"runbook:{task.runbook}", f"resource:{resource}")
