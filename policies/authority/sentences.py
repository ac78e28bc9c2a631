"""How authority is said: one sentence a fact, in the order in which an owner asks."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from policies import durations, templates
from policies.authority.requests import sent
from policies.connector import Connector
from policies.contract import BooleanSpec, Effect, IntegerSpec, StringSpec, ToolContract, ValueSpec
from policies.delegation import Entry
from policies.errors import TemplateError
from policies.lint.worst_case import worst_case
from policies.runbook import Bound, Runbook
from policies.step import Arguments, Check, ForEach, NoRollback, NoVerify, Rollback, Step

_OTHERWISE = {
    "reject": "otherwise the request is rejected",
    "complete": "otherwise nothing is written and the completion checks decide",
    "escalate": "otherwise a human is asked",
}


def sentences(
    runbook: Runbook,
    contracts: Mapping[str, ToolContract],
    delegation_entry: Entry | None = None,
    *,
    connectors: Mapping[str, Connector] = MappingProxyType({}),
) -> list[str]:
    """Say everything that the runbook may do, with whom it is agreed, and when it stops.

    ``connectors`` say which requests its writes are; without them the values stand by their names.
    """
    return [
        *_inputs(runbook),
        *_reads(runbook, contracts),
        *(line for step in runbook.steps for line in _step(step, contracts, connectors)),
        *_derived(runbook),
        *_limits(runbook),
        *_conditions(runbook),
        *_completion(runbook),
        *_people(runbook),
        *([] if delegation_entry is None else _delegated(delegation_entry)),
    ]


def described(spec: ValueSpec) -> str:
    """Say what an input may be."""
    match spec:
        case BooleanSpec():
            return "true or false"
        case IntegerSpec():
            return "a whole number" + _range(spec.minimum, spec.maximum)
        case StringSpec():
            return _text(spec.pattern, spec.enum) or f"any text of at most {spec.max_length} characters"


def _text(pattern: str | None, enum: tuple[str, ...] | None) -> str:
    parts = ([f"one of {', '.join(enum)}"] if enum is not None else []) + (
        [f"text like {pattern}"] if pattern else []
    )
    return " and ".join(parts)


def _range(minimum: int | None, maximum: int | None) -> str:
    low = "" if minimum is None else f" from {minimum}"
    return low + ("" if maximum is None else f" to {maximum}")


def _inputs(runbook: Runbook) -> Iterator[str]:
    for name, spec in runbook.inputs.items():
        yield f"It is asked for with {name}: {described(spec)}."


def _reads(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Iterator[str]:
    reads = [t for t in runbook.authority.tools if t in contracts and contracts[t].effect is Effect.READ]
    if reads:
        yield f"It may read with {', '.join(reads)}."
    for tool in runbook.authority.tools:
        if tool not in contracts:
            yield f"It may call {tool}, of which nothing is known."
        elif contracts[tool].effect is Effect.NOTIFY:
            yield f"It may send messages with {tool}."


def _step(
    step: Step, contracts: Mapping[str, ToolContract], connectors: Mapping[str, Connector]
) -> Iterator[str]:
    sends = step.operations_max * (1 + step.retry.budget)
    may = "may be left undone" if step.optional else "must succeed"
    yield (
        f"Step {step.id} calls {step.tool} on {_resource(step.tool, step.arguments, contracts)}, "
        f"at most {_times(sends)} a run{_items(step.for_each)}; it {may}."
    )
    yield f"Step {step.id} sends {sent(step.tool, step.arguments, connectors)}."
    if isinstance(step.verify, NoVerify):
        yield f"Step {step.id} is not verified: {step.verify.none}"
    elif step.verify is not None:
        yield f"Step {step.id} is confirmed when {_all(step.verify)}."
    undo = step.rollback
    if isinstance(undo, NoRollback):
        yield f"Step {step.id} cannot be undone: {undo.why}"
    elif isinstance(undo, Rollback):
        resends = step.operations_max * (1 + undo.retry.budget)
        resource = _resource(undo.tool, undo.arguments, contracts)
        yield f"To undo step {step.id} it calls {undo.tool} on {resource}, at most {_times(resends)} a run."
        yield f"To undo step {step.id} it sends {sent(undo.tool, undo.arguments, connectors)}."


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number} times"  # noqa: PLR2004


def _items(each: ForEach | None) -> str:
    return "" if each is None else f" (for {each.min} to {each.max} items of {each.of})"


def _resource(tool: str, arguments: Arguments, contracts: Mapping[str, ToolContract]) -> str:
    contract = contracts.get(tool)
    if contract is None or contract.resource is None:
        return "something its contract does not name"
    try:
        pieces = templates.parse(contract.resource).pieces
    except TemplateError:
        return contract.resource
    return "".join(p if isinstance(p, str) else str(arguments.get(p.path, f"{{{p.path}}}")) for p in pieces)


def _derived(runbook: Runbook) -> Iterator[str]:
    for name, derived in runbook.derive.items():
        yield f"derive.{name} is {derived.expr}, each value {_bound(derived.bound)}."


def _bound(bound: Bound | None) -> str:
    if bound is None:
        return "anything"
    text, numbers = _text(bound.pattern, bound.enum), _range(bound.minimum, bound.maximum)
    return text or (f"a whole number{numbers}" if numbers else "anything")


def _limits(runbook: Runbook) -> Iterator[str]:
    limits, worst = runbook.limits, worst_case(runbook)
    undo = f", and {worst.reserve} more to undo them" if worst.reserve else ""
    yield f"A run sends at most {limits.writes} writes{undo}, within {durations.text(limits.deadline_ms)}."
    if limits.attempts_on_resource is not None:
        attempts = limits.attempts_on_resource
        yield (
            f"All runs together send at most {attempts.max} writes to one resource in any "
            f"{durations.text(attempts.per_ms)}."
        )
    model = limits.model
    if model.calls:
        asked = f"at most {_times(model.calls)}, for {model.tokens} tokens"
        yield f"A model is asked {asked}; it can only stop, look or wait."
    else:
        yield "No model is asked."


def _conditions(runbook: Runbook) -> Iterator[str]:
    for refusal in runbook.refuse:
        asked = f"words such as {', '.join(refusal.phrase)}" if refusal.phrase else refusal.when
        yield f"It is refused for {asked}: {refusal.say}"
    for condition in runbook.preconditions:
        each = "" if condition.for_each is None else f" for each of {condition.for_each.of}"
        yield (
            f"It writes only while {condition.expect}{each} ({condition.id}); "
            f"{_OTHERWISE[condition.otherwise]}."
        )


def _completion(runbook: Runbook) -> Iterator[str]:
    yield f"It is completed only when {_all(runbook.completion)}."
    if runbook.completion_passes_unchanged is not None:
        yield f"A run that changes nothing may complete: {runbook.completion_passes_unchanged}"
    back = "what was done is undone" if runbook.on_exhausted == "roll_back" else "a human is asked"
    yield f"When its tries are used up, {back}."


def _all(checks: tuple[Check, ...]) -> str:
    return " and ".join(_check(check) for check in checks)


def _check(check: Check) -> str:
    within = f" within {durations.text(check.within_ms)}" if check.within_ms else ""
    hold = f" and for {durations.text(check.hold_ms)}" if check.hold_ms else ""
    unless = f", unless step {check.of_step} was left undone" if check.of_step else ""
    return f"{check.expect}{within}{hold} ({check.id}{unless})"


def _people(runbook: Runbook) -> Iterator[str]:
    told = ", then ".join(
        f"{level.to} (for {durations.text(level.within_ms)})" for level in runbook.escalation.levels
    )
    yield f"When it stops for a human it tells {told}."
    if runbook.escalation.grants.retry_once:
        yield f"A responder may have it try once more, {_times(runbook.escalation.grants.retry_once)} a run."


def _delegated(entry: Entry) -> Iterator[str]:
    how = "each write is confirmed by a human" if entry.mode == "confirm" else "no human confirms its writes"
    yield f"{_roles(entry.request)} may ask for it, {_roles(entry.decide)} may decide; {how}."
    for target in entry.targets:
        resources = ", ".join(entry.resources.get(target, ())) or "nothing"
        yield f"For {target} it may touch {resources}."
    for window in entry.windows:
        when = "" if window.when == "true" else f" where {window.when}"
        yield f"Its first write is not sent in {window.closed}{when} ({window.zone})."
    yield f"At most {entry.concurrency} of its runs are at work at once."
    if entry.rate is not None:
        yield f"At most {entry.rate.max} runs are admitted in any {durations.text(entry.rate.per_ms)}."


def _roles(roles: tuple[str, ...]) -> str:
    return " and ".join(f"role {role}" for role in roles)
