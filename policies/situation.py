"""The words of the decision table, each a question about one task at one moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Final

from policies import flight
from policies.checks import CheckView, view_all
from policies.moment import CLOCK_SLACK_MS, Moment
from policies.plan import CheckPlan, Plan, StepPlan, WritePlan
from state.fold.operations import CONNECTOR_PAUSE_S
from state.instants import parse, seconds_between
from state.outcome import Known, Outcome
from state.task import Clock, Direction, Operation, Status, Task

LEAVES_MS: Final = 5_000  # a wait that leaves the claim: the next claim is a mark on the host's own clock
DEFINITE = (Outcome.NOT_APPLIED, Outcome.NOT_SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place for operations: a step, one item of it, and what is undone there (None: forward)."""

    step: StepPlan
    item: int | None
    undoes: str | None

    @property
    def write(self) -> WritePlan:
        """The write of this slot."""
        if self.undoes is None:
            return self.step.write
        assert self.step.undo is not None  # noqa: S101 only what can be undone is given such a slot
        return self.step.undo

    def op_id(self, ordinal: int) -> str:
        """The id of an operation in this slot."""
        if self.undoes is not None:
            return f"undo:{self.undoes}/{ordinal}"
        item = "" if self.item is None else f"[{self.item}]"
        return f"{self.step.id}{item}/{ordinal}"


