"""What a request would do: the run itself, on a ledger that keeps nothing, stopped before its first write.

It is not a second opinion: the same graph, the same guards and the same reads decide. What lies behind the
first write cannot be simulated, and is said.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from policies.admission import Admitted, Rejected
from policies.durations import text as duration
from policies.lint import worst_case
from policies.runbook import Runbook, SeverityBy
from remit.intake.requests import Proposed
from state import bodies, instants
from state.entry import Entry, Kind
from state.errors import ResourceHeldError
from state.fold import fold
from state.holder import Holder, extend
from state.ledger.port import Append, Ledger, RunInfo
from state.projection import row_of
from state.task import Clock, Task
from state.wording import count_text

if TYPE_CHECKING:
    from remit.bootstrap import App

PLAN: Final = "PLAN"
WAIT_AT_MOST_S: Final = 60.0


class _WouldSendError(Exception):
    """A write passed every guard and was about to become an intent."""


class _Scratch:
    """The desk's ledger for reading, and a chain of its own that is thrown away."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._payloads = ledger, dict[str, str]()
        self.entries: list[Entry] = []
        self.intent: Entry | None = None

    def __getattr__(self, name: str) -> Any:
        if name in (
            "create",
            "claim",
            "post",
            "stop",
            "start",
            "append_desk",
            "erase",
            "release",
            "delivered",
        ):
            raise AssertionError(f"a plan does not {name}")
        return getattr(self._ledger, name)

    def read(self, run: str, *, after: int = 0) -> list[Entry]:
        """Entries of the planned run, or of another."""
        return (
            [e for e in self.entries if e.seq > after] if run == PLAN else self._ledger.read(run, after=after)
        )

    def info(self, run: str) -> RunInfo:
        """The planned run as a row, or another."""
        if run != PLAN:
            return self._ledger.info(run)
        task = fold(self.entries, PLAN)
        return RunInfo(run=PLAN, head=task.head, epoch=task.epoch, worker="plan", row=row_of(task))

    def signals(self, run: str) -> list[Any]:
        """Nobody says anything to a plan."""
        return [] if run == PLAN else self._ledger.signals(run)

    def payload(self, digest: str) -> str | None:
        """The text behind a digest."""
        return self._payloads.get(digest) or self._ledger.payload(digest)

    def append(self, append: Append) -> Any:
        """Keep the entries here; stop at an intent, and where somebody else holds what is to be held."""
        found = next((e for e in append.entries if e.kind is Kind.INTENT), None)
        if found is not None:
            self.intent = found
            raise _WouldSendError
        for resource in append.row.holds:
            holder = self._ledger.holder(resource)
            if holder is not None:
                raise ResourceHeldError(resource, holder)
        self.entries.extend(append.entries)
        self._payloads.update({p.digest: p.text for p in append.payloads})
        return append.entries[-1]


