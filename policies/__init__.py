"""What is allowed: runbooks, contracts and delegations as data, and the pure functions that judge by them.

Here belongs the decision table (``moves``), the guards, the budgets, the expressions and the loader of
every file that an owner approves. Nothing here does I/O but the loader's reading of files, and nothing
here knows a clock, an id source, a database, an HTTP client or a model.
"""
