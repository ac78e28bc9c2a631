"""Whether a runbook is safe on every path: the real decision core, driven through everything that may happen.

Here belong the world that a runbook meets, everything that may happen in it, the laws that must hold, and
the search through all of it. Pure: it sees policies and state only, no clock, no file; who calls it bounds
it. No rule of the decision table is repeated here: moves, fold, settling and decisions are the functions
themselves that a run goes by.
"""
