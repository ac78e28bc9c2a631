"""Which writes may still land after a stop, and waiting until none may."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Final

from state import instants
from state.ledger.port import Ledger, Query
from state.reading import read_task
from state.task import Attempt, Task

_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A write whose outcome is not yet written. ``until``: after it the request can no longer land."""

    run: str
    op: str
    tool: str
    resource: str
    until: str

    def as_json(self) -> dict[str, Any]:
        """Fields as JSON."""
        return asdict(self)


def landing(ledger: Ledger, scope: str) -> list[Landing]:
    """Writes under ``scope`` whose intent is durable and whose outcome is not yet written."""
    found = []
    for info in ledger.runs(Query(live=True, limit=1000)):
        task = read_task(ledger, info.run)
        found += [
            Landing(
                run=task.run, op=operation.id, tool=attempt.tool, resource=attempt.resource,
                until=instants.after(attempt.send_by, attempt.span_ms / 1000),
            )
            for operation in task.operations
            for attempt in operation.attempts
            if attempt.outcome is None and _covers(scope, task, attempt)
        ]  # fmt: skip
    return found


def settle(ledger: Ledger, scope: str, *, timeout_s: float) -> list[Landing]:
    """Wait up to ``timeout_s`` seconds until nothing may land any more; what still may."""
    until = time.monotonic() + timeout_s
    while (left := landing(ledger, scope)) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
    return left


def _covers(scope: str, task: Task, attempt: Attempt) -> bool:
    return scope in ("desk", f"runbook:{task.runbook}", f"resource:{attempt.resource}")
