"""What do ``initial``, ``derive`` and ``for_each`` mean for this run? Looked up once, before any write."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.facts import fact, shown
from agents.reads import Reads
from agents.verdicts import Survey
from agents.wanted import initial_names
from policies.runbook import Bound, Runbook
from policies.scope import Scope
from policies.value_spec import bound_fault


def survey(runbook: Runbook, reads: Reads, scope: Scope) -> Survey:
    """Read what ``initial`` names, compute what is derived, and list the items of the steps."""
    initial: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name in initial_names(runbook):
        reading = reads.name(name, scope)
        if reading.value is None:
            return Survey(problem=f"{name} could not be read: {reading.problem}")
        initial[name] = reading.value
        facts[name] = fact(reading.value, reading.source)
    scope = replace(scope, initial=initial)
    derived: dict[str, Any] = dict(scope.derived)
    for name, derive in runbook.derive.items():
        if name in derived:
            continue
        found = reads.compute(derive.expr, replace(scope, derived=derived))
        if not found.known:
            return Survey(problem=f"derive.{name} is not known: {found.reason}")
        if derive.bound is not None and (outside := _outside(found.value, derive.bound)) is not None:
            return Survey(refusal=f"derive.{name} is outside its bound: {outside}")
        derived[name] = found.value
    return _with_items(runbook, reads, replace(scope, derived=derived), facts)


def _with_items(runbook: Runbook, reads: Reads, scope: Scope, facts: Mapping[str, Any]) -> Survey:
    items: dict[str, tuple[Any, ...]] = {}
    for step in runbook.steps:
        if step.for_each is None:
            continue
        found = reads.compute(step.for_each.of, scope)
        if not found.known:
            return Survey(problem=f"the items of step {step.id} are not known: {found.reason}")
        if not isinstance(found.value, list):
            return Survey(refusal=f"the items of step {step.id} are not a list")
        count, each = len(found.value), step.for_each
        if count < each.min:
            return Survey(problem=f"step {step.id} has {count} items, where at least {each.min} are meant")
        if count > each.max:
            return Survey(refusal=f"step {step.id} has {count} items, more than the {each.max} it may have")
        items[step.id] = tuple(found.value)
    return Survey(initial=scope.initial, derived=scope.derived, items=items, facts=facts)


def _outside(value: Any, bound: Bound) -> str | None:
    """Why the first value that lies outside ``bound`` does, None where all lie inside."""
    for one in value if isinstance(value, list) else [value]:
        fault = bound_fault(bound, one)
        if fault is not None:
            return f"{shown(one, 80)} {fault.message}"
    return None
