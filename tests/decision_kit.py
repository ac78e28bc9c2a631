"""What the core's tests share: a run that is told what happened, entry by entry, through the real fold."""

from collections.abc import Mapping, Sequence
from typing import Any

from evals.explorer.plans import plan, step, write
from policies import flight
from policies.contract import DedupeKind
from policies.decisions import Proposal, Refusal, basis, judge
from policies.moment import Moment
from policies.move import Move
from policies.moves import next_move
from policies.plan import Plan
from policies.situation import Situation
from state import bodies, instants
from state.entry import Draft, Entry, Role
from state.holder import extend
from state.outcome import Outcome
from state.task import Clock, Task

BEGAN = "2026-01-01T00:00:00.000000Z"
UPTIME_MS = {"A": 1_000_000, "B": 7_000_000}
ONCALL = frozenset({"oncall"})

STATE = write(DedupeKind.READ_BACK, sets_state=True, after=frozenset({"not_applied", "unverified"}))
READ_BACK = write(DedupeKind.READ_BACK)
NATIVE = write(DedupeKind.NATIVE_KEY, window_ms=86_400_000)
NATURAL = write(DedupeKind.NATURAL_KEY)
CONDITIONAL = write(DedupeKind.CONDITIONAL_WRITE)
BLIND = write(DedupeKind.NONE)
UNDO = write(DedupeKind.READ_BACK, sets_state=True)
ONE = plan(step("a", STATE))
UNDOABLE = plan(step("a", STATE, UNDO))