class _OwnLease:
    """A plan sends nothing, so nobody can take over from it."""

    def still_mine(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen. ``outcome``: rejected, joins, would_send, denied, escalates, waits, completes, ends.

    ``code`` and, where a guard has refused, ``guard`` say why, as the entries of the run would.
    """

    outcome: str
    code: str
    message: str
    guard: str = ""
    runbook: Runbook | None = None
    target: str = ""
    mode: str = ""
    deciders: Sequence[str] = ()
    task: Task | None = None
    call: dict[str, Any] | None = None
    not_simulated: Sequence[str] = field(default=())

    @property
    def allowed(self) -> bool:
        """Nothing stands against it, as far as it can be seen."""
        return self.outcome in ("would_send", "joins", "completes", "waits")

    def as_json(self) -> dict[str, Any]:
        """Everything as data."""
        worst = worst_case(self.runbook) if self.runbook else None
        conditions = self.task.conditions if self.task else {}
        return {
            "outcome": self.outcome,
            "code": self.code,
            "guard": self.guard,
            "message": self.message,
            "runbook": self.runbook.ref if self.runbook else None,
            "target": self.target,
            "resources": list(self.task.resources) if self.task else [],
            "preconditions": {
                name: {"verdict": c.verdict, "observed": c.observed} for name, c in conditions.items()
            },
            "first_write": self.call,
            "worst_case": {"writes": worst.writes, "undo": worst.reserve, "time_ms": worst.time_ms}
            if worst
            else None,
            "not_simulated": list(self.not_simulated),
        }

    @property
    def lines(self) -> list[str]:
        """Everything for a terminal, what decides last."""
        if self.runbook is None:
            return [*self._open, self._verdict]
        on = f" on {self.target}" if self.target else ""
        lines = [f"{self.runbook.ref}{on}: {self.runbook.title}"]
        if self.task is not None:
            lines += [f"  resource       {r}" for r in self.task.resources]
            lines += [
                f"  precondition   {name}: {c.verdict} ({c.observed})"
                for name, c in self.task.conditions.items()
            ]
        return [
            *lines,
            *_steps(self.runbook),
            *_limits(self.runbook),
            *self._people,
            *self._open,
            self._verdict,
        ]

    @property
    def _people(self) -> list[str]:
        assert self.runbook is not None  # noqa: S101 - lines() asked
        told = ", then ".join(
            f"{level.to} for {duration(level.within_ms)}" for level in self.runbook.escalation.levels
        )
        asked = "each write is confirmed by" if self.mode == "confirm" else "a stop is decided by"
        return [f"  if it stops    {told}", f"  humans         {asked} {' or '.join(self.deciders)}"]

    @property
    def _open(self) -> list[str]:
        return [f"  not simulated  {what}" for what in self.not_simulated]

    @property
    def _verdict(self) -> str:
        says = {
            "rejected": "would be REJECTED",
            "joins": "would JOIN a run that is there",
            "would_send": "ALLOWED: the guards let the first write through",
            "denied": f"would be DENIED by guard {self.guard}",
            "escalates": "would STOP for a human",
            "waits": "would WAIT",
            "completes": "would complete without a write",
            "ends": "would end without a write",
        }[self.outcome]
        code = f" [{self.code}]" if self.code else ""
        return f"{says}{': ' if self.message else ''}{self.message}{code}"


def plan_of(
    app: "App", proposed: Proposed, verdict: Admitted | Rejected, *, joins: str | None = None
) -> Plan:
    """Carry the request out as far as it can be without a write, and keep nothing of it.

    ``joins``: the run for the same need, which would carry the request.
    """
    policy = proposed.policy
    about: dict[str, Any] = {}
    if policy is not None:
        about = {
            "runbook": policy.runbook,
            "mode": policy.delegation.mode,
            "deciders": policy.delegation.decide,
        }
    if joins is not None:
        message = f"run {joins} is for the same need: see remit runs show {joins}"
        return Plan(outcome="joins", code="", message=message, not_simulated=_NOTHING_TRIED, **about)
    if isinstance(verdict, Rejected):
        return Plan(
            outcome="rejected", code=verdict.code, message=verdict.message, not_simulated=_NOTHING_TRIED,
            **about,
        )  # fmt: skip
    scratch = _Scratch(app.ledger)
    task = _carried(app, scratch, proposed, verdict)
    met = _outcome(scratch, task)
    call, message = None, met.message
    if scratch.intent is not None:
        body = scratch.intent.body
        call = {name: body[name] for name in ("op", "tool", "resource", "arguments")}
        message = f"{body['op']}: {body['tool']} on {body['resource']}"
    return Plan(
        outcome=met.outcome, code=met.code, guard=met.guard, message=message, target=verdict.terms["target"],
        task=task, call=call, not_simulated=_not_simulated(app, about["runbook"], met.outcome), **about,
    )  # fmt: skip


def _carried(app: "App", scratch: _Scratch, proposed: Proposed, verdict: Admitted) -> Task:
    from agents.models.factory import model_from
    from graph.runner import run_graph

    holder = _holder(app, scratch, proposed, verdict)
    own: Any = replace(app, ledger=scratch, model=model_from("rules", {}))
    session = own.session(holder, _OwnLease(), time.sleep)
    until = time.monotonic() + WAIT_AT_MOST_S
    try:
        while True:
            task = run_graph(session)
            waits = task.waiting
            if (
                task.closed is not None
                or waits is None
                or waits.until is None
                or waits.reason == "confirmation"
            ):
                return task
            pause_s = max(0.0, instants.seconds_between(app.ledger.now(), waits.until))
            if waits.reason not in ("check", "backoff", "read_lag") or time.monotonic() + pause_s > until:
                return task
            time.sleep(pause_s)
    except _WouldSendError:
        return holder.task


def _holder(app: "App", scratch: _Scratch, proposed: Proposed, verdict: Admitted) -> Holder:
    request, at = proposed.request, app.ledger.now()
    drafts = (
        bodies.requested(
            actor=request.asker.name, source=request.source, ref=request.ref, delivery=None, text=None,
            criteria=list(request.criteria), **request.asker.said,
        ),
        bodies.admitted(actor=request.asker.name, **verdict.terms),
        bodies.claimed(
            worker="plan", boot_id="plan", pid_ns="plan", pid=0, start_time=0, uid=0, lock_file="",
            clock=Clock(boot_id="plan", ms=0), predecessor=None, proven=(),
        ),
    )  # fmt: skip
    task, entries = extend(Task(run=PLAN), drafts[:2], at=at, epoch=0, code="plan")
    scratch.entries.extend(entries)
    task, entries = extend(task, drafts[2:], at=at, epoch=1, code="plan")
    scratch.entries.extend(entries)
    ledger: Any = scratch
    return Holder(ledger=ledger, task=task, worker="plan", code="plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """What the planned run met first."""

    outcome: str
    code: str = ""
    message: str = ""
    guard: str = ""


def _outcome(scratch: _Scratch, task: Task) -> _Met:
    denied = next((e.body for e in scratch.entries if e.kind is Kind.DENIED), None)
    if scratch.intent is not None and denied is None:
        return _Met(outcome="would_send")
    if denied is not None:
        return _Met(outcome="denied", code=denied["code"], message=denied["message"], guard=denied["guard"])
    if task.open_escalation is not None:
        return _Met(outcome="escalates", code=task.open_escalation.reason, message=task.open_escalation.code)
    if task.closed == "completed":
        return _Met(outcome="completes")
    if task.closed is not None:
        return _Met(outcome="ends", code=task.reason, message=str(task.closed))
    waits = task.waiting
    return _Met(outcome="waits", code=waits.reason, message=waits.detail) if waits else _Met(outcome="waits")


def _steps(runbook: Runbook) -> list[str]:
    lines = []
    for step in worst_case(runbook).steps:
        undo = f"; undone by {step.undo_tool}" if step.undo_tool else "; cannot be undone"
        each = f", each of at most {count_text(step.operations, 'item')}" if step.operations > 1 else ""
        sends = count_text(step.forward, "send")
        lines.append(f"  step           {step.step}: {step.tool}, at most {sends}{each}{undo}")
    return lines


def _limits(runbook: Runbook) -> list[str]:
    worst, limits = worst_case(runbook), runbook.limits
    undo = f", {worst.reserve} more to undo" if worst.reserve else ""
    severity = runbook.escalation.severity
    by = f"by {severity.by}" if isinstance(severity, SeverityBy) else severity
    writes = count_text(min(worst.writes, limits.writes), "write")
    most = f"{writes}{undo}, {duration(limits.deadline_ms)}"
    return [f"  worst case     {most}, {count_text(limits.model.calls, 'model call')}; severity {by}"]


_NOTHING_TRIED: Final = ("all of it: no guard was asked, and no target was read",)
_FIRST: Final = {
    "would_send": "what the writes do ({steps}), and every guard's verdict behind the first of them",
    "waits": "what comes behind the wait: facts are read anew, and only then each guard is asked ({steps})",
}
_HUMAN: Final = "what a human decides then, and all that follows from it ({steps})"


def _not_simulated(app: "App", runbook: Runbook, outcome: str) -> list[str]:
    """What the plan has not tried, by where it came to its end."""
    judged = []
    if app.model.consults:
        judged = [f"what the model {app.model.model_id} says at a fork: the rules alone decided here"]
    if outcome in ("completes", "ends"):
        return judged
    steps = ", ".join(step.id for step in runbook.steps)
    checks = ", ".join(check.id for check in runbook.completion)
    return [
        _FIRST.get(outcome, _HUMAN).format(steps=steps),
        f"the checks at the end ({checks}), and the hold: another run may take the resource first",
        *judged,
    ]