@dataclass(frozen=True, kw_only=True)  # no slots: it keeps the answers that many rows ask for
class Situation:
    """A task under its plan, at a moment."""

    task: Task
    plan: Plan
    moment: Moment

    @property
    def rolling_back(self) -> bool:
        """The run undoes what it did."""
        return self.task.direction is Direction.ROLLING_BACK

    @property
    def newest_claim(self) -> int:
        """The seq of the newest claim: what was read before it, a former holder read."""
        return self.task.claims[-1].seq if self.task.claims else 0

    # slots and operations
    def forward_slots(self) -> Iterator[Slot]:
        """Every step and item, in order; none of a step whose items are not known yet."""
        return (Slot(step=step, item=item, undoes=None) for step, item in self._places())

    def _places(self) -> Iterator[tuple[StepPlan, int | None]]:
        for step in self.plan.steps:
            if not step.each:
                yield step, None
                continue
            for item in range(len(self.task.items.get(step.id, ()))):
                yield step, item

    def undo_slots(self) -> Iterator[Slot]:
        """What can be compensated, the newest effect first."""
        for operation in reversed(self.task.effects):
            if self.can_be_undone(operation):
                yield Slot(
                    step=self.plan.steps_by_id[operation.step], item=operation.item, undoes=operation.id
                )

    def operations(self, slot: Slot) -> tuple[Operation, ...]:
        """The operations in a slot, in order."""
        undoes, step, item = slot.undoes, slot.step.id, slot.item
        if undoes is not None:
            return tuple(o for o in self.task.operations if o.undoes == undoes)
        return tuple(
            o for o in self.task.operations if o.item == item and o.step == step and o.undoes is None
        )

    def slot_of(self, operation: Operation) -> Slot:
        """The slot that an operation stands in."""
        step = self.plan.steps_by_id[operation.step]
        return Slot(step=step, item=operation.item, undoes=operation.undoes)

    def write_of(self, operation: Operation) -> WritePlan:
        """The write that an operation makes."""
        return self.plan.write_of(operation.step, operation.undoes)

    def open_slot(self) -> Slot | None:
        """The first slot of the present direction that is not finished."""
        return self._open_slot

    @cached_property
    def _open_slot(self) -> Slot | None:
        if self.task.direction is Direction.COMPLETING:
            return None
        if self.rolling_back:
            return next(
                (slot for slot in self.undo_slots() if not self._finished(self.operations(slot))), None
            )
        # Asked at every move of every place there is: the newest operation of a place stands last.
        newest = {(o.step, o.item): o.status for o in self.task.operations if o.undoes is None}
        done = {place for place, status in newest.items() if status is not Status.OPEN}
        done.update(self.task.left_slots)
        for step in self.plan.steps:
            items = range(len(self.task.items.get(step.id, ()))) if step.each else (None,)
            for item in items:
                if (step.id, item) not in done:
                    return Slot(step=step, item=item, undoes=None)
        return None

    @staticmethod
    def _finished(operations: Sequence[Operation]) -> bool:
        """Whether the newest operation of a place is finished."""
        return bool(operations) and operations[-1].status is not Status.OPEN

    def open_operation(self) -> Operation | None:
        """The last operation of the present direction, unless it is finished."""
        slot = self.open_slot()
        operations = self.operations(slot) if slot is not None else ()
        return operations[-1] if operations else None

    def unresolved(self) -> Operation | None:
        """The first operation, of either direction, of which something may still land or be found out."""
        return self.all_unresolved[0] if self.all_unresolved else None

    @cached_property
    def all_unresolved(self) -> tuple[Operation, ...]:
        """Every such operation, in order."""
        task, moment = self.task, self.moment
        return tuple(o for o in task.operations if not o.rests and flight.unresolved(task, o, moment))

    # effects
    def can_be_undone(self, operation: Operation) -> bool:
        """The step has an undo, and the effect is known, or undoing nothing does no harm."""
        undo = self.plan.steps_by_id[operation.step].undo
        return undo is not None and (operation.known is Known.CONFIRMED or undo.sets_state)

    def all_undoable(self) -> bool:
        """Every effect there is (or may be) can be undone."""
        return all(self.can_be_undone(o) for o in self.task.effects)

    # budgets
    def step_used(self, slot: Slot) -> int:
        """Sends of the slot after the first, of all its operations; granted ones and uncounted ones not."""
        sends = sum(a.counts and not a.granted for o in self.operations(slot) for a in o.attempts)
        return max(0, sends - 1)

    def unpaid_in_a_row(self, operation: Operation) -> int:
        """The newest sends of an operation that drew on no budget, since a human last decided."""
        sends = [a for a in operation.attempts if a.seq > self.decided_seq]
        return sum(1 for _ in takewhile(lambda a: not a.counts, reversed(sends)))

    def step_left(self, slot: Slot) -> bool:
        """The slot's own budget has a send left."""
        return self.step_used(slot) < slot.write.budget

    def writes_left(self) -> bool:
        """``limits.writes`` has a forward write left, or a human has granted one."""
        unpaid = sum(a.counts and not a.granted for o in self.task.forward for a in o.attempts)
        return self.task.grant_open or unpaid + 1 <= self.plan.writes

    def resource_spent(self) -> str | None:
        """A resource of the run on which the sends of all runs are used up."""
        if self.plan.attempts_max is None:
            return None
        ceiling = self.plan.attempts_max + self.task.granted
        return next((r for r in self.task.resources if self.moment.attempts_on.get(r, 0) >= ceiling), None)

    def deadline_passed(self) -> bool:
        """The time for forward work is over."""
        return self.moment.spent_ms(self.task) > self.task.deadline_ms

    # time
    def lag_left_ms(
        self, since: str | None, write: WritePlan, *, seq: int, returned: Clock | None = None
    ) -> int:
        """Milliseconds until a read may be trusted to show what was accepted at ``since``, by entry ``seq``.

        Where ``since`` lies ahead of now, the database's clock was set back: then it counts what this host's
        own clock has seen pass since, from ``returned`` or from the first claim here behind it.
        """
        if not since or not write.read_lag_ms:
            return 0
        passed_ms = self.moment.ms_since(since)
        if passed_ms >= -CLOCK_SLACK_MS:
            return max(0, write.read_lag_ms - passed_ms)
        here = self.moment.clock
        marks = [*(c.clock for c in self.task.claims if c.seq > seq), *([returned] if returned else ())]
        seen = [here.ms - mark.ms for mark in marks if mark.boot_id == here.boot_id]
        return max(0, write.read_lag_ms - max(seen)) if seen else max(write.read_lag_ms, LEAVES_MS)

    def _own_lag_left_ms(self, operation: Operation, since: str | None) -> int:
        last, write = operation.last, self.write_of(operation)
        answered = last.outcome_seq or last.seq
        probed = operation.probe_seq > answered  # then a look has accepted it, later than its call came back
        return self.lag_left_ms(
            since, write, seq=max(answered, operation.probe_seq), returned=None if probed else last.returned
        )

    def _by_hand_lag_left_ms(self, write: WritePlan) -> int:
        return self.lag_left_ms(self.decided_at, write, seq=self.decided_seq)

    def operation_lag_left_ms(self, operation: Operation) -> int:
        """Milliseconds until a read may be trusted to show an operation, and what a human did about it."""
        by_hand = self._by_hand_lag_left_ms(self.write_of(operation))
        return max(self._own_lag_left_ms(operation, operation.accepted_at), by_hand)

    def longest_lag_left_ms(self) -> int:
        """Milliseconds until every write of the run, and what a human did, may be trusted to show."""
        lags = [self._own_lag_left_ms(o, o.accepted_at or o.last.at) for o in self.task.operations]
        by_hand = [self._by_hand_lag_left_ms(w) for s in self.plan.steps for w in (s.write, s.undo) if w]
        return max((*lags, *by_hand), default=0)

    @property
    def decided_at(self) -> str | None:
        """When the newest decision came in: a human's own work counts as a write until then."""
        decisions = [e.decision for e in self.task.escalations if e.decision is not None]
        return decisions[-1].at if decisions else None

    @property
    def decided_seq(self) -> int:
        """The seq of the newest decision; 0 without one."""
        decisions = [e.decision for e in self.task.escalations if e.decision is not None]
        return decisions[-1].seq if decisions else 0

    def backoff_left_ms(self, operation: Operation, slot: Slot) -> int:
        """Milliseconds of the backoff before the next send in this slot."""
        wait = slot.write.backoff_ms(f"{self.task.run}/{operation.id}", max(1, self.step_used(slot) + 1))
        return self._rest_of(wait, self.moment.ms_since(operation.last.at))

    @staticmethod
    def _rest_of(wait_ms: int, since_ms: int) -> int:
        """What is left of a wait; nothing where it began ahead of now: the database's clock was set back."""
        return 0 if since_ms < -CLOCK_SLACK_MS else max(0, wait_ms - max(0, since_ms))

    def connector_left_ms(self) -> int:
        """Milliseconds for which the connector stays paused after a 401 or 403."""
        until = self.task.connector_paused_until
        left = round(1000 * seconds_between(self.moment.at, until)) if until else 0
        return 0 if left > 1000 * CONNECTOR_PAUSE_S + CLOCK_SLACK_MS else max(0, left)

    def desk_fault(self) -> str:
        """What the newest send that drew on no budget met: a missing credential, a 401; empty without one."""
        unpaid = [
            a for o in self.task.operations for a in o.attempts if a.outcome is not None and not a.counts
        ]
        newest = max(unpaid, key=lambda a: a.seq, default=None)
        return "" if newest is None else f"{newest.code} {newest.detail}".strip()

    def ms_until(self, at: str) -> int:
        """Milliseconds from now to ``at``; 0 when it has passed."""
        return max(0, round(1000 * (parse(at) - parse(self.moment.at)).total_seconds()))

    # checks
    def standing(self, scope: str, checks: tuple[CheckPlan, ...]) -> CheckView:
        """Where the checks of a scope stand, by rounds of the present holder."""
        return view_all(checks, self.task.checks.get(scope, {}), self.moment, newer_than=self.newest_claim)

    def completion_checks(self) -> tuple[CheckPlan, ...]:
        """The completion's checks, without those of an optional step that was left."""
        left = {step for step, _ in self.task.left_slots} | {
            o.step for o in self.task.forward if o.status is Status.LEFT
        }
        return tuple(c for c in self.plan.completion if c.of_step not in left)

    def rollback_checks(self) -> tuple[CheckPlan, ...]:
        """Every compensation's checks, under names that tell them apart."""
        return tuple(
            replace_id(c, f"{o.id}:{c.id}") for o in self.task.compensations for c in self.write_of(o).checks
        )

    @property
    def something_left(self) -> bool:
        """An optional step was given up."""
        return bool(self.task.left_slots) or any(o.status is Status.LEFT for o in self.task.operations)


def replace_id(check: CheckPlan, name: str) -> CheckPlan:
    """The same check under another name."""
    return CheckPlan(id=name, within_ms=check.within_ms, every_ms=check.every_ms, hold_ms=check.hold_ms)
