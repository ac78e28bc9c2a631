"""When two scenes are the same: all that a rule or a law can still ask, with times as what is left of them.

Sequence numbers, digests, ids and texts are left out. Of what is settled for good (a confirmed, left or
replaced operation with nothing in flight) only what later rules and laws ask of it is kept: where it was,
how its effect is known, and in which order it stands. So the steps of a runbook meet in few scenes, and
their number grows with the steps, not with the product of what may happen in each.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from policies import flight
from policies.checks import Standing, view
from policies.moment import Moment
from policies.moves.before_write import MAX_READ_TRIES
from policies.plan import CheckPlan, PreconditionPlan
from policies.proof.case import Case
from policies.proof.crashes import went_on
from policies.proof.scene import Scene, clock_on
from policies.proof.windows import is_behind
from policies.situation import Situation
from state.instants import seconds_between
from state.outcome import Outcome
from state.task import Attempt, CheckState, Direction, Escalation, Operation, Status

_FOREVER_MS: Final = 10**8
_TICK_MS: Final = 1_000


class Names:
    """Numbers in the place of parts, so that a name is short however much it says."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def short(self, part: Hashable) -> int:
        """The number of ``part``: equal parts have equal numbers."""
        return self._known.setdefault(part, len(self._known))


def key_of(scene: Scene, case: Case, names: Names) -> tuple[int, ...]:
    """The name of everything that may still come of ``scene``."""
    s = Situation(task=scene.task, plan=case.plan, moment=scene.moment)
    if (over := _over(s, scene)) is not None:
        return (names.short(over),)
    kept = _Kept.of(s, scene)
    short = names.short
    return (
        short(_run(s, case, kept)),
        *(short(part) for part in dict.fromkeys(kept.parts(case))),
        -1,
        short(_looks(s, scene, case, kept)),
        short(_world(scene, kept)),
        short(
            (
                None if is_behind(s, case) or went_on(scene) else scene.left,
                scene.hosts[-1],
                scene.posted,
                scene.stopped,
                scene.withdrawn,
                scene.crowded,
            )
        ),
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """The operations of which something is still asked, each with a number in the place of its id.

    ``settled``: those of which only the effect is; one without effect that was replaced is not kept.
    """

    s: Situation
    scene: Scene
    operations: tuple[Operation, ...]
    settled: frozenset[str]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, s: Situation, scene: Scene) -> "_Kept":
        """Sort the operations of a run."""
        operations = s.task.operations
        settled = frozenset(o.id for o in operations if _settled(o, s, scene))
        undone = {o.undoes for o in operations}
        gone = {
            o.id
            for o in operations
            if o.id in settled and not o.has_effect and o.status is Status.OPEN and o.id not in undone
        }
        kept = tuple(o for o in operations if o.id not in gone)
        return cls(s, scene, kept, settled, {o.id: index for index, o in enumerate(kept)})

    def parts(self, case: Case) -> Iterator[Hashable]:
        """What is kept of each; equal effects that nothing undoes are one."""
        for operation in self.operations:
            undone = None if operation.undoes is None else self.numbers[operation.undoes]
            if operation.id not in self.settled:
                yield _operation(operation, self, case, undone)
                continue
            undoable = operation.undoes is None and self.s.can_be_undone(operation)
            which = self.numbers[operation.id] if undoable or operation.undoes is not None else None
            yield (
                operation.slot, undone, which, operation.has_effect, undoable, operation.status,
                undoable and self.scene.world.times(operation.id) > 1,
            )  # fmt: skip

    def name(self, op: str) -> Hashable:
        """The number of an operation that is kept; its id else."""
        return self.numbers.get(op, op)


