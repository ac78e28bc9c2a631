"""How a run is driven once it is held: by the real graph, or by the same nodes in a plain loop."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, cast

from langgraph.errors import GraphRecursionError
from langgraph.runtime import Runtime

from graph.build import NODES
from graph.routes import RunState
from graph.runner import recursion_limit, run_graph
from graph.session import Session
from policies.move import Move
from state.task import Task

Driver = Literal["fast", "graph"]
END: Final = "__end__"


def fast(session: Session, *, seen: Callable[[Move], None] = lambda _move: None) -> Task:
    """Drive a run as ``run_graph`` does, without LangGraph between the nodes; GraphRecursionError.

    ``seen`` is told every move that a node answers with.
    """
    state = RunState(run=session.task.run, task=session.task, move=None)
    runtime: Any = Runtime(context=session)
    node = "hydrate"
    for _ in range(recursion_limit(session.runbook, session.plan)):
        answer = NODES[node](state, runtime)
        state, node = cast("RunState", answer.update), str(answer.goto)
        if state["move"] is not None:
            seen(state["move"])
        if node == END:
            return session.task
    raise GraphRecursionError("more moves than the runbook can need")


def driver(name: Driver, met: Counter[tuple[str, str, str, str]]) -> Callable[[Session], Task]:
    """How runs are driven; the fast one counts in ``met`` which move each row of the decision table made."""

    def seen(move: Move) -> None:
        met["moves", str(move.row), type(move).__name__, ""] += 1

    return run_graph if name == "graph" else partial(fast, seen=seen)