class Run:
    """One run. Each method appends what its name says, at the time that ``now`` (milliseconds) stands at."""

    def __init__(self, plan_: Plan = ONE, *, mode: str = "delegated", ready: bool = True) -> None:
        self.plan, self.now, self.host, self.task = plan_, 0, "A", Task(run="R")
        self.entries: list[Entry] = []
        self.append(
            bodies.requested(actor="alice", source="cli", by="alice", os_user="alice", ref="",
            delivery=None, text=None),
            bodies.interpreted(actor="alice", runbook="explored", version=1, inputs={}, by="direct"),
            bodies.admitted(
                actor="alice", runbook="explored", version=1, title="", inputs={}, target="t", mode=mode,
                solo=True,
                pins={"runbook": "sha256:0"}, once_key=None, once_span_ms=None, delivery=None,
                deadline_ms=plan_.deadline_ms, severity="low", requester="alice", source="cli",
            ),
        )  # fmt: skip
        self.claim()
        if ready:
            self.ready()

    # looking

    @property
    def at(self) -> str:
        return instants.after(BEGAN, self.now / 1000)

    @property
    def clock(self) -> Clock:
        return Clock(boot_id=self.host, ms=UPTIME_MS[self.host] + self.now)

    def moment(self, **changes: Any) -> Moment:
        return Moment(**{"at": self.at, "clock": self.clock, **changes})

    def move(self, **moment: Any) -> Move:
        return next_move(self.task, self.plan, self.moment(**moment))

    def situation(self) -> Situation:
        return Situation(task=self.task, plan=self.plan, moment=self.moment())

    def later(self, ms: int) -> "Run":
        self.now += ms
        return self

    # writing

    def append(self, *drafts: Draft) -> "Run":
        self.task, entries = extend(self.task, drafts, at=self.at, epoch=self.task.epoch, code="t")
        self.entries += entries
        assert not self.task.unsound, self.task.unsound
        return self

    def claim(self, host: str = "A", *, proven: Sequence[int] = ()) -> "Run":
        self.host = host
        epoch = self.task.epoch + 1
        draft = bodies.claimed(
            worker=f"{host}{epoch}", boot_id=host, pid_ns=host, pid=epoch, start_time=1, uid=1, lock_file="l",
            clock=self.clock, predecessor=None, proven=proven,
        )  # fmt: skip
        self.task, entries = extend(self.task, (draft,), at=self.at, epoch=epoch, code="t")
        self.entries += entries
        return self

    def ready(self) -> "Run":
        return self.append(
            bodies.hydrated(actor="w", bindings={"x": {}}, facts={}, resources=["r"]),
            bodies.hydrated(actor="w", holds=["r"]),
            bodies.hydrated(actor="w", initial={}, derived={}, items={}, facts={}),
        )

    def intent(
        self, op: str = "a/1", *, undoes: str | None = None, granted: bool = False, item: int | None = None
    ) -> "Run":
        known = next((o for o in self.task.operations if o.id == op), None)
        name, _, ordinal = op.rpartition("/")
        step_id = (undoes or name).partition("/")[0].partition("[")[0]
        write = self.plan.write_of(step_id, undoes)
        return self.append(bodies.intent(
            actor="w", credential="none", op=op, step=step_id, item=item, ordinal=int(ordinal), undoes=undoes,
            attempt=len(known.attempts) + 1 if known else 1, tool="sim", resource="r", arguments={},
            key=f"R/{op}",
            digest="d", send_by=instants.after(self.at, 2), span_ms=write.span_ms, facts={},
            granted=granted, child=write.child,
        ))  # fmt: skip

    def outcome(self, outcome: Outcome, op: str = "a/1", **changes: Any) -> "Run":
        attempt = len(self.task.operation(op).attempts)
        body = {
            "code": "", "detail": "", "result": None, "condition_failed": False, "pauses": False,
            "counts": True,
            **changes,
        }  # fmt: skip
        return self.append(
            bodies.outcome(
                actor="w",
                credential="none",
                op=op,
                attempt=attempt,
                outcome=outcome,
                returned=self.clock,
                **body,
            )
        )

    def sent(
        self,
        outcome: Outcome,
        op: str = "a/1",
        *,
        undoes: str | None = None,
        granted: bool = False,
        **changes: Any,
    ) -> "Run":
        return self.intent(op, undoes=undoes, granted=granted).outcome(outcome, op, **changes)

    def done(self, op: str = "a/1", *, undoes: str | None = None) -> "Run":
        """Sent, succeeded, its check passed, confirmed."""
        return (
            self.sent(Outcome.SUCCEEDED, op, undoes=undoes).check("pass", op).append(bodies.confirmed(op=op))
        )

    def probe(self, verdict: str, op: str = "a/1") -> "Run":
        operation = self.task.operation(op)
        write_plan = self.plan.write_of(operation.step, operation.undoes)
        settled = flight.settle(self.task, operation, write_plan, verdict, self.moment())
        return self.append(bodies.reconciled(
            actor="w", role=Role.VERIFIER, op=op, by="probe", verdict=verdict,
            settles=settled.settles if operation.settled is None else None, grounded=settled.grounded,
            absorbs=settled.absorbs, observed=verdict, licence=settled.licence, facts={},
        ))  # fmt: skip

    def check(
        self,
        verdict: str,
        scope: str = "a/1",
        *,
        check: str = "there",
        effect: str | None = None,
        absorbs: bool = False,
    ) -> "Run":
        return self.append(bodies.verified(
            actor="w", scope=scope, check=check, expected="", observed="", verdict=verdict, facts={},
            max_gap_ms=6000,
            effect=effect, absorbs=absorbs,
        ))  # fmt: skip

    def condition(self, verdict: str, id_: str = "needed") -> "Run":
        return self.append(
            bodies.checked(actor="w", id=id_, verdict=verdict, expected="", observed="", facts={})
        )

    def conflict(self) -> "Run":
        return self.append(bodies.conflict(actor="w", what="x.id", expected="1", observed="2"))

    def deny(self, op: str = "a/1") -> "Run":
        return self.append(
            bodies.denied(
                actor="w",
                role=Role.EXECUTOR,
                op=op,
                code="target_not_delegated",
                guard="target",
                digest="d",
                message="",
            )
        )

    def turn(self, to: str) -> "Run":
        return self.append(bodies.turned(to=to, reason="asked"))

    def signal(self, kind: str, **body: Any) -> "Run":
        return self.append(
            bodies.signal(id=f"s{len(self.entries)}", kind=kind, by="alice", at=self.at, body=body)
        )

    def cancel(self) -> "Run":
        return self.signal("cancel", reason="not needed")

    def attest(self, *epochs: int) -> "Run":
        return self.signal(
            "attest", epochs=list(epochs), clock={"boot_id": self.clock.boot_id, "ms": self.clock.ms}
        )

    def ask_confirmation(self, op: str = "a/1", *, for_ms: int = 60_000) -> "Run":
        expires = instants.after(self.at, for_ms / 1000)
        return self.append(
            bodies.waiting(
                reason="confirmation",
                until=expires,
                row=20,
                detail=op,
                op=op,
                digest="d",
                summary="",
                expires_at=expires,
            )
        )

    # humans

    def escalate(
        self, reason: str, *, row: int = 0, step_id: str = "", next_level_at: str | None = None
    ) -> "Run":
        return self.append(bodies.escalated(
            id=f"E{len(self.task.escalations) + 1}", reason=reason, code="", row=row, packet="p", basis="b",
            severity="low", step=step_id, next_level_at=next_level_at, notice=None,
        ))  # fmt: skip

    def stopped(self) -> "Run":
        """Escalated, as the rules say."""
        move: Any = self.move()
        assert type(move).__name__ == "Escalate", move
        return self.escalate(move.reason, row=move.row, step_id=move.step)

    def proposal(self, choice: str, words: Mapping[str, str] | None = None, **changes: Any) -> Proposal:
        escalation = self.task.escalation
        values: dict[str, Any] = {
            "escalation": escalation.id if escalation else "E1", "choice": choice, "by": "alice",
            "basis": basis(self.task), "words": words or {}, "evidence": True,
            **changes,
        }  # fmt: skip
        return Proposal(**values)

    def judge(self, proposal: Proposal) -> Refusal | None:
        return judge(self.task, self.plan, self.moment(), proposal, roles=ONCALL, deciders=ONCALL)

    def refusal(self, choice: str, words: Mapping[str, str] | None = None, **changes: Any) -> str | None:
        """The code of the refusal of a decision; None where it is taken."""
        refusal = self.judge(self.proposal(choice, words, **changes))
        return refusal.code if refusal else None

    def decide(self, choice: str, words: Mapping[str, str] | None = None) -> "Run":
        """Taken, as the holder takes it: signal, words, decision."""
        proposal = self.proposal(choice, words)
        assert self.judge(proposal) is None, self.judge(proposal)
        self.signal("decide", choice=choice)
        for op, word in proposal.words.items():
            self.append(bodies.reconciled(
                actor="alice", role=Role.HUMAN, op=op, by="human", verdict=word,
                settles={"applied": Outcome.SUCCEEDED, "not_applied": Outcome.NOT_APPLIED}.get(word),
                grounded=[a.number for a in self.task.operation(op).attempts if a.undecided], observed=word,
                licence="attested", facts={}, evidence="sha256:0",
            ))  # fmt: skip
        return self.append(bodies.decided(
            id=f"D{len(self.entries)}", escalation=proposal.escalation, choice=choice, by="alice",
            basis=proposal.basis,
            words=dict(proposal.words), evidence="sha256:0", reason="",
        ))  # fmt: skip

    def grant(self) -> "Run":
        """The decision is carried out, as the graph does it."""
        escalation = self.task.escalation
        assert escalation is not None
        assert escalation.decision is not None
        choice = escalation.decision.choice
        return self.append(
            bodies.granted(escalation=escalation.id, choice=choice, sends=int(choice == "retry_once"))
        )
