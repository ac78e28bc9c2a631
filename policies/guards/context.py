"""What the guards are told, and what they answer: closed values, nothing that can act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from policies.approval import Principals
from policies.call import Call
from policies.contract import ToolContract
from policies.in_force import Policy
from policies.moment import Moment
from policies.move import Due
from policies.plan import Plan, WritePlan
from policies.situation import Situation
from policies.step import Rollback, Step
from state.task import Operation, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRef:
    """Which attempt of which operation a write is. ``granted``: a human's grant pays for it."""

    op: str
    step: str
    item: int | None
    ordinal: int
    undoes: str | None
    attempt: int
    granted: bool = False

    @classmethod
    def of(cls, due: Due) -> Self:
        """The write that a move sends."""
        return cls(
            op=due.op, step=due.step, item=due.item, ordinal=due.ordinal, undoes=due.undoes,
            attempt=due.attempt, granted=due.granted,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)  # no slots: it keeps the answers that several guards ask for
class GuardContext:
    """Everything that a guard may look at besides the call. What is None is missing, and then it refuses.

    ``task``: the run behind the holder's last append, ``epoch`` the holder's claim. ``contract``: of the tool
    as this process has it. ``pinned``: the policy that the run was admitted under; ``present``: the one in
    force now for the same runbook and version; ``people``: the principals in force now. ``plan``: compiled
    from ``pinned``. ``op``: which operation the write belongs to. ``reads``: the observations read just
    before a first send (``attempt.x``), which the intent keeps. ``template``: for a read, what its arguments
    are written as in the runbook, and ``values`` the names that it sees. ``desk_seq``: where chain ``desk``
    ended when ``present`` and ``people`` were read, for the ledger; no guard asks.
    """

    task: Task
    epoch: int
    moment: Moment
    contract: ToolContract | None = None
    pinned: Policy | None = None
    present: Policy | None = None
    people: Principals | None = None
    plan: Plan | None = None
    op: OperationRef | None = None
    reads: Mapping[str, Any] = field(default_factory=dict)
    template: Mapping[str, Any] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    desk_seq: int | None = None

    # What the guards share. Each raises where something is missing, and an exception is a denial.
    def operation(self) -> OperationRef:
        """The operation of the write; LookupError where none is named."""
        if self.op is None:
            raise LookupError("no operation is named")
        return self.op

    def policy(self) -> Policy:
        """The pinned policy; LookupError."""
        if self.pinned is None:
            raise LookupError("the pinned policy is not known")
        return self.pinned

    def promise(self) -> ToolContract:
        """The contract of the tool; LookupError."""
        if self.contract is None:
            raise LookupError("the tool is not known")
        return self.contract

    def compiled(self) -> Plan:
        """The plan; LookupError."""
        if self.plan is None:
            raise LookupError("there is no plan")
        return self.plan

    @cached_property
    def situation(self) -> Situation:
        """The run under its plan, as the decision table asks about it; LookupError."""
        return Situation(task=self.task, plan=self.compiled(), moment=self.moment)

    def source(self) -> Step | Rollback:
        """The part of the pinned runbook that the write is written in; KeyError where there is none."""
        op = self.operation()
        if op.undoes is None:
            return self.policy().runbook.step(op.step)
        undo = self.policy().runbook.rollback(op.step)
        if undo is None:
            raise KeyError(f"step {op.step} has no undo")
        return undo

    def write_plan(self) -> WritePlan:
        """The plan of the write; KeyError."""
        return self.compiled().write_of(self.operation().step, self.operation().undoes)

    def known_operation(self) -> Operation | None:
        """The operation as the run knows it; None before its first intent."""
        wanted = self.operation().op
        return next((o for o in self.task.operations if o.id == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A guard says no: a stable code of ``policies.reasons``, and a sentence without secrets."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Every guard let the call pass; exactly what has this digest may be sent."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A guard refused, and nothing may be sent.

    ``passes``: it stands in the way only for a while (stop switch, pause, window, hold, confirmation), so the
    run waits; everything else ends in an entry and with a human. ``digest`` is empty for a call that cannot
    be frozen.
    """

    code: str
    guard: str
    message: str
    digest: str = ""
    passes: bool = False


Verdict = Allowed | Denied
Check = Callable[[Call, GuardContext], Refusal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One row of the law: a name, the question, every code it can answer, those that pass by themselves."""

    name: str
    check: Check
    codes: tuple[str, ...]
    passing: frozenset[str] = frozenset()
