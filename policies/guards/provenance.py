"""Whether this is the write that is due, and every argument of it comes from where the runbook says."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.call import Call
from policies.errors import TemplateError
from policies.guards.context import GuardContext, OperationRef, Refusal
from policies.moves import due
from policies.runbook import Bound
from policies.scope import Scope
from policies.situation import Situation
from policies.templates import lookup, parse, render
from policies.value_spec import bound_fault

_DERIVE = "derive"


def order(call: Call, context: GuardContext) -> Refusal | None:
    """The operation and attempt that the decision table has due, with their own key and tool."""
    ours = context.operation()
    wanted = _wanted(context.situation)
    if wanted is None:
        return Refusal(code="not_due", message="no write is due")
    if wanted != ours:
        return Refusal(
            code="not_due",
            message=f"due is attempt {wanted.attempt} of {wanted.op}, not {ours.attempt} of {ours.op}",
        )
    if call.key != f"{context.task.run}/{ours.op}":
        return Refusal(code="key_differs", message="the key is not that of the operation")
    if call.tool != context.source().tool:
        return Refusal(
            code="not_due", message=f"{ours.op} is written with {context.source().tool}, not {call.tool}"
        )
    if not 0 < round(call.timeout_s * 1000) <= context.write_plan().timeout_ms:
        return Refusal(code="timeout_differs", message="the call would wait longer than its step allows")
    return None


def _wanted(situation: Situation) -> OperationRef | None:
    open_ = situation.unresolved()
    if open_ is None:
        move = due(situation)
        return None if move is None else OperationRef.of(move)
    return OperationRef(
        op=open_.id, step=open_.step, item=open_.item, ordinal=open_.ordinal, undoes=open_.undoes,
        attempt=len(open_.attempts) + 1, granted=situation.task.grant_open,
    )  # fmt: skip


def provenance(call: Call, context: GuardContext) -> Refusal | None:
    """Each argument is what its template gives for this run, or what the operation's first intent froze."""
    known = context.known_operation()
    if known is not None and known.attempts:
        frozen = dict(known.attempts[0].arguments)
        return (
            None if _same(call.arguments, frozen) else _moved("the arguments are not those of the first send")
        )
    templates = context.source().arguments
    if call.arguments.keys() != templates.keys():
        return _moved("the arguments are not those of the step")
    condition, values = context.promise().dedupe.condition, _values(context)
    for name, template in templates.items():
        visible = values if name == condition else {n: v for n, v in values.items() if n != "attempt"}
        try:
            follows = render(template, visible) if isinstance(template, str) else template
        except TemplateError as error:
            return Refusal(code="argument_untraceable", message=f"argument {name}: {error}")
        if not _same(call.arguments[name], follows):
            return _moved(f"argument {name} is not what {template!s:.80} gives")
    return None


def read_provenance(call: Call, context: GuardContext) -> Refusal | None:
    """Where the caller names the template of a read, its arguments are what that gives."""
    if context.template is None:
        return None
    if call.arguments.keys() != context.template.keys():
        return _moved("the arguments are not those of the read")
    for name, template in context.template.items():
        try:
            follows = render(template, context.values) if isinstance(template, str) else template
        except TemplateError as error:
            return Refusal(code="argument_untraceable", message=f"argument {name}: {error}")
        if not _same(call.arguments[name], follows):
            return _moved(f"argument {name} is not what {template!s:.80} gives")
    return None


def bounded(call: Call, context: GuardContext) -> Refusal | None:
    """Each derived value in the arguments lies within the bound that was approved for it."""
    del call
    derived = list(_derived(context))
    values = _values(context) if derived else {}
    for path, bound in derived:
        fault = bound_fault(bound, lookup(path, values))
        if fault is not None:
            return Refusal(code="out_of_bound", message=f"{path} {fault.message}")
    return None


def _values(context: GuardContext) -> dict[str, Any]:
    """What a write's arguments may be made of: no freshest observation, no first one, no history."""
    op = context.operation()
    scope = Scope.due(context.task, op.step, op.item, undoes=op.undoes).with_attempt(context.reads)
    return {
        name: value for name, value in scope.values(observed={}).items() if name not in ("initial", "history")
    }


def _derived(context: GuardContext) -> Iterator[tuple[str, Bound]]:
    runbook, step = context.policy().runbook, context.policy().runbook.step(context.operation().step)
    for template in context.source().arguments.values():
        for place in parse(template).names() if isinstance(template, str) else ():
            source = place.parts
            if source[0] == "item" and step.for_each is not None:
                source = tuple(step.for_each.of.strip().split("."))
            bound = runbook.derive[source[1]].bound if source[0] == _DERIVE and len(source) > 1 else None
            if bound is not None:
                yield place.path, bound


def _same(left: Any, right: Any) -> bool:
    if type(left) in (str, int, bool):
        return type(left) is type(right) and bool(left == right)  # exactly: 1 is not True
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return type(left) is type(right) and bool(left == right)


def _moved(why: str) -> Refusal:
    return Refusal(code="argument_differs", message=why)
