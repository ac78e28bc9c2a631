"""When two scenes are the same: all that a rule or a law can still ask, with times as what is left of them.

Sequence numbers, digests, ids and texts are left out. Of what is settled for good (a confirmed, left or
replaced operation with nothing in flight) only what later rules and laws ask of it is kept: where it was,
how its effect is known, and in which order it stands. So the steps of a runbook meet in few scenes, and
their number grows with the steps, not with the product of what may happen in each.
"""

from collections.abc import Hashable
from typing import Any, Final

from policies import flight
from policies.moment import Moment
from policies.proof.case import Case
from policies.proof.scene import Scene, clock_on
from policies.situation import Situation
from state.instants import seconds_between
from state.outcome import Outcome
from state.task import Attempt, CheckState, Operation, Status, Task

_FOREVER_MS: Final = 10**8


class Names:
    """Numbers in the place of parts, so that a name is short however much it says."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def short(self, part: Hashable) -> int:
        """The number of ``part``: equal parts have equal numbers."""
        return self._known.setdefault(part, len(self._known))


def key_of(scene: Scene, case: Case, names: Names) -> tuple[int, ...]:
    """The name of everything that may still come of ``scene``."""
    moment = scene.moment
    s = Situation(task=scene.task, plan=case.plan, moment=moment)
    settled = {o.id for o in scene.task.operations if _settled(o, s, scene)}
    short = names.short
    return (
        short(_run(s, case)),
        *(short(_operation(o, scene, case, s, settled)) for o in scene.task.operations),
        -1,
        short(_looks(s, case, settled)),
        short(_world(scene, settled)),
        short((scene.left, scene.hosts[-1], scene.posted, scene.stopped, scene.withdrawn, scene.crowded)),
    )


def _settled(operation: Operation, s: Situation, scene: Scene) -> bool:
    """Nothing of it is in flight, and no rule looks at more of it than its place and its effect."""
    if operation.settled is None or any(a.undecided for a in operation.attempts):
        return False
    if any(r.op == operation.id for r in scene.world.requests):
        return False
    newest = s.operations(s.slot_of(operation))[-1]
    return operation.status is not Status.OPEN or newest.id != operation.id


def _run(s: Situation, case: Case) -> tuple[Any, ...]:
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
        None if newest is None else (newest.reason, newest.step, newest.row),
        None if decision is None else (decision.choice, decision.carried_out),
        s.longest_lag_left_ms(),
        task.decided,
        task.denial.op if task.denial else None, task.waiting.reason if task.waiting else None,
        tuple(c.acknowledged for c in task.conflicts if not c.acknowledged), bool(task.conflicts),
        tuple((c.op, c.answer, _left(c.expires_at, moment)) for c in task.confirmations.values()),
        _left(task.connector_paused_until, moment),
        min(moment.spent_ms(task), task.deadline_ms + 1) if bounded else s.deadline_passed(),
        sum(a.counts and not a.granted for o in task.forward for a in o.attempts) if case.writes_bind else 0,
        tuple(sorted(moment.attempts_on.items())),
        (known["taken"], known["row"], known["seq"] == task.head.seq, _left(known["until"], moment))
        if known else None,
        min(task.rereads, case.rereads),
    )  # fmt: skip


def _left(at: str | None, moment: Moment) -> int:
    return max(0, -moment.ms_since(at)) if at else 0


def _since(at: str | None, moment: Moment, enough: int) -> int:
    return min(moment.ms_since(at), enough) if at else -1


def _operation(
    operation: Operation, scene: Scene, case: Case, s: Situation, settled: set[str]
) -> tuple[Any, ...]:
    undone = None if operation.undoes is None else _index(s.task, operation.undoes)
    place = (operation.step, operation.item, undone)
    if operation.id in settled:
        return (*place, operation.known, operation.status, operation.settled is Outcome.SUCCEEDED)
    write, moment = case.plan.write_of(operation.step, operation.undoes), scene.moment
    first = operation.attempts[0]
    until = write.key_until_ms()
    return (
        *place, operation.settled, operation.known, operation.observed, operation.status,
        operation.judged, operation.ordinal,
        operation.word, operation.probes, operation.probe_verdict,
        _since(operation.probed_at, moment, write.probe_every_ms),
        s.operation_lag_left_ms(operation),
        s.backoff_left_ms(operation, s.slot_of(operation)),
        s.step_used(s.slot_of(operation)),
        0 if until is None else _since(first.at, moment, until),
        first.facts["version"] - scene.world.version(case.resource(operation.slot)), first.facts["shown"],
        tuple(_attempt(a, scene, s) for a in operation.attempts),
    )  # fmt: skip


def _index(task: Task, op: str) -> int:
    return next(index for index, o in enumerate(task.operations) if o.id == op)


def _attempt(attempt: Attempt, scene: Scene, s: Situation) -> tuple[Any, ...]:
    outcome = Outcome.NOT_APPLIED if attempt.outcome is Outcome.NOT_SENT else attempt.outcome
    settled = (
        outcome,
        attempt.condition_failed,
        attempt.follows_unknown,
        attempt.counts or attempt.seq <= s.decided_seq,
        attempt.granted,
    )
    if not attempt.undecided:
        return (*settled, attempt.grounded)
    task, moment = scene.task, scene.moment
    spans = tuple(
        flight.quarantine_left_ms(task, attempt, Moment(at=moment.at, clock=clock_on(host, scene.now)))
        for host in scene.left.hosts
    )
    return (
        *settled, attempt.counts, attempt.returned is not None, attempt.epoch in task.proven_dead,
        scene.hosts[attempt.epoch - 1], attempt.epoch, spans,
        flight.attest_left_ms(task, attempt, moment) if attempt.epoch in task.attested else -1,
    )  # fmt: skip


def _looks(s: Situation, case: Case, settled: set[str]) -> tuple[Any, ...]:
    task, moment = s.task, s.moment
    return (
        tuple(
            (scope, name, *_check(state, s))
            for scope, states in sorted(task.checks.items())
            if scope not in settled
            for name, state in sorted(states.items())
        ),
        tuple(
            (
                name, c.verdict, c.tries if c.verdict != "pass" else 0, c.seq > task.tries_since,
                c.seq > task.read_since, _since(c.at, moment, 1_000) if c.verdict != "pass" else 0,
            )
            for name, c in sorted(task.conditions.items())
        ) if case.plan.preconditions else (),
    )  # fmt: skip


def _check(state: CheckState, s: Situation) -> tuple[Any, ...]:
    current = state.seq > s.newest_claim
    return (
        state.verdict, current, _since(state.last_at, s.moment, 1_000), _between(state.since, state.last_at),
        _between(state.passing_since, state.last_at),
    )  # fmt: skip


def _between(earlier: str | None, later: str) -> int:
    return 0 if earlier is None else min(round(1000 * seconds_between(earlier, later)), _FOREVER_MS)


def _world(scene: Scene, settled: set[str]) -> tuple[Any, ...]:
    world, now = scene.world, scene.now
    flying = tuple(
        sorted((r.op, r.condition - world.version(r.resource), r.paused, r.epoch if r.until is None else 0,
        -1 if r.until is None else r.until - now)
               for r in world.requests)
    )  # fmt: skip
    return (
        world.cells,
        tuple((op, times) for op, times in world.landed if op not in settled or times > 1),
        frozenset(op.rpartition("/")[0] for op, _ in world.landed),
        flying,
        tuple((s.op, s.cells, s.landed, s.shown, s.until - now) for s in world.stale),
        tuple((op, min(until - now, _FOREVER_MS)) for op, until in world.keys if op not in settled),
        world.woken,
        world.shown,
        scene.sending is not None and scene.sending.op,
    )
