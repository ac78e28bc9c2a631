"""What is true: entries, the ledger that holds them, and the fold that reads task state out of them.

Here belongs everything that can be said of a run by looking at its entries alone: the kinds of
entries, the lifecycle, the fold, the completion record and the packet. Here does not belong what is
allowed (``policies``), how the world is moved (``tools``) or any clock, id or network. Only
``state/ledger`` touches a database.
"""
