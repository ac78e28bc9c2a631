"""What a run may find when it begins: inputs, bindings and reads, small in number, of which each can happen.

A start is kept where every binding passes its identity, ``derive`` can be computed, and every precondition
holds that can be told: only from there does a run write.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from policies import templates
from policies.contract import ToolContract
from policies.errors import TemplateError
from policies.expressions import Truth, compile_expression
from policies.proof.literals import INPUTS, Field, Told, told
from policies.proof.shapes import Scalar, Shapes, evenly, of_bound, of_input, spread
from policies.runbook import Runbook
from policies.step import Step
from state import canonical

MAX_SETTINGS: Final = 24  # of inputs and bindings
MAX_READS: Final = 1_200  # of what the reads show, in one setting
MAX_STARTS: Final = 400  # that are walked
_ENDS: Final = ("completed", "partially_completed", "rolled_back", "escalated")
HISTORY: Final[dict[str, Any]] = {"runs": 0, "ends": dict.fromkeys(_ENDS, 0), "escalations": 0}

# The canonical text of what each read shows, in the order of ``Start.places``; None: it could be anything.
Shown = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlace:
    """One read with its arguments filled in, and the observations that are this read."""

    tool: str
    arguments: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """One beginning. ``items``: by step the list that it works through (None: it has no ``for_each``)."""

    inputs: Mapping[str, Any]
    bindings: Mapping[str, Any]
    places: tuple[ReadPlace, ...]
    shown: Shown
    derived: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, tuple[Any, ...] | None] = field(default_factory=dict)

    def observed(self, shown: Shown) -> dict[str, Any]:
        """The value of every observation that can be told."""
        return {
            name: value_of(text)
            for place, text in zip(self.places, shown, strict=True)
            if text is not None
            for name in place.names
        }

    def place(self, tool: str, arguments: Mapping[str, Any]) -> int | None:
        """Where that read stands among the places; None where nothing observes it."""
        wanted = (tool, canonical.dumps(dict(arguments)))
        return next((i for i, p in enumerate(self.places) if (p.tool, p.arguments) == wanted), None)

    def names(
        self, shown: Shown, attempt: Shown | None = None, local: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Every name that an expression may use, with its value at this point."""
        found = {
            **self.bindings,
            **self.observed(shown),
            "inputs": self.inputs,
            "initial": self.observed(self.shown),
            "derive": self.derived,
            "history": HISTORY,
            **(local or {}),
        }
        if attempt is not None:
            found["attempt"] = self.observed(attempt)
        return found


