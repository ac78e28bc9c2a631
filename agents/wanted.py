"""Which reads and which fields of bindings a runbook rests on, as its expressions and templates say."""

from collections.abc import Iterable, Iterator

from policies.expressions import compile_expression
from policies.runbook import Arguments, Check, Probe, Rollback, Runbook, Step
from policies.templates import parse

Path = tuple[str, ...]


def _argument_paths(arguments: Arguments) -> Iterator[Path]:
    for value in arguments.values():
        if isinstance(value, str):
            yield from (placeholder.parts for placeholder in parse(value).names())


def _expression_paths(expressions: Iterable[str | None]) -> Iterator[Path]:
    for text in expressions:
        if text is not None:
            yield from (use.parts for use in compile_expression(text).names())


def _probe_expressions(probe: Probe | None) -> tuple[str, ...]:
    return () if probe is None else (probe.applied_when, probe.absent_when)


def _write_paths(write: Step | Rollback) -> Iterator[Path]:
    checks: tuple[Check, ...] = write.verify if isinstance(write.verify, tuple) else ()
    yield from _argument_paths(write.arguments)
    yield from _expression_paths(_probe_expressions(write.probe))
    yield from _expression_paths(check.expect for check in checks)
    if isinstance(write, Step):
        yield from _expression_paths((write.conflict_if,))


def _writes(runbook: Runbook) -> Iterator[Step | Rollback]:
    for step in runbook.steps:
        yield step
        undo = runbook.rollback(step.id)
        if undo is not None:
            yield undo


def attempt_names(write: Step | Rollback) -> tuple[str, ...]:
    """The observations that a write names as ``attempt.NAME``, in order, each once."""
    return _seconds(_write_paths(write), "attempt")


def initial_names(runbook: Runbook) -> tuple[str, ...]:
    """The observations that a runbook names as ``initial.NAME`` anywhere, in order, each once."""
    return _seconds(_all_paths(runbook), "initial")


def pinned_fields(runbook: Runbook) -> dict[str, tuple[Path, ...]]:
    """The fields of each binding that identities and arguments use: the run rests on them."""
    used: dict[str, dict[Path, None]] = {name: {} for name in runbook.bindings}
    arguments: list[Arguments] = [w.arguments for w in _writes(runbook)]
    arguments += [o.arguments for o in runbook.observe.values()]
    arguments += [b.arguments for b in runbook.bindings.values()]
    arguments += [d.arguments for d in runbook.diagnose]
    arguments += [p.arguments for p in runbook.preconditions]
    paths = [path for given in arguments for path in _argument_paths(given)]
    paths += _expression_paths(binding.identity for binding in runbook.bindings.values())
    for root, *fields in paths:
        if root in used and fields:
            used[root][tuple(fields)] = None
    return {name: tuple(fields) for name, fields in used.items()}


def _all_paths(runbook: Runbook) -> Iterator[Path]:
    for write in _writes(runbook):
        yield from _write_paths(write)
    yield from _expression_paths(p.expect for p in runbook.preconditions)
    yield from _expression_paths(c.expect for c in runbook.completion)
    yield from _expression_paths(d.expr for d in runbook.derive.values())
    yield from _expression_paths(s.for_each.of for s in runbook.steps if s.for_each)
    yield from _expression_paths(p.for_each.of for p in runbook.preconditions if p.for_each)
    yield from (path for p in runbook.preconditions for path in _argument_paths(p.arguments))
    yield from (path for d in runbook.diagnose for path in _argument_paths(d.arguments))


def _seconds(paths: Iterable[Path], root: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p[1] for p in paths if len(p) > 1 and p[0] == root))
