"""How much a runbook can send at the very most, and how long its own waits can take."""

from dataclasses import dataclass

from policies.runbook import Runbook
from policies.step import Check, Retry, Rollback, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWrites:
    """The most that one step can send: ``forward`` writes and ``undo`` compensations, retries included."""

    step: str
    tool: str
    operations: int
    forward: int
    undo_tool: str | None
    undo: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The most that a run can send; ``time_ms``: its timeouts, backoffs and checks, one after another."""

    steps: tuple[StepWrites, ...]
    time_ms: int

    @property
    def writes(self) -> int:
        """Forward writes, retries included: the sum over operations of 1 + retry budget."""
        return sum(s.forward for s in self.steps)

    @property
    def reserve(self) -> int:
        """Writes that are set aside for rolling everything back."""
        return sum(s.undo for s in self.steps)


def worst_case(runbook: Runbook) -> WorstCase:
    """Add up the most that a run of this runbook can send."""
    return WorstCase(
        steps=tuple(_step(step) for step in runbook.steps),
        time_ms=sum(_time(step) for step in runbook.steps) + sum(map(_check_time, runbook.completion)),
    )


def backoff_total_ms(retry: Retry) -> int:
    """Give the longest that all waits between the sends of one operation take together, in milliseconds."""
    return sum(retry.backoff.ceiling_ms(resend) for resend in range(1, retry.budget + 1))


def _step(step: Step) -> StepWrites:
    undo = step.rollback if isinstance(step.rollback, Rollback) else None
    return StepWrites(
        step=step.id,
        tool=step.tool,
        operations=step.operations_max,
        forward=step.operations_max * (1 + step.retry.budget),
        undo_tool=None if undo is None else undo.tool,
        undo=0 if undo is None else step.operations_max * (1 + undo.retry.budget),
    )


def _time(step: Step) -> int:
    sends = (1 + step.retry.budget) * (step.timeout_ms or 0) + backoff_total_ms(step.retry)
    return step.operations_max * (sends + sum(map(_check_time, step.checks)))


def _check_time(check: Check) -> int:
    return max(check.within_ms, check.hold_ms)
