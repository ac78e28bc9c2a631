"""The errors of this room.

StateError
├── CanonicalError      a value cannot stand in an entry (float, big integer, deep, lone surrogate ...)
├── UnsoundLedgerError  entries do not continue each other, or the fold does not know one of them
└── LedgerError
    ├── HeadMovedError      another append came first: this holder is out and must not try again
    ├── FencedError         the claim of this epoch is no longer the run's
    ├── ResourceHeldError   another live run holds the resource; ``run`` names it
    ├── DuplicateNeedError  a live run for the same need exists; ``run`` names it
    ├── SwitchedOffError    the stop switch covers this write; nothing became durable
    ├── UnknownRunError     no such run in this ledger
    └── UnknownCommitError  the database did not say whether the commit happened: read again
"""


class StateError(Exception):
    """Anything this room refuses."""


class CanonicalError(StateError):
    """A value cannot stand in an entry's body; nothing was stored."""


class UnsoundLedgerError(StateError):
    """The entries of a run do not continue each other, or one of them is unknown to this version."""


class LedgerError(StateError):
    """The ledger refused; nothing of the refused append was stored."""


class HeadMovedError(LedgerError):
    """Another append came first. The holder is out: hydrate again, never retry with a new seq."""


class FencedError(LedgerError):
    """The epoch of this append is not the run's present claim."""


class ResourceHeldError(LedgerError):
    """Another live run holds the resource."""

    def __init__(self, resource: str, run: str) -> None:
        """Name the ``resource`` and the ``run`` that holds it."""
        super().__init__(f"{resource} is held by run {run}")
        self.resource, self.run = resource, run


class DuplicateNeedError(LedgerError):
    """A run for the same need exists (``once`` of the runbook)."""

    def __init__(self, run: str) -> None:
        """Name the first ``run``."""
        super().__init__(f"run {run} is for the same need")
        self.run = run


class SwitchedOffError(LedgerError):
    """The stop switch covers this write."""

    def __init__(self, scope: str) -> None:
        """Name the ``scope`` of the switch: ``desk``, ``runbook:ID`` or ``resource:NAME``."""
        super().__init__(f"stopped: {scope}")
        self.scope = scope


class UnknownRunError(LedgerError):
    """No such run in this ledger."""


class UnknownCommitError(LedgerError):
    """The database did not say whether the commit happened; read the head again on a new connection."""
