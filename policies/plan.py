"""What the decision core needs of a runbook and its tools' contracts: values only, durations in milliseconds.

The decision table, the settling rules and the explorer read a ``Plan``; none of them sees an expression, an
argument or a file. ``compile_plan`` makes one from the approved runbook and the pinned contracts.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from policies.contract import DedupeKind, ToolContract
from policies.runbook import Check, NoRollback, Precondition, Runbook
from policies.step import Backoff, NoVerify, Rollback, Step

# The sender does not send later than this after its intent; part of every quarantine.
SEND_WINDOW_MS: Final = 2_000
# No send with a key in the last part of its window (DESIGN 4, key window).
KEY_MARGIN_MS: Final = 60_000
DEFAULT_PROBE_TRIES: Final = 3
DEFAULT_PROBE_EVERY_MS: Final = 2_000

ABSORBING: Final = frozenset({DedupeKind.NATIVE_KEY, DedupeKind.NATURAL_KEY, DedupeKind.CONDITIONAL_WRITE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """When one check is asked, and until when. ``within_ms`` 0: one read decides."""

    id: str
    within_ms: int = 0
    every_ms: int = 1000
    hold_ms: int = 0
    of_step: str | None = None

    @property
    def max_gap_ms(self) -> int:
        """A longer gap between two reads ends a row of passes: nobody looked."""
        return max(3 * self.every_ms, self.every_ms + 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan:
    """A step's write, or what undoes it. ``budget``: sends after the first; ``undoable``: it has an undo;
    ``child``: a child process sends it, which may outlive its worker."""

    tool: str
    kind: DedupeKind
    repeatable: bool
    timeout_ms: int
    longest_request_ms: int
    read_lag_ms: int
    window_ms: int | None
    has_probe: bool
    probe_tries: int
    probe_every_ms: int
    checks: tuple[CheckPlan, ...]
    budget: int
    retry_after: frozenset[str]
    undoable: bool = False
    child: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def span_ms(self) -> int:
        """How long an attempt without a definite answer can still surprise a reader: its quarantine."""
        return SEND_WINDOW_MS + self.longest_request_ms + self.read_lag_ms

    @property
    def absorbs(self) -> bool:
        """Once the effect was seen, a late copy of the same write changes nothing at the target, ever.

        Not for a unique name that may be undone: a copy that lands after the undo creates it again.
        """
        return self.kind in ABSORBING and not (self.kind is DedupeKind.NATURAL_KEY and self.undoable)

    @property
    def sets_state(self) -> bool:
        """Doing it again, or doing it for nothing, does no harm."""
        return self.repeatable and self.kind is DedupeKind.READ_BACK

    def key_until_ms(self) -> int | None:
        """Milliseconds after the first intent until which the key may still be sent; None: for ever."""
        if self.kind is not DedupeKind.NATIVE_KEY or self.window_ms is None:
            return None
        return self.window_ms - self.timeout_ms - self.longest_request_ms - KEY_MARGIN_MS

    def backoff_ms(self, key: str, resend: int) -> int:
        """The wait before resend number ``resend`` of write ``key``; full jitter is drawn from the key."""
        ceiling = self.backoff.ceiling_ms(resend)
        if self.backoff.jitter == "none":
            return ceiling
        draw = int.from_bytes(hashlib.sha256(f"{key}#{resend}".encode()).digest()[:4], "big")
        return ceiling * draw // 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One step: its write, how it is undone (None: it cannot be), and what happens when it goes wrong."""

    id: str
    write: WritePlan
    undo: WritePlan | None = None
    undo_why: str = ""
    each: bool = False
    optional: bool = False
    on_refused: str = "escalate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreconditionPlan:
    """One precondition: how often it is read, and what happens when it does not hold."""

    id: str
    otherwise: str = "escalate"
    tries: int = 1
    every_ms: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A runbook, compiled. ``levels_ms``: how long each level of the escalation has."""

    runbook: str
    version: int
    steps: tuple[StepPlan, ...]
    preconditions: tuple[PreconditionPlan, ...] = ()
    completion: tuple[CheckPlan, ...] = ()
    on_exhausted: str = "escalate"
    when_held: str = "wait"
    deadline_ms: int = 900_000
    writes: int = 10
    attempts_max: int | None = None
    attempts_per_ms: int = 3_600_000
    retry_grants: int = 0
    levels_ms: tuple[int, ...] = (600_000,)
    derives: bool = False
    steps_by_id: Mapping[str, StepPlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps_by_id", MappingProxyType({s.id: s for s in self.steps}))

    def write_of(self, step: str, undoes: str | None) -> WritePlan:
        """The write of a step, or the one that undoes it; KeyError where there is none."""
        found = self.steps_by_id[step]
        if undoes is None:
            return found.write
        if found.undo is None:
            raise KeyError(f"step {step} has no undo")
        return found.undo


def compile_plan(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Plan:
    """The plan of ``runbook`` under ``contracts``; KeyError for a tool that has none."""
    attempts = runbook.limits.attempts_on_resource
    return Plan(
        runbook=runbook.id,
        version=runbook.version,
        steps=tuple(_step(runbook, s, contracts) for s in runbook.steps),
        preconditions=tuple(_precondition(p) for p in runbook.preconditions),
        completion=tuple(_check(c) for c in runbook.completion),
        on_exhausted=runbook.on_exhausted,
        when_held=runbook.when_held,
        deadline_ms=runbook.limits.deadline_ms,
        writes=runbook.limits.writes,
        attempts_max=attempts.max if attempts else None,
        attempts_per_ms=attempts.per_ms if attempts else 3_600_000,
        retry_grants=runbook.escalation.grants.retry_once,
        levels_ms=tuple(level.within_ms for level in runbook.escalation.levels),
        derives=bool(runbook.derive),
    )


def _step(runbook: Runbook, step: Step, contracts: Mapping[str, ToolContract]) -> StepPlan:
    undo = runbook.rollback(step.id)
    return StepPlan(
        id=step.id,
        write=_write(contracts[step.tool], step, undoable=undo is not None),
        undo=None if undo is None else _write(contracts[undo.tool], undo, undoable=False),
        undo_why=step.rollback.why if isinstance(step.rollback, NoRollback) else "",
        each=step.for_each is not None,
        optional=step.optional,
        on_refused=step.on_refused,
    )


def _write(contract: ToolContract, source: Step | Rollback, *, undoable: bool) -> WritePlan:
    window_s, probe, verify, retry = contract.dedupe.window_s, source.probe, source.verify, source.retry
    timeout_ms = source.timeout_ms
    return WritePlan(
        tool=contract.name,
        kind=contract.dedupe.kind,
        repeatable=contract.repeatable,
        timeout_ms=timeout_ms if timeout_ms is not None else round(contract.timeout_s * 1000),
        longest_request_ms=round(contract.longest_request_s * 1000),
        read_lag_ms=round(contract.read_lag_s * 1000),
        window_ms=round(window_s * 1000) if window_s is not None else None,
        has_probe=probe is not None,
        probe_tries=probe.tries.max if probe else DEFAULT_PROBE_TRIES,
        probe_every_ms=probe.tries.every_ms if probe else DEFAULT_PROBE_EVERY_MS,
        checks=() if verify is None or isinstance(verify, NoVerify) else tuple(_check(c) for c in verify),
        budget=retry.budget,
        retry_after=frozenset(retry.after),
        undoable=undoable,
        child=contract.child_process,
        backoff=retry.backoff,
    )


def _check(check: Check) -> CheckPlan:
    return CheckPlan(
        id=check.id,
        within_ms=check.within_ms,
        every_ms=check.every_ms,
        hold_ms=check.hold_ms,
        of_step=check.of_step,
    )


def _precondition(precondition: Precondition) -> PreconditionPlan:
    tries = precondition.tries
    return PreconditionPlan(
        id=precondition.id, otherwise=precondition.otherwise, tries=tries.max, every_ms=tries.every_ms
    )
