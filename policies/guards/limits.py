"""Whether the write is still within what was granted: window, time, budgets, attempts, confirmation."""

from policies import flight
from policies.call import Call
from policies.contract import ToolContract
from policies.expressions import Truth, compile_expression
from policies.guards.context import GuardContext, Refusal
from state import canonical, instants


def window(call: Call, context: GuardContext) -> Refusal | None:
    """Before the first write the windows are open, those in force now too; after it they are not asked."""
    del call
    if context.task.operations:
        return None
    opens = context.moment.window_opens
    if opens is not None:
        return Refusal(code="window_closed", message=f"closed until {opens}")
    at, values = instants.parse(context.moment.at), {"inputs": dict(context.task.inputs)}
    for closed in context.present.delegation.windows if context.present is not None else ():
        applies = compile_expression(closed.when).truth(values).truth
        if applies is not Truth.FALSE and closed.closed_at(at):
            return Refusal(
                code="window_narrowed", message="a window of the delegation in force now is closed"
            )
    return None


def budgets(call: Call, context: GuardContext) -> Refusal | None:
    """Time, forward writes, and the sends of the step (or compensation) have one left, grants included."""
    del call
    ours, task = context.operation(), context.task
    situation = context.situation
    if ours.undoes is None and situation.deadline_passed():
        return Refusal(code="deadline_over", message="the time for forward work is over")
    if ours.undoes is None and not situation.writes_left():
        return Refusal(code="writes_spent", message="all forward writes of the run are used")
    sends = sum(
        a.counts and not a.granted
        for o in task.operations
        if o.slot == (ours.step, ours.item) and o.undoes == ours.undoes
        for a in o.attempts
    )
    if not ours.granted and sends > context.write_plan().budget:
        return Refusal(code="step_budget_spent", message=f"all sends of {ours.step} are used")
    return None


def rate(call: Call, context: GuardContext) -> Refusal | None:
    """The resource has an attempt left, over all runs; sending again what may have landed is no new one."""
    plan, known = context.compiled(), context.known_operation()
    if plan.attempts_max is None or context.operation().undoes is not None:
        return None
    if known is not None and flight.own_outcome_open(known):
        return None
    made = context.moment.attempts_on.get(call.resource, 0)
    if made >= plan.attempts_max + context.task.granted:
        return Refusal(code="resource_attempts_spent", message=f"{made} attempts on {call.resource} already")
    return None


def confirmation(call: Call, context: GuardContext) -> Refusal | None:
    """In mode ``confirm`` somebody who may decide, and has not asked, has said yes to exactly this write."""
    policies = tuple(p for p in (context.policy(), context.present) if p is not None)
    if context.task.mode != "confirm" and all(p.delegation.mode != "confirm" for p in policies):
        return None
    given = context.task.confirmations.get(context.operation().op)
    if given is None or given.answer != "yes" or given.by is None:
        if context.task.mode != "confirm":
            return Refusal(code="mode_narrowed", message="the delegation now asks for a human per write")
        return Refusal(code="confirmation_missing", message="nobody has confirmed this write")
    if given.digest != confirmation_digest(call, context.promise()):
        return Refusal(code="confirmation_differs", message="what was confirmed is another write")
    roles = context.people.human_roles(given.by) if context.people is not None else frozenset()
    if not all(roles & {*p.delegation.decide} for p in policies):
        return Refusal(code="confirmer_not_allowed", message=f"{given.by} has no role that may confirm")
    asked_by, solo = str(context.task.terms["requester"]), context.task.solo
    if context.people is None or not context.people.may_confirm_for(asked_by, given.by, solo=solo):
        return Refusal(code="own_request", message=f"{given.by} asked for this run; somebody else confirms")
    return None


def confirmation_digest(call: Call, contract: ToolContract) -> str:
    """What a human confirms: the call without the version that its contract names as the condition.

    The target itself refuses where that has moved, and a human should not be asked again because it did.
    """
    shown = {name: value for name, value in call.arguments.items() if name != contract.dedupe.condition}
    return canonical.digest(
        {"tool": call.tool, "arguments": shown, "resource": call.resource, "key": call.key}
    )
