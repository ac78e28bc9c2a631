"""The process that carries runs: who it is, how it proves another's end, and how it takes runs over.

Nothing here decides what a run does next; that is ``graph`` and ``policies``.
"""
