"""How the world moves: tools behind one port, each a contract plus a function.

Here belongs every byte that leaves for a target: adapters, the one HTTP client, credentials, the one door
(``gateway``) and the fakes that stand behind the same port. What a tool may be used for does not belong
here (``policies``), nor who judges its answers (``agents``). Adapters do not know each other.
"""
