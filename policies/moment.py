"""What the decision table is told besides task and plan: the clocks, and what stands in the way now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from state.fold.reduce import NOT_COUNTED
from state.instants import seconds_between
from state.task import Clock, Task

CLOCK_SLACK_MS: Final = 2_000  # hosts that read one database do not set its clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One look at the world around a run.

    ``at``: the database's clock. ``clock``: this host's monotonic clock. ``signals``: how many are unfolded.
    ``stops``: scopes of the stop switch that cover this run. ``window_opens``: when the closed window ends
    (None: open). ``held_by``: another live run that holds one of our resources; ``held_by_escalated``: that
    run waits for a human. ``attempts_on``: sends on each resource, over all runs, within the runbook's span.
    ``without_tools``: why the runbook's tools cannot be made here; empty where they can.
    """

    at: str
    clock: Clock
    signals: int = 0
    stops: tuple[str, ...] = ()
    window_opens: str | None = None
    held_by: str | None = None
    held_by_escalated: bool = False
    in_line: int = 0
    attempts_on: Mapping[str, int] = field(default_factory=dict)
    without_tools: str = ""

    def ms_since(self, at: str) -> int:
        """Milliseconds from ``at`` until now by the database's clock; negative when it lies ahead."""
        return round(1000 * seconds_between(at, self.at))

    def ms_until_next(self, at: str, every_ms: int) -> int:
        """How long until what was looked at at ``at`` is looked at again; 0: now.

        Now too where ``at`` lies ahead: the clock was set back, and a look too early harms nothing.
        """
        since_ms = self.ms_since(at)
        return max(0, every_ms - since_ms) if since_ms >= 0 else 0

    def spent_ms(self, task: Task) -> int:
        """Time of ``task`` that counts against its deadline, up to now, in milliseconds."""
        if not task.claims:
            return 0
        if task.waiting is not None and task.waiting.reason in NOT_COUNTED:
            return task.spent_ms
        return task.spent_ms + max(0, self.ms_since(task.last_at))
