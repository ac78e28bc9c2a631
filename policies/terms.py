"""What records and packets need of a runbook, as the values that ``state`` knows."""

from policies.runbook import Runbook
from policies.step import NoRollback, Step
from state.terms import StepTerms, Terms


def terms_of(runbook: Runbook) -> Terms:
    """The terms of ``runbook``."""
    return Terms(
        title=runbook.title,
        owner=runbook.owner,
        steps=tuple(_step(runbook, step) for step in runbook.steps),
        writes=runbook.limits.writes,
        retry_grants=runbook.escalation.grants.retry_once,
        model_calls=runbook.limits.model.calls,
        questions=runbook.escalation.questions,
        diagnose=tuple(d.id for d in runbook.diagnose),
        otherwise={p.id: p.otherwise for p in runbook.preconditions},
    )


def _step(runbook: Runbook, step: Step) -> StepTerms:
    undo = runbook.rollback(step.id)
    return StepTerms(
        id=step.id,
        tool=step.tool,
        budget=step.retry.budget,
        undo_budget=undo.retry.budget if undo else 0,
        reversible=undo is not None,
        why_not=step.rollback.why
        if isinstance(step.rollback, NoRollback)
        else ""
        if undo
        else "no rollback is declared",
    )
