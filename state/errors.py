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
    ├── DeskMovedError      chain ``desk`` went on since what is in force was read: read it anew
    ├── DeliveryConflictError  the same delivery came before with another body; ``run`` names its run
    ├── LimitReachedError   a limit of the delegation (concurrency or rate) is reached
    ├── UnknownRunError     no such run in this ledger
    ├── NotStuckError       the run's entries can be folded, or it has ended: it is not ended raw
    ├── StillHeldError      a worker within its lease holds the run; ``worker`` names it
    ├── UnknownSignalError  no such signal waits for the run: never posted, or folded already
    ├── UnknownCommitError  the database did not say whether the commit happened: read again
    ├── StorageError        the database failed before the commit (full, busy, closed): nothing was stored
    ├── PayloadKeyError     the ledger was made with another payload key than the one given, or with none
    └── SchemaError         the database is of another or newer schema than this program knows
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


class DeskMovedError(LedgerError):
    """Chain ``desk`` went on since what is in force was read; nothing became durable, and it is read anew."""


class UnknownRunError(LedgerError):
    """No such run in this ledger."""


class UnknownCommitError(LedgerError):
    """The database did not say whether the commit happened; read the head again on a new connection."""


class DeliveryConflictError(LedgerError):
    """The same delivery id came before, with another body."""

    def __init__(self, delivery: str, run: str) -> None:
        """Name the ``delivery`` and the ``run`` that its first body made."""
        super().__init__(f"delivery {delivery} came before with another body, as run {run}")
        self.delivery, self.run = delivery, run


class LimitReachedError(LedgerError):
    """A limit of the delegation is reached: too many live runs, or too many in a span."""

    def __init__(self, limit: str, most: int, found: int) -> None:
        """Name the ``limit`` (concurrency or rate), how many at ``most``, and how many were ``found``."""
        super().__init__(f"{limit}: {found} of at most {most}")
        self.limit, self.most, self.found = limit, most, found


class NotStuckError(LedgerError):
    """The entries of the run can be folded, or it has ended already: only a stuck run is ended raw."""


class StillHeldError(LedgerError):
    """A worker within its lease holds the run, perhaps of a program that can fold it."""

    def __init__(self, run: str, worker: str) -> None:
        """Name the ``run`` and the ``worker`` that holds it."""
        super().__init__(f"run {run} is held by worker {worker}, whose lease is not over")
        self.run, self.worker = run, worker


class UnknownSignalError(LedgerError):
    """No such signal waits for the run: it was never posted, or is folded already."""


class StorageError(LedgerError):
    """The database failed before the commit; nothing of the append was stored."""


class PayloadKeyError(LedgerError):
    """The payload key is not the one that this ledger was made with; nothing was read or stored."""


class SchemaError(LedgerError):
    """The database is of another or of a newer schema than this program knows; nothing was changed."""
