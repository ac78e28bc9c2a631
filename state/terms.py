"""What records, traces and packets need to know of a runbook: its steps, its budgets, and who answers for it.

The room of policies compiles this from the approved runbook; nothing here decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from state.task import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTerms:
    """One step. ``budget`` and ``undo_budget``: sends after the first, per item and per compensation.

    ``reversible``: it declares a write that undoes it; else ``why_not`` says why not.
    """

    id: str
    tool: str
    budget: int
    undo_budget: int = 0
    reversible: bool = False
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The runbook's part of a record or packet. ``diagnose``: ids of the reads that a responder may repeat.

    ``retry_grants``: how many sends responders may grant; ``model_calls``: how many calls a run may make.
    """

    title: str = ""
    owner: str = ""
    steps: tuple[StepTerms, ...] = ()
    writes: int = 0
    retry_grants: int = 0
    model_calls: int = 0
    questions: tuple[str, ...] = ()
    diagnose: tuple[str, ...] = ()
    otherwise: Mapping[str, str] = field(default_factory=dict)  # precondition -> what follows when it fails

    def step(self, step: str) -> StepTerms | None:
        """The step of that id; None where the runbook has none."""
        return next((s for s in self.steps if s.id == step), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What of one budget is used: sends after the first, of all operations in one place."""

    used: int
    budget: int


def place_of(operation: Operation) -> str:
    """Where an operation draws its budget: ``stop``, ``add[0]``, ``undo:stop/1``."""
    if operation.undoes is not None:
        return f"undo:{operation.undoes}"
    return operation.step if operation.item is None else f"{operation.step}[{operation.item}]"


def retries_of(operations: tuple[Operation, ...], terms: Terms) -> dict[str, Used]:
    """The retry ledger: every step, item and compensation with what it used of its budget.

    Sends that draw on no budget (paid by a human's grant, stopped by the switch) are not in it.
    """
    sends: dict[str, int] = {}
    budgets: dict[str, int] = {s.id: s.budget for s in terms.steps}
    for operation in operations:
        place, step = place_of(operation), terms.step(operation.step)
        if step is not None:
            budgets[place] = step.budget if operation.undoes is None else step.undo_budget
        counted = sum(a.counts and not a.granted for a in operation.attempts)
        sends[place] = sends.get(place, 0) + counted
    itemised = {o.step for o in operations if o.item is not None and o.undoes is None}
    return {
        place: Used(used=max(0, sends.get(place, 0) - 1), budget=budget)
        for place, budget in budgets.items()
        if place not in itemised
    }
