"""How a run is driven once it is held: by the real graph, or by the same nodes in a plain loop."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from langgraph.errors import GraphRecursionError
from langgraph.runtime import Runtime

from graph.build import NODES
from graph.routes import RunState
from graph.runner import recursion_limit, run_graph
from graph.session import Session
from state.task import Task

END: Final = "__end__"


def fast(session: Session) -> Task:
    """Drive a run as ``run_graph`` does, without LangGraph between the nodes; GraphRecursionError."""
    state = RunState(run=session.task.run, task=session.task, move=None)
    runtime: Any = Runtime(context=session)
    node = "hydrate"
    for _ in range(recursion_limit(session.runbook, session.plan)):
        answer = NODES[node](state, runtime)
        state, node = cast("RunState", answer.update), str(answer.goto)
        if node == END:
            return session.task
    raise GraphRecursionError("more moves than the runbook can need")


DRIVERS: Final[Mapping[str, Any]] = MappingProxyType({"fast": fast, "graph": run_graph})
