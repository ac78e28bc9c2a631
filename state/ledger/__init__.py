"""The ledger: the port that every store keeps, and the stores.

``port`` says what a ledger is; ``memory`` and ``sql`` are two of them and pass the same contract tests.
"""
