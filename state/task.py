"""What a run is at one moment: the value that the fold makes of its entries.

Nothing here decides; ``policies.moves`` reads it. All values are frozen. Times are instants as text,
durations integers in milliseconds, as in the entries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from state.entry import Head
from state.outcome import Known, Outcome

EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})


def _empty() -> Mapping[Any, Any]:
    return EMPTY


class Direction(StrEnum):
    """Which way the run goes."""

    FORWARD = "forward"
    ROLLING_BACK = "rolling_back"
    COMPLETING = "completing"  # nothing more is written, the completion checks decide


class Status(StrEnum):
    """Whether an operation is finished; both ends are entries."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A reading of a host's monotonic clock: comparable only under the same ``boot_id``."""

    boot_id: str
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One send of an operation: an intent and, once known, its outcome.

    ``span_ms``: send window + longest request + read lag, what a quarantine of it lasts. ``returned``: the
    clock of the process that wrote the intent when the sending call came back (None: it has not).
    ``counts``: False for an attempt that draws on no budget (not sent because of the switch or a lost claim,
    or a desk fault).
    ``granted``: a human's grant paid for it. ``grounded``: it was without a definite answer, and has been
    shown to have landed or to be unable to land any more. ``child``: a child process sends it, which may
    outlive the worker that wrote the intent.
    """

    number: int
    seq: int
    at: str
    epoch: int
    send_by: str
    span_ms: int
    tool: str
    resource: str
    arguments: Mapping[str, Any]
    key: str
    digest: str
    facts: Mapping[str, Any] = field(default_factory=_empty)
    outcome: Outcome | None = None
    outcome_seq: int | None = None
    code: str = ""
    detail: str = ""
    result: Mapping[str, Any] | None = None
    condition_failed: bool = False
    follows_unknown: bool = False
    counts: bool = True
    granted: bool = False
    returned: Clock | None = None
    grounded: bool = False
    child: bool = False

    @property
    def left_behind(self) -> bool:
        """Its sending call was given up on: its process may still send, whatever it does besides."""
        return self.outcome is not None and self.returned is None

    @property
    def undecided(self) -> bool:
        """No definite answer, and nobody has shown since that it cannot land any more."""
        return self.outcome in (None, Outcome.UNKNOWN) and not self.grounded


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What the rounds of one check have shown. ``passing_since``: start of the present row of passes."""

    since: str
    last_at: str
    verdict: str
    expected: str
    observed: str
    seq: int
    rounds: int
    failures: int = 0
    passing_since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One logical write: a step (or one item of it, or one compensation) with all its attempts.

    ``settled``: the operation's own outcome (None while open). ``known``: what is known of its effect.
    ``observed``: the effect has been seen at the target (probe or check), not only answered.
    ``accepted_at``: since when it counts as done; read lag counts from there. ``judged``: a human decided,
    and the check alone decides (row 6). ``word``: a human's own word on its effect.
    """

    id: str
    step: str
    item: int | None
    ordinal: int
    undoes: str | None = None
    attempts: tuple[Attempt, ...] = ()
    settled: Outcome | None = None
    known: Known = Known.UNKNOWN
    observed: bool = False
    accepted_at: str | None = None
    status: Status = Status.OPEN
    judged: bool = False
    word: str | None = None
    probes: int = 0
    probed_at: str | None = None
    probe_verdict: str | None = None
    probe_seq: int = 0
    left_reason: str = ""
    rests: bool = field(init=False, compare=False, repr=False)  # settled, and no attempt of it is undecided

    def __post_init__(self) -> None:
        """Tell once what every move asks of every operation."""
        rests = self.settled is not None and not any(a.undecided for a in self.attempts)
        object.__setattr__(self, "rests", rests)

    @property
    def slot(self) -> tuple[str, int | None]:
        """The step and item that this operation is for."""
        return (self.step, self.item)

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def has_effect(self) -> bool:
        """Its effect is there, or nobody knows that it is not."""
        return self.known is not Known.REFUTED

    @property
    def conflicted(self) -> bool:
        """An attempt of it met a 412."""
        return any(a.condition_failed for a in self.attempts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who held the run under an epoch, as far as the host can tell one process from another."""

    epoch: int
    seq: int
    at: str
    worker: str
    boot_id: str
    pid_ns: str
    pid: int
    start_time: int
    uid: int
    lock_file: str
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Something that is not as the run remembers it. ``acknowledged`` by a human decision."""

    what: str
    expected: str
    observed: str
    seq: int
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the newest reads say of one precondition. ``tries``: reads in a row that did not pass."""

    verdict: str
    tries: int
    at: str
    expected: str = ""
    observed: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A human's decision on an escalation. ``words``: operation id to applied, not_applied or unknown.

    ``who``: how the decider came to be known (how, os_user); empty where nobody said.
    """

    id: str
    escalation: str
    choice: str
    by: str
    at: str
    basis: str
    seq: int
    words: Mapping[str, str] = field(default_factory=_empty)
    evidence: str | None = None
    reason: str = ""
    who: Mapping[str, str] = field(default_factory=_empty)
    carried_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One stop for a human. ``level``: how many levels have been told; ``decision`` None while open."""

    id: str
    reason: str
    code: str
    row: int
    at: str
    seq: int
    packet: str
    basis: str
    severity: str
    step: str = ""
    level: int = 0
    next_level_at: str | None = None
    decision: Decision | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why nothing happens now. ``reason``: backoff, quarantine, read_lag, check, model, human, window, hold,
    stop, pause, connector, confirmation. ``until`` None: only a signal ends it."""

    reason: str
    until: str | None
    at: str
    row: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A write that a human is asked to confirm. ``answer`` None while open, else yes or no."""

    op: str
    digest: str
    asked_at: str
    expires_at: str
    summary: str
    answer: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A guard's refusal of the write that was due."""

    op: str
    code: str
    guard: str
    seq: int