@lru_cache(maxsize=8192)
def value_of(text: str) -> Any:
    """Read back what a read shows."""
    return json.loads(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The beginnings that were kept, of how many tried, and whether some were left out.

    ``refused``: by precondition, a beginning at which it is the first that does not hold.
    """

    kept: tuple[Start, ...]
    refused: Mapping[str, Start]
    tried: int
    whole: bool


def starts(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Starts:
    """Find beginnings from which a run of this runbook writes; KeyError for a tool without a contract."""
    compared = told(runbook, contracts)
    kept: list[Start] = []
    refused: dict[str, Start] = {}
    tried, whole = 0, True
    settings = list(itertools.islice(_settings(runbook, contracts, compared), MAX_SETTINGS + 1))
    whole = len(settings) <= MAX_SETTINGS
    for inputs, bindings in settings[:MAX_SETTINGS]:
        for start in _reads(runbook, contracts, compared, inputs, bindings):
            tried += 1
            found = _surveyed(runbook, start)
            if found is not None:
                why = _refusing(runbook, found)
                if why is None:
                    kept.append(found)
                else:
                    refused.setdefault(why, found)
    chosen = evenly(kept, MAX_STARTS)
    whole = whole and len(chosen) == len(kept)
    return Starts(kept=tuple(chosen), refused=refused, tried=tried, whole=whole)


def _settings(
    runbook: Runbook, contracts: Mapping[str, ToolContract], compared: Mapping[Field, Told]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    each: list[tuple[Scalar, ...]] = []
    for name, spec in runbook.inputs.items():
        used = compared.get((INPUTS, name))
        values = of_input(spec, used or Told())
        told_apart = used is not None and (bool(used.values) or spec.type != "string")
        each.append(values if told_apart else values[:1])
    for row in evenly(list(itertools.islice(itertools.product(*each), 2_000)), MAX_SETTINGS):
        inputs = dict(zip(runbook.inputs, row, strict=True))
        bound: list[dict[str, Any]] = [{}]
        for name, binding in runbook.bindings.items():
            identity, fitting = compile_expression(binding.identity), []
            for before in bound:
                shapes = Shapes(compared, _resolver(runbook, inputs, before))
                for value in shapes.of_result(binding.tool, contracts[binding.tool].result):
                    now = {**before, name: value}
                    if identity.truth({**now, "inputs": inputs}).truth is Truth.TRUE:
                        fitting.append(now)
            bound = evenly(fitting, MAX_SETTINGS)
        yield from ((inputs, bindings) for bindings in bound)


def _resolver(runbook: Runbook, inputs: Mapping[str, Any], bound: Mapping[str, Any]) -> Any:
    tools = {runbook.bindings[name].tool: value for name, value in bound.items()}

    def resolve(wanted: Field) -> Any:
        root, *rest = wanted
        found: Any = inputs if root == INPUTS else tools.get(root)
        for part in rest:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    return resolve


def _reads(
    runbook: Runbook,
    contracts: Mapping[str, ToolContract],
    compared: Mapping[Field, Told],
    inputs: dict[str, Any],
    bindings: dict[str, Any],
) -> Iterator[Start]:
    places: dict[tuple[str, str], list[str]] = {}
    for name, observation in runbook.observe.items():
        try:
            filled = templates.render_value(dict(observation.arguments), {**bindings, "inputs": inputs})
        except TemplateError:
            return
        places.setdefault((observation.tool, canonical.dumps(filled)), []).append(name)
    bounds = [value for derived in runbook.derive.values() for value in of_bound(derived.bound)]
    shapes = Shapes(compared, _resolver(runbook, inputs, bindings), bounds)
    made = tuple(ReadPlace(tool=t, arguments=a, names=tuple(n)) for (t, a), n in places.items())
    each = [
        [canonical.dumps(value) for value in shapes.of_result(place.tool, contracts[place.tool].result)]
        for place in made
    ]
    for shown in _rows(each, MAX_READS):
        yield Start(inputs=inputs, bindings=bindings, places=made, shown=shown)


def _rows(each: list[list[str]], most: int) -> Iterator[tuple[str, ...]]:
    total = 1
    for values in each:
        total *= len(values)
    for index in spread(total, most):
        rest, row = index, []
        for values in reversed(each):
            rest, digit = divmod(rest, len(values))
            row.append(values[digit])
        yield tuple(reversed(row))


def _surveyed(runbook: Runbook, start: Start) -> Start | None:
    derived: dict[str, Any] = {}
    for name, one in runbook.derive.items():
        found = compile_expression(one.expr).value({**start.names(start.shown), "derive": derived})
        if not found.known:
            return None
        derived[name] = found.value
    names = {**start.names(start.shown), "derive": derived}
    items: dict[str, tuple[Any, ...] | None] = {}
    for step in runbook.steps:
        listed = _items(step, names)
        if listed is None and step.for_each is not None:
            return None
        items[step.id] = listed
    return Start(
        inputs=start.inputs, bindings=start.bindings, places=start.places, shown=start.shown,
        derived=derived, items=items,
    )  # fmt: skip


def _items(step: Step, names: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if step.for_each is None:
        return None
    found = compile_expression(step.for_each.of).value(names)
    if not found.known or not isinstance(found.value, list):
        return None
    fits = step.for_each.min <= len(found.value) <= step.for_each.max
    return tuple(found.value) if fits else None


def _refusing(runbook: Runbook, start: Start) -> str | None:
    """Which precondition is the first not to hold; one with a read of its own is taken as holding."""
    names = start.names(start.shown)
    asked = (c for c in runbook.preconditions if c.tool is None and c.for_each is None)
    false = (c.id for c in asked if compile_expression(c.expect).truth(names).truth is not Truth.TRUE)
    return next(false, None)