def _over(s: Situation, scene: Scene) -> tuple[Any, ...] | None:
    """What laws still ask of a run that has ended, or that waits for a human who has no word left."""
    task, world, left = s.task, scene.world, scene.left
    if task.unsound:
        return None
    if task.closed is not None:
        given_up = tuple(sorted({o.slot for o in task.forward if o.status is Status.LEFT}, key=str))
        return (
            task.closed, task.reason, task.direction, world.cells, world.landed, world.shown, world.woken,
            tuple((r.op, _behind(r.condition, world.version(r.resource))) for r in world.requests),
            given_up, tuple(sorted(task.left_slots, key=str)), s.unresolved() is not None,
        )  # fmt: skip
    idle = not (left.decisions or left.repairs or left.idle or left.crashes or scene.posted)
    if task.open_escalation is not None and idle and not world.requests and s.unresolved() is None:
        return (task.open_escalation.reason, task.direction, world.cells, world.landed)
    return None


def _settled(operation: Operation, s: Situation, scene: Scene) -> bool:
    """Nothing of it is in flight, and no rule looks at more of it than its place and its effect."""
    if not _decided(operation) or any(r.op == operation.id for r in scene.world.requests):
        return False
    if operation.undoes is None and _never_forward_again(s, scene):
        return True
    newest = s.operations(s.slot_of(operation))[-1]
    return operation.status is not Status.OPEN or newest.id != operation.id


def _never_forward_again(s: Situation, scene: Scene) -> bool:
    """No forward operation is open any more, nor will one be: a decision leads back only without effects."""
    task = s.task
    if task.direction is not Direction.COMPLETING:
        return task.direction is Direction.ROLLING_BACK
    newest = task.escalation
    pending = newest is not None and newest.decision is not None and not _carried_out(newest)
    return not (scene.left.decisions or pending) or any(_decided(o) and o.has_effect for o in task.forward)


def _decided(operation: Operation) -> bool:
    return operation.settled is not None and not any(a.undecided for a in operation.attempts)


def _run(s: Situation, case: Case, kept: _Kept) -> tuple[Any, ...]:
    task, moment, plan = s.task, s.moment, s.plan
    newest = task.escalation
    decision = newest.decision if newest else None
    bounded = plan.deadline_ms < _FOREVER_MS
    known = task.rejudged
    return (
        task.unsound, task.closed, task.bound, task.surveyed, task.holds, task.read_tries, task.direction,
        tuple(sorted(task.left_slots, key=str)), task.cancel is not None, task.paused, task.granted,
        task.grant_open, task.initial.get("shown"),
        task.idle_claims if case.limits.poison else 0,
        None if newest is None or _carried_out(newest) else (newest.reason, newest.step, newest.row),
        None if decision is None else decision.carried_out or decision.choice,
        s.longest_lag_left_ms(),
        task.decided,
        task.turned_reason if s.rolling_back else "",  # it is told at the end
        kept.name(task.denial.op) if task.denial else None, task.waiting.reason if task.waiting else None,
        tuple(c.acknowledged for c in task.conflicts if not c.acknowledged), bool(task.conflicts),
        tuple((kept.name(c.op), c.answer, _left(c.expires_at, moment)) for c in task.confirmations.values()),
        _left(task.connector_paused_until, moment),
        min(moment.spent_ms(task), task.deadline_ms + 1) if bounded else s.deadline_passed(),
        sum(a.counts and not a.granted for o in task.forward for a in o.attempts) if case.writes_bind else 0,
        tuple(sorted(moment.attempts_on.items())),
        (known["taken"], known["row"], known["seq"] == task.head.seq, _left(known["until"], moment))
        if known else None,
        min(task.rereads, case.rereads),
    )  # fmt: skip


def _carried_out(escalation: Escalation) -> bool:
    return escalation.decision is not None and escalation.decision.carried_out


def _left(at: str | None, moment: Moment) -> int:
    return max(0, -moment.ms_since(at)) if at else 0


def _since(at: str | None, moment: Moment, enough: int) -> int:
    return min(moment.ms_since(at), enough) if at else -1


