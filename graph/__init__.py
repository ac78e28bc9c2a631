"""In what order: the LangGraph orchestrator of one run.

Here belong the nodes, the routes between them and the runner, which is the only caller of invoke. Every
entry goes through hydrate; nothing is remembered between two entries but what the ledger holds. Here does
not belong a rule of its own (routes read ``policies.moves``), an adapter, a concrete model or a checkpointer.
"""
