"""What do the inputs stand for? Bindings are read, their identity checked, their pinned fields compared."""

from dataclasses import replace
from typing import Any

from agents.facts import fact
from agents.reads import Reads
from agents.verdicts import BindResult, Drift
from policies.expressions import Truth
from policies.runbook import Runbook
from policies.scope import Scope


def bind(runbook: Runbook, reads: Reads, scope: Scope) -> BindResult:
    """Read every binding in the order of the runbook; an earlier one may stand in a later one's arguments.

    With bindings in ``scope`` the run is bound already: then what no longer is there, or has another identity
    or another pinned field, is a conflict and no refusal.
    """
    known = scope.bindings
    bound: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    conflicts: list[Drift] = []
    for name, binding in runbook.bindings.items():
        place = replace(scope, bindings={**known, **bound}, observed={})
        reading = reads.call(binding.tool, binding.arguments, place)
        if reading.value is None and not reading.gone:
            return BindResult(problem=f"{name} could not be read: {reading.problem}")
        refusal = f"there is no such {name}: {reading.problem}" if reading.value is None else ""
        if reading.value is not None:
            found = reads.evaluate(binding.identity, replace(place, bindings={**bound, name: reading.value}))
            if found.truth is Truth.UNKNOWN:
                return BindResult(problem=f"the identity of {name} is not known: {found.reason}")
            if found.truth is Truth.FALSE:
                refusal = f"{name} is not what was asked for: {found.observed}"
            facts[name] = fact(reading.value, reading.source)
        if refusal and name not in known:
            return BindResult(refusal=refusal)
        if refusal:
            conflicts.append(Drift(what=name, expected="as it was bound", observed=refusal))
        elif name in known:
            conflicts += reads.drifts(name, known[name], reading.value or {})
        bound[name] = reading.value if reading.value is not None else known[name]
    return BindResult(bindings=bound, facts=facts, conflicts=tuple(conflicts))
