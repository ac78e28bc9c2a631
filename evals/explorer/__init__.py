"""A battery of hand-written plans for the prover: each kind of target, each way to undo, each disturbance.

``python -m evals.explorer`` runs them through ``policies.proof``; nothing here is imported by the product.
"""
