"""A small exhaustive explorer of the decision core: every outcome, crash and human choice, at every point.

It drives the real functions (``next_move``, the fold, ``flight.settle``, ``decisions.judge``) against a model
of a target that keeps its own count of effects, and compares both with the laws in ``laws``. Nothing here is
imported by the product; no rule of the decision table is repeated here.
"""
