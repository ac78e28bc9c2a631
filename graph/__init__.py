"""In what order: the LangGraph orchestrator that performs the moves of the decision table.

Here belong the nodes (one a role), the routing table, the session that a run has while it is held, and the
runner, the only place that invokes the graph. Here does not belong any rule: what is done next is
``policies.moves``; what a call may do is decided at the gateway.
"""
