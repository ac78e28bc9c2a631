"""When two scenes are the same: everything that a rule can still ask, with times as distances from now.

Sequence numbers, digests, ids and texts are left out; of a time only what is left of its span counts.
"""

from typing import Any

from evals.explorer.plans import Case
from evals.explorer.scene import Scene, clock_on
from policies import flight
from policies.moment import Moment
from state.task import Attempt, CheckState, Condition, Operation, Task

_FOREVER_MS = 10**8


def key_of(scene: Scene, case: Case) -> tuple[Any, ...]:
    """The name of everything that may still come of ``scene``."""
    return (
        _run(scene.task, case, scene.moment),
        tuple(_operation(o, scene, case) for o in scene.task.operations),
        _looks(scene.task, scene.moment),
        _world(scene),
        scene.left,
        scene.hosts[-1],
        scene.posted,
        scene.stopped,
        scene.withdrawn,
    )


def _run(task: Task, case: Case, moment: Moment) -> tuple[Any, ...]:
    newest = task.escalation
    decision = newest.decision if newest else None
    deadline = case.plan.deadline_ms
    lag = max(s.write.read_lag_ms for s in case.plan.steps)
    return (
        task.unsound, task.closed, task.bound, task.surveyed, task.holds, task.read_tries, task.direction,
        tuple(sorted(task.left_slots, key=str)), task.cancel is not None, task.paused, task.granted,
        task.grant_open,
        task.idle_claims if case.limits.poison else 0,
        None if newest is None else (newest.reason, newest.step, newest.row),
        None if decision is None else (decision.choice, decision.carried_out),
        _since(decision.at, moment, lag) if decision else -1,
        task.decided,
        task.denial.op if task.denial else None, task.waiting.reason if task.waiting else None,
        any(not c.acknowledged for c in task.conflicts),
        tuple((c.op, c.answer, _left(c.expires_at, moment)) for c in task.confirmations.values()),
        _left(task.connector_paused_until, moment),
        min(moment.spent_ms(task), deadline + 1) if deadline < _FOREVER_MS else 0,
    )  # fmt: skip


def _left(at: str | None, moment: Moment) -> int:
    return max(0, -moment.ms_since(at)) if at else 0


def _since(at: str | None, moment: Moment, enough: int) -> int:
    return min(moment.ms_since(at), enough) if at else -1


def _operation(operation: Operation, scene: Scene, case: Case) -> tuple[Any, ...]:
    write, moment = case.plan.write_of(operation.step, operation.undoes), scene.moment
    first = operation.attempts[0]
    return (
        operation.id, operation.settled, operation.known, operation.observed, operation.status,
        operation.judged,
        operation.word, operation.probes, operation.probe_verdict,
        _since(operation.probed_at, moment, write.probe_every_ms),
        _since(operation.accepted_at, moment, write.read_lag_ms),
        _since(operation.last.at, moment, write.backoff.max_ms),
        _since(first.at, moment, write.key_until_ms() or 0),
        first.facts["version"],
        tuple(_attempt(a, scene) for a in operation.attempts),
    )  # fmt: skip


def _attempt(attempt: Attempt, scene: Scene) -> tuple[Any, ...]:
    settled = (
        attempt.outcome,
        attempt.condition_failed,
        attempt.follows_unknown,
        attempt.counts,
        attempt.granted,
    )
    if not attempt.undecided:
        return (*settled, attempt.grounded)
    task, moment = scene.task, scene.moment
    spans = tuple(
        flight.quarantine_left_ms(task, attempt, Moment(at=scene.at, clock=clock_on(host, scene.now)))
        for host in scene.left.hosts
    )
    return (
        *settled, attempt.returned is not None, attempt.epoch in task.proven_dead,
        scene.hosts[attempt.epoch - 1], spans,
        flight.attest_left_ms(task, attempt, moment) if attempt.epoch in task.attested else -1,
    )  # fmt: skip


def _looks(task: Task, moment: Moment) -> tuple[Any, ...]:
    newest = task.claims[-1].seq if task.claims else 0
    return (
        tuple(
            (scope, name, *_check(state, moment, newest))
            for scope, states in sorted(task.checks.items())
            for name, state in sorted(states.items())
        ),
        tuple((name, *_condition(c, task, moment)) for name, c in sorted(task.conditions.items())),
    )


def _check(state: CheckState, moment: Moment, newest: int) -> tuple[Any, ...]:
    return (state.verdict, state.seq > newest, _since(state.last_at, moment, 1_000))


def _condition(condition: Condition, task: Task, moment: Moment) -> tuple[Any, ...]:
    return (
        condition.verdict, condition.tries, condition.seq > task.tries_since, condition.seq > task.read_since,
        _since(condition.at, moment, 1_000),
    )  # fmt: skip


def _world(scene: Scene) -> tuple[Any, ...]:
    world, now = scene.world, scene.now
    flying = tuple(
        sorted((r.op, r.condition, r.paused, r.epoch if r.until is None else 0,
        -1 if r.until is None else r.until - now)
               for r in world.requests)
    )  # fmt: skip
    return (
        world.cells,
        world.landed,
        flying,
        tuple((s.step, s.cell, s.op, s.until - now) for s in world.stale),
        tuple((op, min(until - now, _FOREVER_MS)) for op, until in world.keys),
        world.woken,
        scene.sending is not None and (scene.sending.op, scene.sending.condition),
    )
