"""The steps from one schema of the ledger to the next, for alembic; opening a ledger takes them."""