def _operation(operation: Operation, kept: _Kept, case: Case, undone: int | None) -> tuple[Any, ...]:
    s, scene = kept.s, kept.scene
    write, moment = case.plan.write_of(operation.step, operation.undoes), scene.moment
    slot = s.slot_of(operation)
    first, until = operation.attempts[0], write.key_until_ms()
    return (
        operation.slot, undone, _alike(operation.settled), operation.known, operation.status,
        operation.judged,
        operation.word,
        None if _decided(operation) else _probed(operation, moment, write.probe_every_ms),
        s.operation_lag_left_ms(operation),
        s.backoff_left_ms(operation, slot),
        sum(a.counts and not a.granted for o in s.operations(slot) for a in o.attempts),
        0 if until is None else _since(first.at, moment, until),
        _behind(first.facts["version"], scene.world.version(case.resource(operation.slot))),
        first.facts["shown"],
        _answered(operation, s),
        tuple(_undecided(a, scene) for a in operation.attempts if a.undecided),
        scene.world.times(operation.id), operation.id in scene.world.woken,
    )  # fmt: skip


def _behind(condition: int, version: int) -> bool:
    """Whether the version that a write asks for is gone; none ever comes back."""
    return condition != version


def _alike(outcome: Outcome | None) -> Outcome | None:
    """What was not sent was not applied."""
    return Outcome.NOT_APPLIED if outcome is Outcome.NOT_SENT else outcome


def _probed(operation: Operation, moment: Moment, every_ms: int) -> tuple[Any, ...]:
    since = _since(operation.probed_at, moment, every_ms)
    return (operation.observed, operation.probes, operation.probe_verdict, since)


def _answered(operation: Operation, s: Situation) -> tuple[Any, ...]:
    """What the answers so far still mean: the newest, the newest definite one, and what drew on no budget."""
    last = operation.last
    definite = [a.outcome for a in operation.attempts if a.outcome not in (None, Outcome.UNKNOWN)]
    return (
        _alike(last.outcome), _alike(definite[-1]) if definite else None, operation.conflicted,
        last.condition_failed, last.follows_unknown, last.counts, last.granted, last.undecided,
        _unpaid(operation, s),
    )  # fmt: skip


def _unpaid(operation: Operation, s: Situation) -> int:
    """Sends in a row that drew on no budget, up to the one that is under way."""
    answered = [a for a in operation.attempts if a.seq > s.decided_seq and a.outcome is not None]
    return sum(1 for _ in takewhile(lambda a: not a.counts, reversed(answered)))


def _undecided(attempt: Attempt, scene: Scene) -> tuple[Any, ...]:
    task, moment = scene.task, scene.moment
    spans = tuple(
        flight.quarantine_left_ms(task, attempt, Moment(at=moment.at, clock=clock_on(host, scene.now)))
        for host in scene.left.hosts
    )
    return (
        attempt.condition_failed,
        attempt.outcome, attempt.returned is not None, attempt.epoch in task.proven_dead,
        scene.hosts[attempt.epoch - 1], attempt.epoch, spans,
        flight.attest_left_ms(task, attempt, moment) if attempt.epoch in task.attested else -1,
    )  # fmt: skip


def _looks(s: Situation, scene: Scene, case: Case, kept: _Kept) -> tuple[Any, ...]:
    task = s.task
    if task.escalation is not None and not _carried_out(task.escalation):
        return ()  # with the decision all of it is read afresh
    firm = not (scene.left.crashes or scene.left.judged or task.rejudged)  # nothing makes it be read again
    forward = task.direction is Direction.FORWARD
    due = _due_scopes(s) if forward else ""
    scopes = sorted(
        (scope, states)
        for scope, states in task.checks.items()
        if scope not in kept.settled and (not scope.startswith("due:") or (due and scope.startswith(due)))
    )
    return (
        tuple((kept.name(scope), _checks(scope, states, s, case, firm=firm)) for scope, states in scopes),
        tuple(_condition(p, s) for p in s.plan.preconditions) if forward and s.open_slot() else (),
    )


