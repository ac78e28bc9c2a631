"""What stands around a run now, as the ledger shows it: signals, stops, holds, windows, attempts, history."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from policies.delegation import Window
from policies.expressions import Truth, compile_expression
from policies.in_force import Policy
from policies.moment import Moment
from policies.plan import Plan
from state import instants
from state.ledger.port import Ledger, Query
from state.task import Clock, Task

MAX_IN_LINE_SHOWN: Final = 50


class Surroundings:
    """Looks at the ledger for one run."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        policy: Policy,
        plan: Plan,
        present: Callable[[], Policy | None],
        without_tools: str = "",
    ) -> None:
        """``policy``: the one that the run is pinned to; ``present``: the one in force now.

        ``without_tools``: why its tools cannot be made here; empty where they can.
        """
        self._without_tools = without_tools
        self._ledger, self._policy, self._plan, self._present = ledger, policy, plan, present

    def look(self, task: Task, *, at: str, clock: Clock) -> Moment:
        """One look. Questions that no row can ask of ``task`` as it stands are not put to the database."""
        scopes = {"desk", f"runbook:{task.runbook}", *(f"resource:{r}" for r in task.resources)}
        held_by, glance = self._blocker(task), self._ledger.glance(task.run)
        return Moment(
            at=at,
            clock=clock,
            signals=glance.signals,
            stops=tuple(scope for scope in glance.stops if scope in scopes),
            window_opens=self._window_opens(task, at) if not task.operations else None,
            held_by=held_by,
            held_by_escalated=held_by is not None and self._ledger.info(held_by).row.escalation is not None,
            in_line=self._in_line(task) if held_by is not None else 0,
            attempts_on=self._attempts(task, at),
            without_tools=self._without_tools,
        )

    def history(self, task: Task) -> Mapping[str, Any]:
        """What is known of the run's resource over all other runs: how many, how they ended, escalations."""
        if not task.resources or not self._policy.runbook.asks_history:
            return {}
        others = [
            i for i in self._ledger.runs(Query(resource=task.resources[0], limit=1000)) if i.run != task.run
        ]
        ends: dict[str, int] = {}
        for info in others:
            if info.row.state is not None:
                ends[info.row.state] = ends.get(info.row.state, 0) + 1
        return {
            "runs": len(others),
            "ends": ends,
            "escalations": sum(i.row.escalation is not None for i in others),
        }

    def _blocker(self, task: Task) -> str | None:
        for resource in task.resources:
            if resource in task.holds:
                continue
            holder = self._ledger.holder(resource)
            if holder is not None and holder != task.run:
                return holder
        return None

    def _in_line(self, task: Task) -> int:
        waiting = self._ledger.runs(
            Query(lanes=("live/waiting_hold",), resource=task.resources[0], limit=MAX_IN_LINE_SHOWN)
        )
        return sum(i.run != task.run for i in waiting) + 1

    def _attempts(self, task: Task, at: str) -> dict[str, int]:
        if self._plan.attempts_max is None:
            return {}
        since = instants.after(at, -self._plan.attempts_per_ms / 1000)
        return {r: self._ledger.attempts_on(r, since=since) for r in task.resources}

    def _window_opens(self, task: Task, at: str) -> str | None:
        now, present = instants.parse(at), self._present()
        windows = self._policy.delegation.windows + (present.delegation.windows if present else ())
        opens = [w.opens_at(now) for w in windows if _applies(w, task) and w.closed_at(now)]
        return instants.iso(max(opens)) if opens else None


def _applies(window: Window, task: Task) -> bool:
    """A window applies unless its condition is surely false."""
    answer = compile_expression(window.when).truth({"inputs": dict(task.inputs)})
    return answer.truth is not Truth.FALSE
