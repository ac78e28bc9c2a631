"""Everything that one run needs while this worker holds it: who appends, who looks, what is allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.executor import Executor
from agents.verifier import Verifier
from graph.surroundings import Surroundings
from policies.approval import Principals
from policies.contract import ToolContract
from policies.guards import GuardContext, OperationRef
from policies.in_force import Policy
from policies.moment import Moment
from policies.move import Move
from policies.moves import next_move
from policies.plan import Plan
from policies.runbook import Runbook
from policies.scope import Scope
from state.entry import DESK, Draft
from state.holder import Holder
from state.ledger.port import Ledger, Payload
from state.task import EMPTY, Clock, Task
from tools.gateway import Gateway
from tools.scrub import Scrubber

# A wait that is not longer than this stays in the claim; a longer one gives the worker back.
STAYS_MS = 3_000


def _nothing(what: object) -> None:
    del what


@dataclass(kw_only=True)
class Session:
    """One run under one claim. Nothing in it outlives the claim; whatever is worth keeping is an entry.

    ``present``: the policy in force now for the run's runbook and version (None: withdrawn). ``sealed``:
    turns free text into a payload, of which the chain keeps the digest alone. ``said``: what a human said,
    fit to be stored. ``sleep`` takes seconds.
    """

    holder: Holder
    ledger: Ledger
    policy: Policy
    plan: Plan
    contracts: Mapping[str, ToolContract]
    gateway: Gateway
    verifier: Verifier
    executor: Executor
    surroundings: Surroundings
    present: Callable[[], Policy | None]
    people: Callable[[], Principals | None]
    sealed: Callable[[str], Payload]
    clock: Callable[[], Clock]
    sleep: Callable[[float], None]
    said: Callable[[Mapping[str, Any]], dict[str, Any]] = Scrubber(tuple).said
    safe_point: Callable[[Task], None] = _nothing  # raises where the worker was told to leave
    pauses: Callable[[str], None] = _nothing  # production does nothing at the named points
    without_tools: str = ""  # why its tools cannot be made here: nothing is looked at then, and nothing sent
    compared: bool = False  # the bindings were read again under this claim
    looked: Moment | None = None

    @property
    def task(self) -> Task:
        """The run as it is now."""
        return self.holder.task

    @property
    def runbook(self) -> Runbook:
        """The runbook that the run was admitted under."""
        return self.policy.runbook

    @property
    def severity(self) -> str:
        """How urgent a stop of this run is."""
        return self.runbook.escalation.severity_for(dict(self.task.inputs))

    def moment(self) -> Moment:
        """One look at what surrounds the run."""
        self.looked = self.surroundings.look(self.task, at=self.holder.now(), clock=self.clock())
        return self.looked

    def later(self) -> Moment:
        """What the last look showed, at the present time: good for what the ledger asks again by itself."""
        if self.looked is None:
            return self.moment()
        return replace(self.looked, at=self.holder.now(), clock=self.clock())

    def rules_move(self) -> Move:
        """The move that the decision table makes next."""
        return next_move(self.task, self.plan, self.moment())

    def note(self, *drafts: Draft) -> Task:
        """Say what was seen; it is stored with the next append, and seen again if that never comes."""
        return self.holder.note(*drafts)

    def append(self, *drafts: Draft, payloads: tuple[Payload, ...] = (), folds: tuple[str, ...] = ()) -> Task:
        """Append to the run's chain, durably."""
        return self.holder.append(*drafts, payloads=payloads, folds=folds)

    def scope(self) -> Scope:
        """What expressions see outside any operation."""
        return Scope.of(self.task, history=self.surroundings.history(self.task))

    def scope_due(self, step: str, item: int | None, undoes: str | None) -> Scope:
        """What an operation sees before its first send."""
        return Scope.due(self.task, step, item, undoes=undoes, history=self.surroundings.history(self.task))

    def scope_of(self, op: str) -> Scope:
        """What an operation sees once it has been sent."""
        operation = self.task.operation(op)
        return Scope.of_operation(self.task, operation, history=self.surroundings.history(self.task))

    def guard_context(
        self, tool: str, *, op: OperationRef | None = None, reads: Mapping[str, object] = EMPTY
    ) -> GuardContext:
        """What the guards are told of a call of ``tool``."""
        # before what is in force is read: then what the ledger asks again cannot be newer than that
        desk_seq = self.ledger.length(DESK) if op is not None else None
        return GuardContext(
            task=self.task,
            epoch=self.holder.epoch,
            moment=self.later(),
            contract=self.contracts.get(tool),
            pinned=self.policy,
            present=self.present(),
            people=self.people(),
            plan=self.plan,
            op=op,
            reads=reads,
            desk_seq=desk_seq,
        )

    def credential(self, tool: str, role: str) -> str:
        """The name of the secret that a role uses for a tool; ``none`` where there is none."""
        return self.contracts[tool].credentials.get(role, "none") if tool in self.contracts else "none"