def _due_scopes(s: Situation) -> str:
    """How the scopes begin that are still asked of what is due."""
    slot = s.open_slot()
    return "" if slot is None else f"due:{slot.op_id(0).removesuffix('0')}"


def _condition(precondition: PreconditionPlan, s: Situation) -> tuple[Any, ...] | None:
    task, condition = s.task, s.task.conditions.get(precondition.id)
    if condition is None or condition.seq <= task.tries_since:
        return None  # it is read again from the start
    current = condition.seq > task.read_since
    if condition.verdict == "pass":
        return (True,) if current else None  # a stale one is read again, as one that was never read
    tries, unknown = precondition.tries, condition.verdict == "unknown"
    enough = max(tries, MAX_READ_TRIES)
    counted = min(condition.tries, enough)
    if condition.tries < (enough if unknown else tries):  # it is read again, whatever it said
        return (counted, _since(condition.at, s.moment, _TICK_MS))
    return (counted, condition.verdict if current else "stale", -1)


def _checks(
    scope: str, states: Mapping[str, CheckState], s: Situation, case: Case, *, firm: bool
) -> tuple[Any, ...]:
    """Where the checks of a scope stand; how they came there only while that is open."""
    asked = _asked(scope, s)
    if firm and asked:
        standing = s.standing(scope, asked).standing
        if standing is not Standing.PENDING:
            return (standing,)
    open_ = {c.id for c in asked if _asked_again(c, states.get(c.id), s)}
    return tuple(
        (name, *_check(state, s, case.patience_ms, asked_again=name in open_))
        for name, state in sorted(states.items())
    )


def _asked(scope: str, s: Situation) -> tuple[CheckPlan, ...]:
    if scope == "completion":
        return s.completion_checks()
    if scope == "rollback":
        return s.rollback_checks()
    if scope.startswith("due:"):
        slot = s.open_slot()
        return () if slot is None else slot.step.write.checks
    return s.write_of(s.task.operation(scope)).checks


def _asked_again(check: CheckPlan, state: CheckState | None, s: Situation) -> bool:
    """It did not pass, and will be asked again: what it said does not matter."""
    if state is None or state.verdict == "pass":
        return False
    return view(check, state, s.moment, newer_than=s.newest_claim).standing is Standing.PENDING


def _check(state: CheckState, s: Situation, enough: int, *, asked_again: bool) -> tuple[Any, ...]:
    current = state.seq > s.newest_claim
    return (
        asked_again or state.verdict, current, _since(state.last_at, s.moment, _TICK_MS),
        _between(state.since, state.last_at, enough), _between(state.passing_since, state.last_at, enough),
    )  # fmt: skip


def _between(earlier: str | None, later: str, enough: int) -> int:
    return 0 if earlier is None else min(round(1000 * seconds_between(earlier, later)), enough)


def _world(scene: Scene, kept: _Kept) -> tuple[Any, ...]:
    world, now, name = scene.world, scene.now, kept.name
    flying = sorted(
        (name(r.op), _behind(r.condition, world.version(r.resource)), r.paused,
         r.epoch if r.until is None else 0, -1 if r.until is None else r.until - now)
        for r in world.requests
    )  # fmt: skip
    return (
        world.cells,
        frozenset(op.rpartition("/")[0] for op, _ in world.landed if not op.startswith("undo:")),
        frozenset(op.rpartition("/")[0] for op in world.woken),
        tuple(flying),
        tuple(
            (name(s.op), s.cells, tuple((name(op), n) for op, n in s.landed), s.shown, s.until - now)
            for s in world.stale
        ),
        tuple((name(op), min(until - now, _FOREVER_MS)) for op, until in world.keys if op in kept.numbers),
        world.shown,
        scene.sending is not None,
    )
