"""The only place that invokes the graph: one run, from its claim until it leaves."""

from functools import cache
from typing import Any, Final

from graph.build import build
from graph.routes import RunState
from graph.session import Session
from policies.plan import CheckPlan, Plan, WritePlan
from policies.runbook import Runbook
from state.task import Task

SPARE_SUPERSTEPS: Final = 200
MOVES_A_SEND: Final = 12  # conditions, facts, send, lag, confirm, and waits between them
MOVES_A_FORK: Final = 3  # a wait, and the look behind it


@cache
def _graph() -> Any:
    return build()


def run_graph(session: Session) -> Task:
    """Drive the run until it has ended or waits; the task as it then stands.

    Whatever an append raises comes out (the holder is out then), and GraphRecursionError where the run made
    more moves than its runbook can need.
    """
    state = RunState(run=session.task.run, task=session.task, move=None)
    _graph().invoke(
        state,
        context=session,
        config={"recursion_limit": recursion_limit(session.runbook, session.plan)},
        stream_mode=[],  # nobody listens: whoever watches a run is shown the task by its holder
    )
    return session.task


def recursion_limit(runbook: Runbook, plan: Plan) -> int:
    """How many supersteps the worst case of ``plan`` can need while it stays in one claim."""
    tries = sum(2 * p.tries for p in plan.preconditions)  # each read, and the wait behind it
    writes = sum(
        step.operations_max * _of_write(write, tries)
        for step in runbook.steps
        for write in (plan.steps_by_id[step.id].write, plan.steps_by_id[step.id].undo)
        if write is not None
    )
    model = MOVES_A_FORK * (runbook.limits.model.calls + runbook.limits.model.rereads)
    return SPARE_SUPERSTEPS + writes + tries + model + sum(map(_of_check, plan.completion))


def _of_write(write: WritePlan, tries: int) -> int:
    sends = 1 + write.budget
    return sends * (MOVES_A_SEND + tries + 2 * write.probe_tries + sum(map(_of_check, write.checks)))


def _of_check(check: CheckPlan) -> int:
    return 4 + 3 * ((check.within_ms + check.hold_ms) // max(1, check.every_ms) + 1)
