"""The rows beside the chain: what the derived tables say of a run, computed from its task alone."""

from collections.abc import Iterable
from typing import Final

from state.entry import Entry
from state.fold import fold
from state.instants import after
from state.ledger.port import Row
from state.lifecycle import lane_of
from state.task import Task

# A run with nothing to wait for is due at once; these waits end only by a signal or by somebody else's act.
_POLLED_MS: Final = 5_000
_POLLED: Final = frozenset({"hold", "stop", "connector"})


def row_of(task: Task) -> Row:
    """The row of table ``runs`` (and of holds, attempts and outbox) that ``task`` has."""
    terms = task.terms
    escalation = task.open_escalation
    return Row(
        lane=lane_of(task),
        runbook=task.runbook,
        version=task.version,
        target=task.target,
        requester=str(terms.get("requester", task.request.get("by", ""))),
        source=str(task.request.get("source", "")),
        created_at=task.created_at,
        ended_at=task.ended_at,
        state=task.closed,
        reason=task.reason or (escalation.reason if escalation else None),
        due_at=_due_at(task),
        waiting_for=task.waiting.reason if task.waiting else None,
        once_key=_once_key(task),
        once_until=_once_until(task),
        delivery=task.request.get("delivery"),
        delivery_digest=task.request.get("delivery_digest"),
        escalation=escalation.id if escalation else None,
        holds=task.holds,
        resources=task.resources,
        attempts=task.attempts,
        outbox=tuple(dict(n) for n in task.outbox),
    )


def project(entries: Iterable[Entry]) -> Row:
    """The row that a chain ought to have; what ``ledger verify`` compares with the stored one."""
    return row_of(fold(entries))


def _due_at(task: Task) -> str | None:
    if task.closed is not None or task.unsound:
        return None
    if task.waiting is None:
        return task.last_at
    if task.waiting.until is None and task.waiting.reason in _POLLED:
        return after(task.last_at, _POLLED_MS / 1000)
    return task.waiting.until


def _once_key(task: Task) -> str | None:
    live = task.closed is None
    return (
        task.once_key
        if task.once_key and (live or (task.once_span_ms is not None and task.closed != "rejected"))
        else None
    )


def _once_until(task: Task) -> str | None:
    if task.once_key is None or task.once_span_ms is None or not task.created_at:
        return None
    return after(task.created_at, task.once_span_ms / 1000)
