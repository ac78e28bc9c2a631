"""Rehearsals: the tests that lie beside a runbook, run on the real graph over a world that is only in memory.

Here belong the form of a test file, the worlds that it names, what goes wrong in them, and the judgement of
what came out. What decides, guards, sends and records is that of every other run; nothing of it stands here.
"""
