"""The LangGraph orchestrator: six nodes, one routing function, no checkpointer.

Every node performs the pending move, then asks the decision table for the next one; ``route`` says which
node performs that, and the node's answer sends the run on. (Conditional edges with the same function read and
write the state once more, which makes a superstep a third dearer.)
The ledger is the only memory: the graph is entered through ``hydrate`` each time, after a crash as after
a wait.
"""

from typing import Any, get_args

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes
from graph.routes import Node, RunState
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
        graph.add_node(name, node, destinations=get_args(Node))
    graph.add_edge(START, "hydrate")
    compiled: CompiledStateGraph[RunState, Session, RunState, RunState] = graph.compile()
    return compiled
