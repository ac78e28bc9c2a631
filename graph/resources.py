"""Which resources a run is about: those of every write that its runbook can send, as far as known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.contract import ToolContract
from policies.errors import TemplateError
from policies.runbook import Runbook, Step
from policies.scope import Scope
from policies.step import Rollback
from policies.templates import parse, render, render_resource
from state.task import EMPTY, Task


def resources_of(
    runbook: Runbook,
    contracts: Mapping[str, ToolContract],
    task: Task,
    *,
    bindings: Mapping[str, Any] = EMPTY,
    items: Mapping[str, Sequence[Any]] = EMPTY,
    derived: Mapping[str, Any] = EMPTY,
) -> list[str]:
    """The resources of all steps and of what undoes them, in order, each once.

    ``bindings``, ``items`` and ``derived`` come on top of what ``task`` knows. A write whose resource rests
    on something that is not known yet is left out; it is asked for again when it is.
    """
    scope = Scope.of(task).with_observed({})  # bindings as they are pinned
    scope = replace(scope, bindings={**scope.bindings, **bindings}, derived={**scope.derived, **derived})
    found: dict[str, None] = {}
    for step in runbook.steps:
        for place in _places(step, scope, {**task.items, **items}):
            for write in (step, runbook.rollback(step.id)):
                name = _resource(write, contracts, place) if write is not None else None
                if name:
                    found[name] = None
    return list(found)


def _places(step: Step, scope: Scope, items: Mapping[str, Sequence[Any]]) -> Iterator[Scope]:
    if step.for_each is None:
        yield scope
        return
    if step.id not in items:
        yield scope
    for item in items.get(step.id, ()):
        yield scope.with_local(item=item)


def _resource(write: Step | Rollback, contracts: Mapping[str, ToolContract], scope: Scope) -> str | None:
    template = contracts[write.tool].resource
    if template is None:
        return None
    values = scope.values()
    try:
        given = {
            name.parts[0]: _argument(write.arguments[name.parts[0]], values)
            for name in parse(template).names()
        }
        return render_resource(template, given)
    except (TemplateError, KeyError):
        return None


def _argument(value: Any, values: Mapping[str, Any]) -> Any:
    return render(value, values) if isinstance(value, str) else value