@dataclass(frozen=True, kw_only=True)  # no slots: see state.evolve
class Task:
    """A run, folded. See the fields' groups; everything is derived from entries."""

    run: str
    head: Head = field(default_factory=Head)
    unsound: str = ""  # why the fold gave up; nothing behind that entry was folded
    created_at: str = ""
    last_at: str = ""
    # the request and what it was admitted as
    request: Mapping[str, Any] = field(default_factory=_empty)
    interpreted: Mapping[str, Any] = field(default_factory=_empty)
    runbook: str = ""
    version: int = 0
    inputs: Mapping[str, Any] = field(default_factory=_empty)
    target: str = ""
    mode: str = "delegated"
    solo: bool = False
    pins: Mapping[str, str] = field(default_factory=_empty)
    once_key: str | None = None
    once_span_ms: int | None = None
    delivery: str | None = None
    deadline_ms: int = 0
    terms: Mapping[str, Any] = field(default_factory=_empty)  # the whole body of ``admitted``
    # who holds it
    epoch: int = 0
    claims: tuple[Claim, ...] = ()
    idle_claims: int = 0  # claims in a row with nothing but hydration between them
    proven_dead: Mapping[int, int] = field(
        default_factory=_empty
    )  # epoch -> the claim (its epoch) that saw its process unable to send
    attested: Mapping[int, Clock] = field(
        default_factory=_empty
    )  # epoch -> when a human stated that its process is dead
    attested_by: Mapping[int, str] = field(default_factory=_empty)
    # what it stands on
    bound: bool = False
    surveyed: bool = False  # initial observations, derived values and items are there
    read_tries: int = 0  # reads of bindings or of the survey that gave nothing
    read_problem: str = ""
    read_problem_at: str = ""
    refusal: str = ""  # a binding says that the inputs stand for nothing, or for something else
    bindings: Mapping[str, Any] = field(default_factory=_empty)
    initial: Mapping[str, Any] = field(default_factory=_empty)
    derived: Mapping[str, Any] = field(default_factory=_empty)
    items: Mapping[str, tuple[Any, ...]] = field(default_factory=_empty)
    resources: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    stood_in_line: int = 0  # waits for a hold since anybody last said something
    facts: Mapping[str, Any] = field(default_factory=_empty)  # name -> {value, at, seq, source}
    conditions: Mapping[str, Condition] = field(default_factory=_empty)
    read_since: int = 0  # what was read up to this seq is stale: something was claimed, sent or decided since
    tries_since: int = 0  # tries of preconditions count from behind this seq
    conflicts: tuple[Conflict, ...] = ()
    # what it did
    direction: Direction = Direction.FORWARD
    turned_reason: str = ""
    operations: tuple[Operation, ...] = ()
    left_slots: Mapping[tuple[str, int | None], str] = field(
        default_factory=_empty
    )  # slots given up before any send -> reason
    checks: Mapping[str, Mapping[str, CheckState]] = field(
        default_factory=_empty
    )  # scope -> check id -> state
    last_write_at: str | None = None
    denial: Denial | None = None
    denied_resends: int = 0
    reconciled_applied: int = 0
    key_replays: int = 0
    # what humans said
    cancel: str | None = None
    cancel_by: str = ""
    cancel_who: Mapping[str, str] = field(default_factory=_empty)  # as in Decision
    paused: bool = False
    signals: int = 0  # folded so far
    escalations: tuple[Escalation, ...] = ()
    confirmations: Mapping[str, Confirmation] = field(default_factory=_empty)
    granted: int = 0  # retry_once grants so far
    grant_open: bool = False  # a granted send has not been made yet
    # budgets
    spent_ms: int = 0  # time that counts against the deadline, up to ``last_at``
    model_calls: int = 0
    model_tokens: int = 0
    rereads: int = 0
    rejudged: Mapping[str, Any] = field(
        default_factory=_empty
    )  # the newest judgement: {fork, taken, until, seq, reason}
    # where it is
    waiting: Waiting | None = None
    connector_paused_until: str | None = None
    closed: str | None = None
    reason: str = ""
    closed_body: Mapping[str, Any] = field(default_factory=_empty)
    ended_at: str | None = None
    attempts: tuple[tuple[str, str, int, str], ...] = ()  # (resource, op, attempt, at) of every intent
    outbox: tuple[Mapping[str, Any], ...] = ()

    @property
    def live(self) -> bool:
        """Admitted or on the way there, and not ended."""
        return self.closed is None

    @property
    def escalation(self) -> Escalation | None:
        """The newest escalation, decided or not."""
        return self.escalations[-1] if self.escalations else None

    @property
    def open_escalation(self) -> Escalation | None:
        """The escalation that waits for a decision, if one does."""
        newest = self.escalation
        return newest if newest is not None and newest.decision is None else None

    @property
    def decided(self) -> bool:
        """A human has decided in this run."""
        return any(e.decision is not None for e in self.escalations)

    def operation(self, op: str) -> Operation:
        """The operation of that id; KeyError."""
        for operation in self.operations:
            if operation.id == op:
                return operation
        raise KeyError(op)

    @property
    def forward(self) -> tuple[Operation, ...]:
        """Operations of steps, in order."""
        return tuple(o for o in self.operations if o.undoes is None)

    @property
    def compensations(self) -> tuple[Operation, ...]:
        """Operations that undo one, in order."""
        return tuple(o for o in self.operations if o.undoes is not None)

    def of_slot(self, step: str, item: int | None) -> tuple[Operation, ...]:
        """Forward operations for one step and item, in order."""
        return tuple(o for o in self.forward if o.slot == (step, item))

    @property
    def effects(self) -> tuple[Operation, ...]:
        """Forward operations whose effect is there or may be there."""
        return tuple(o for o in self.forward if o.attempts and o.has_effect)

    def writes_used(self) -> int:
        """Forward attempts that draw on ``limits.writes``."""
        return sum(a.counts for o in self.forward for a in o.attempts)
