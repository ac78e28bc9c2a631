"""What a ledger is: chains of entries, the tables derived from them, signals, and the stop switch.

Who may write: only the holder of a run (the worker whose claim has the run's epoch) appends to its chain.
Everybody else posts a signal. Chain ``desk`` is appended to by anyone, one at a time.

Every append is one transaction: the entries, the derived rows computed from the task behind them, and,
for a write intent, the check of the stop switch. It is durable when it returns.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from state.entry import Draft, Entry, Head
from state.task import EMPTY

Record = tuple[str, dict[str, Any]]
"""A row of a table, with the table's name: what an export holds and an audit reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The row of table ``runs`` that a task has: derived, rebuildable, compared by ``ledger verify``.

    ``lane`` is the lifecycle state (``live/acting`` .. ``ended/completed``); ``due_at`` when the run wants
    a worker again (None: never by itself); ``holds`` the resources that it holds; ``once_key`` set while
    the ``once`` of its runbook counts (until ``once_until``, if given, else while it is set); ``delivery``
    is unique beside ``source``, and ``delivery_digest`` tells two bodies under one delivery apart;
    ``escalation`` the id of the open escalation; ``resources`` all that the run is about, held or not;
    ``attempts`` the write intents so far, (resource, op, attempt, at); ``outbox`` the notices that this
    run wants delivered, each ``{id, channel, to, body}``, its id unique in the ledger and its
    content never changed.
    """

    lane: str
    runbook: str = ""
    version: int = 0
    target: str = ""
    requester: str = ""
    source: str = ""
    created_at: str = ""
    ended_at: str | None = None
    state: str | None = None
    reason: str | None = None
    due_at: str | None = None
    waiting_for: str | None = None
    once_key: str | None = None
    once_until: str | None = None
    delivery: str | None = None
    delivery_digest: str | None = None
    escalation: str | None = None
    holds: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    attempts: tuple[tuple[str, str, int, str], ...] = ()
    outbox: tuple[dict[str, Any], ...] = ()


Project = Callable[[Sequence[Entry]], Row]
"""The projection: the row that follows from the entries of a chain (``state.projection``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A run as the derived table shows it, with its head and holder (None: free).

    ``released``: its last holder gave it back by its own word, which is more than that none is known.
    ``row.attempts`` and ``row.outbox`` are filled by ``info`` only, and empty in lists of runs.
    """

    run: str
    head: Head
    epoch: int
    worker: str | None
    row: Row
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something that somebody else has to say to a run; ``id`` is unique, posting twice is one signal.

    ``kind``: decide, ack, cancel, pause, unpause, attest, confirm, poke, late_reply, attached.
    """

    id: str
    run: str
    kind: str
    by: str
    at: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker process as it registered itself. ``start_time`` is field 22 of /proc/PID/stat, in ticks."""

    id: str
    boot_id: str
    pid_ns: str
    pid: int
    start_time: int
    uid: int
    lock_file: str
    lease_until: str  # by the database's clock
    lease_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Free text beside the chain: erasable; the chain keeps ``digest`` (HMAC-SHA256, hex, prefixed)."""

    digest: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``most`` runs of ``runbook`` beside the appended one; rejected runs never count.

    ``concurrency`` counts live runs, ``rate`` those created at ``since`` or later. ``targets`` names which:
    exact targets, or prefixes that end in ``*``; none means all.
    """

    kind: Literal["concurrency", "rate"]
    runbook: str
    most: int
    since: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One append to a run's chain by its holder: entries in order, and the row that follows from them.

    ``stop_scopes``: scopes (``desk``, ``runbook:ID``, ``resource:NAME``) whose stop refuses the whole append.
    ``folds``: ids of the signals that these entries fold in, each by an entry ``signal`` that names it.
    ``limits``: each refuses once reached. ``desk_seq``: where chain ``desk`` must end still, so that what was
    read as in force is (None: it does not matter).
    """

    run: str
    epoch: int
    head: Head
    entries: Sequence[Entry]
    row: Row
    payloads: Sequence[Payload] = ()
    stop_scopes: Sequence[str] = ()
    folds: Sequence[str] = ()
    limits: Sequence[Limit] = ()
    desk_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is asked at every move: how many signals wait for a run, and which scopes are stopped, sorted."""

    signals: int
    stops: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop in force: its scope, who set it, when, and why."""

    scope: str
    by: str
    at: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that ``verify`` found: which run, seq, table and column, and in words what."""

    run: str
    seq: int | None
    table: str
    column: str
    what: str
    certain: bool = True  # False: what cannot be proven (a cut tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which runs to list, newest first (by run id). ``before`` is a run id (keyset paging).

    ``resource``: runs that are about it, hold it or have sent a write to it. ``limit`` is capped at 1,000.
    """

    live: bool | None = None
    lanes: tuple[str, ...] = ()
    runbook: str | None = None
    target: str | None = None
    resource: str | None = None
    requester: str | None = None
    state: str | None = None
    before: str | None = None
    limit: int = 50


class Ledger(Protocol):
    """The port. No method leaves half of its work behind.

    Every method raises LedgerError's leaves only (StorageError where the database fails), but
    UnsoundLedgerError for entries that do not continue ``append.head`` or cannot be read.
    """

    def now(self) -> str:
        """Return the present instant by the database's clock."""

    # runs
    def create(self, append: Append) -> Head:
        """Begin the chain of a new run (epoch 0).

        DuplicateNeedError where ``row.once_key`` is taken or ``row.delivery`` came before with the same
        digest, DeliveryConflictError where it came with another, LimitReachedError, SwitchedOffError,
        HeadMovedError where the run exists.
        """

    def claim(self, append: Append, *, worker: str) -> Head:
        """Append ``claimed`` under ``append.epoch`` = present epoch + 1, and make ``worker`` the holder.

        HeadMovedError where somebody else claimed first.
        """

    def append(self, append: Append) -> Head:
        """Append as the holder (under epoch 0: as the creator, before the first claim).

        FencedError where the epoch is not the run's or its claim was released, HeadMovedError,
        SwitchedOffError, DeskMovedError, ResourceHeldError, DuplicateNeedError, LimitReachedError,
        UnknownSignalError, UnknownRunError: nothing was stored. UnknownCommitError: read again.
        """

    def read(self, run: str, *, after: int = 0) -> list[Entry]:
        """Entries of a chain in order; empty for an unknown run."""

    def glance(self, run: str) -> Glance:
        """What is asked at every move; nothing waits for an unknown run."""

    def length(self, run: str) -> int:
        """The seq of a chain's last entry; 0 for an unknown run."""

    def info(self, run: str) -> RunInfo:
        """Read the derived row of a run; UnknownRunError."""

    def runs(self, query: Query) -> list[RunInfo]:
        """List runs, newest first."""

    def count_runs(self, limit: Limit) -> int:
        """How many runs count against a limit now."""

    def release(self, run: str, epoch: int) -> None:
        """Give the claim back so that another worker may claim at once (leaving the graph); no entry.

        The claim stays, with a mark: a release is something that can be shown, not the absence of a claim.

        Nothing happens where the claim of that epoch is not in force any more.
        """

    def claimable(self, *, limit: int = 100) -> list[RunInfo]:
        """List runs that a worker may claim now, oldest due first; none whose holder is within its lease.

        Those that are due, live ones with unfolded signals, and live ones whose holder is gone or past its
        lease. An ended run only where its row has a due time (a hold to give back, a report to write).
        """

    def next_due(self) -> str | None:
        """When the next run that nobody holds is due, if any; it may lie in the past."""

    # resources
    def holder(self, resource: str) -> str | None:
        """Find the run that holds a resource."""

    def attempts_on(self, resource: str, *, since: str) -> int:
        """Write intents on a resource since an instant, over all runs."""

    def escalated_on(self, resource: str) -> list[str]:
        """Live runs with an open escalation that hold the resource."""

    # signals
    def post(self, signal: Signal) -> bool:
        """Store a signal; False when its id is known already. UnknownRunError.

        One of kind ``attached`` that names a delivery (``source``, ``delivery``, ``delivery_digest`` in its
        body) keeps it as one in the same transaction: False where it stands for this run already,
        DuplicateNeedError where for another, DeliveryConflictError where it came with another body.
        """

    def signals(self, run: str) -> list[Signal]:
        """Signals of a run not yet folded, in order of arrival."""

    # workers
    def register(self, worker: Worker) -> None:
        """Make a worker known, with a lease of ``lease_s`` from the database's now."""

    def renew(self, worker: str) -> str:
        """Renew the lease; returns ``lease_until``. FencedError where the worker was removed."""

    def workers(self) -> list[Worker]:
        """List registered workers."""

    def forget(self, worker: str) -> None:
        """Remove a worker that left or was seen dead."""

    # the switch, the desk
    def stop(self, stop: Stop, *, who: Mapping[str, str] = EMPTY) -> None:
        """Set the switch for a scope, with its entry in chain ``desk``; a newer word replaces an older.

        ``who``, here and below: how the one who does it came to be known, for that entry.
        """

    def start(self, scope: str, *, by: str, at: str, who: Mapping[str, str] = EMPTY) -> bool:
        """Lift a stop, with its entry; False where none was set."""

    def stops(self) -> list[Stop]:
        """List stops in force."""

    def append_desk(self, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Append to chain ``desk``; retried inside while others append."""

    def close_raw(
        self, run: str, *, by: str, at: str, why: str, unsound: str, who: Mapping[str, str] = EMPTY,
        without_policy: bool = False,
    ) -> Entry:  # fmt: skip
        """End a run whose entries cannot be folded, with its entry in chain ``desk``; returns that entry.

        ``without_policy``: the caller has found that what it was admitted under cannot be read, and says so
        in ``unsound``; then a run whose entries can be folded is ended as well.

        In one transaction its row becomes ``closed_by_human`` (``aborted_raw``), and its holds, its once key
        and its claim are free; nothing is appended to its chain any more. UnknownRunError; NotStuckError
        where its fold is sound or it has ended; StillHeldError while a worker within its lease holds it;
        HeadMovedError where its chain went on meanwhile.
        """

    # payloads, outbox
    def payload(self, digest: str) -> str | None:
        """Read the text behind a digest; None when it was erased or never stored."""

    def erase(self, digest: str, *, by: str, at: str, why: str) -> bool:
        """Erase the text behind a digest, with its entry in chain ``desk``; False where there is none."""

    def outbox(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """Notices not yet delivered, oldest first: {id, run, channel, to, body}."""

    def delivered(self, notice: str) -> None:
        """Mark a notice as delivered; nothing happens where it is already, or unknown."""

    # proof
    def verify(self) -> Iterator[Finding]:
        """Check every chain, every hash, and every table against the chains, as of one moment.

        The ledger is sound where no finding is ``certain``; the others say what it cannot prove by itself.
        """

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Every row of every table as of one moment, grouped by run; or those of ``run`` alone."""

    def close(self) -> None:
        """Finish what is queued and close every connection."""
