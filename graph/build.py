"""The LangGraph orchestrator: six nodes, one routing function, no checkpointer.

Every node performs the pending move, then asks the decision table for the next one; ``route`` sends it on.
The ledger is the only memory: the graph is entered through ``hydrate`` each time, after a crash as after
a wait.
"""

from typing import Any, get_args

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes
from graph.routes import Node, RunState, route
from graph.session import Session

NODES = {
    "hydrate": nodes.hydrate,
    "execute": nodes.execute,
    "verify": nodes.verify,
    "package": nodes.package,
    "close": nodes.close,
    "wait": nodes.wait,
}


def build() -> CompiledStateGraph[RunState, Session, RunState, RunState]:
    """Compile the graph; it holds no state and may be used by many threads at once."""
    graph: Any = StateGraph(RunState, context_schema=Session)
    for name, node in NODES.items():
        graph.add_node(name, node)
        graph.add_conditional_edges(name, route, {n: n for n in get_args(Node)})
    graph.add_edge(START, "hydrate")
    compiled: CompiledStateGraph[RunState, Session, RunState, RunState] = graph.compile()
    return compiled
