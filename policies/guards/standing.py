"""Whether the run may write at this moment: live and ours, nothing open, nothing that holds writes back."""

from functools import lru_cache

from policies import flight
from policies.approval import document
from policies.call import Call
from policies.guards.context import GuardContext, Refusal
from state import canonical
from state.outcome import Outcome
from state.task import Direction


def pinned(call: Call, context: GuardContext) -> Refusal | None:
    """The policy at hand is the one that the run was admitted under, digest by digest."""
    del call
    task, policy = context.task, context.policy()
    if not task.pins:
        return Refusal(code="run_not_admitted", message="the run was never admitted")
    if dict(task.pins) != policy.pins:
        return Refusal(code="pins_differ", message="the policy at hand is not the one of the admission")
    if _contracts_digest(tuple(policy.contracts.items())) != policy.bundle.parts["contracts"]:
        return Refusal(code="pins_differ", message="the contracts at hand are not those of the admission")
    if (policy.runbook.id, policy.runbook.version) != (task.runbook, task.version):
        return Refusal(code="pins_differ", message="the runbook at hand is not the one of the admission")
    return None


@lru_cache(maxsize=64)
def _contracts_digest(contracts: tuple[tuple[str, str], ...]) -> str:
    return canonical.digest_text(document(dict(contracts)))


def live(call: Call, context: GuardContext) -> Refusal | None:
    """The run is sound and has not ended, no human is asked, and it goes the way that the write goes."""
    del call
    task, forward = context.task, context.operation().undoes is None
    if task.unsound:
        return Refusal(code="run_unsound", message="the run's entries do not add up")
    if task.closed is not None:
        return Refusal(code="run_ended", message=f"the run has ended: {task.closed}")
    if task.open_escalation is not None:
        return Refusal(code="escalation_open", message="a human has been asked and has not decided")
    if task.direction is Direction.COMPLETING:
        return Refusal(code="nothing_to_write", message="the run only looks whether it is complete")
    if forward and task.cancel is not None:
        return Refusal(code="cancel_wanted", message="the run is to be cancelled")
    return None


def resolved(call: Call, context: GuardContext) -> Refusal | None:
    """Nothing may still land, but for a send that the target settles; nothing refused is repeated."""
    del call
    situation = context.situation
    ours, known = context.operation(), context.known_operation()
    for operation in situation.all_unresolved:
        if operation.id != ours.op:
            return Refusal(code="unresolved", message=f"it is not known what became of {operation.id}")
    if known is None:
        return None
    if known.settled is Outcome.REFUSED and not ours.granted:
        return Refusal(code="refused_before", message=f"the target has refused {known.id} for good")
    if known not in situation.all_unresolved:
        return None
    if (
        not flight.own_outcome_open(known)
        or known.conflicted
        or known.word is not None
        or not flight.settles_doubles(context.task, known, situation.write_of(known), context.moment)
    ):
        return Refusal(
            code="resend_unsafe",
            message=f"{known.id} may have been applied, and the target settles no second send",
        )
    return None


def held(call: Call, context: GuardContext) -> Refusal | None:
    """The run holds the resource."""
    if call.resource not in context.task.holds:
        return Refusal(code="resource_not_held", message=f"the run does not hold {call.resource}")
    return None


def not_stopped(call: Call, context: GuardContext) -> Refusal | None:
    """No stop switch covers the run. The intent's insert asks again, in its transaction."""
    del call
    if context.moment.stops:
        return Refusal(code="stopped", message=f"stopped: {', '.join(context.moment.stops)}")
    return None


def not_paused(call: Call, context: GuardContext) -> Refusal | None:
    """Nobody has paused the run, and its connector is not paused after a 401 or 403."""
    del call
    if context.task.paused:
        return Refusal(code="paused", message="the run is paused")
    if left := context.situation.connector_left_ms():
        return Refusal(code="connector_paused", message=f"the connector is paused for {left} ms more")
    return None


def epoch(call: Call, context: GuardContext) -> Refusal | None:
    """The holder's claim is the run's newest."""
    del call
    if context.epoch < 1 or context.epoch != context.task.epoch:
        return Refusal(
            code="epoch_old", message=f"claim {context.epoch} is not the present {context.task.epoch}"
        )
    return None
