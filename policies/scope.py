"""Which names an expression or a template sees, and what they stand for at one point of a run.

``inputs``, every binding and every observation by its own name, ``initial`` (the run's first reads),
``attempt`` (the reads made just before an operation's first send), ``derive``, ``history`` (of the resource),
and where they mean something ``item`` and ``result``. What has not been read is missing, so that an
expression over it is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Self

from state.outcome import Outcome
from state.task import EMPTY, Operation, Task

# names that no binding and no observation may take
RESERVED: Final = frozenset(
    {"inputs", "initial", "attempt", "derive", "item", "result", "history", "before", "catalog", "run"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The namespace of expressions and templates; JSON values throughout.

    ``observed`` holds the freshest value of each observation that was read. ``local`` holds ``item`` and
    ``result`` where there is one. ``history`` counts what is known of the resource over all runs
    (``runs``, ``ends`` by state, ``escalations``).
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    bindings: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    attempt: Mapping[str, Any] = field(default_factory=dict)
    derived: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, *, history: Mapping[str, Any] = EMPTY) -> Self:
        """What a run knows outside any operation: preconditions, completion, ``derive``."""
        return cls(
            inputs=task.inputs,
            bindings=task.bindings,
            observed={name: fact["value"] for name, fact in task.facts.items() if "value" in fact},
            initial=task.initial,
            derived=task.derived,
            history=history,
        )

    @classmethod
    def due(
        cls,
        task: Task,
        step: str,
        item: int | None,
        *,
        undoes: str | None = None,
        history: Mapping[str, Any] = EMPTY,
    ) -> Self:
        """What an operation of ``step`` sees before its first send; KeyError for an item never listed.

        ``undoes``: the operation that a compensation undoes, whose recorded answer it sees as ``result``.
        """
        local: dict[str, Any] = {}
        if item is not None:
            local["item"] = _item(task, step, item)
        if undoes is not None and (answer := recorded(task.operation(undoes))) is not None:
            local["result"] = answer
        scope = cls.of(task, history=history)
        return replace(scope, local=local) if local else scope

    @classmethod
    def of_operation(cls, task: Task, operation: Operation, *, history: Mapping[str, Any] = EMPTY) -> Self:
        """What the probe and the checks of an operation see, once it has been sent."""
        scope = cls.due(task, operation.step, operation.item, undoes=operation.undoes, history=history)
        attempt = operation.attempts[0].facts if operation.attempts else EMPTY
        own = recorded(operation) if operation.undoes is None else None
        local = scope.local if own is None else {**scope.local, "result": own}
        return replace(scope, attempt=attempt, local=local)

    def with_observed(self, observed: Mapping[str, Any]) -> Self:
        """The same place with ``observed`` as the only reads."""
        return replace(self, observed=observed)

    def with_attempt(self, attempt: Mapping[str, Any]) -> Self:
        """The same place, just after the reads that a first send is to rest on."""
        return replace(self, attempt=attempt)

    def with_local(self, **local: Any) -> Self:
        """The same place with ``item`` or ``result``."""
        return replace(self, local={**self.local, **local})

    def values(self, *, observed: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every name with its value, as plain dicts and lists; ``observed`` as the only reads, if given."""
        reads = self.observed if observed is None else observed
        return {
            **{name: plain(value) for name, value in self.bindings.items()},
            **{name: plain(value) for name, value in reads.items()},
            "inputs": plain(self.inputs),
            "initial": plain(self.initial),
            "attempt": plain(self.attempt),
            "derive": plain(self.derived),
            "history": plain(self.history),
            **{name: plain(value) for name, value in self.local.items()},
        }


def recorded(operation: Operation) -> dict[str, Any] | None:
    """The recorded fields of the newest answer that an operation got, None where there was none."""
    for attempt in reversed(operation.attempts):
        if attempt.outcome is Outcome.SUCCEEDED and attempt.result is not None:
            return dict(attempt.result)
    return None


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """``value`` with mappings as dicts and sequences as lists, all the way down."""
    if isinstance(value, dict | MappingProxyType):  # not Mapping: asking an abstract class is slow
        return {name: inner if type(inner) in _SCALARS else plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(value) if _SCALARS.issuperset(map(type, value)) else [plain(inner) for inner in value]
    return value


def _item(task: Task, step: str, item: int) -> Any:
    items = task.items.get(step, ())
    if not 0 <= item < len(items):
        raise KeyError(f"step {step} has no item {item}")
    return items[item]
