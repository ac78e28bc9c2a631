"""What a runbook is (``remit/runbook/v1``): the models that a runbook file is read into.

Nothing here judges. ``loader`` reads a file into these, ``lint`` says whether it can be run safely,
``moves`` is compiled from them. Expressions and templates are kept as text. ``step`` has a step's own parts.
"""

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from policies.contract import Frozen, ValueSpec
from policies.durations import Span
from policies.ordering import in_order_of_need, needed_by_expression, needed_by_template
from policies.step import (
    Arguments,
    Backoff,
    Check,
    Checks,
    Expression,
    ForEach,
    Id,
    Name,
    NoRollback,
    NoVerify,
    Probe,
    Prose,
    Reason,
    Retry,
    Rollback,
    Step,
    ToolName,
    Tries,
    Verify,
    Whom,
)

__all__ = [
    "AlertTrigger",
    "Arguments",
    "Attempts",
    "Audit",
    "Authority",
    "Backoff",
    "Binding",
    "Bound",
    "Check",
    "Checks",
    "Derive",
    "Diagnose",
    "Escalation",
    "Expression",
    "ForEach",
    "Grants",
    "Id",
    "Level",
    "Limits",
    "ModelLimits",
    "Name",
    "NoRollback",
    "NoVerify",
    "Observation",
    "Once",
    "Precondition",
    "Probe",
    "Prose",
    "Reason",
    "Refuse",
    "Retry",
    "Rollback",
    "Runbook",
    "Severity",
    "SeverityBy",
    "Step",
    "TicketTrigger",
    "ToolName",
    "Tries",
    "Triggers",
    "Verify",
    "Whom",
]


class Precondition(Frozen):
    """What must be true before the first write and is asked again before each; of every ``for_each`` item.

    ``tool`` and ``arguments`` make a read of its own, which ``expect`` sees as ``result``.
    """

    id: Id
    expect: Expression
    otherwise: Literal["reject", "complete", "escalate"] = "escalate"
    for_each: ForEach | None = None
    tool: ToolName | None = None
    arguments: Arguments = Field(default_factory=dict, alias="with")
    tries: Tries = Tries()


class Binding(Frozen):
    """What the inputs stand for: a read with an ``identity`` check, kept for the run."""

    tool: ToolName
    arguments: Arguments = Field(default_factory=dict, alias="with")
    identity: Expression


class Observation(Frozen):
    """A read that is made when needed; its name means the freshest value."""

    tool: ToolName
    arguments: Arguments = Field(default_factory=dict, alias="with")


class Bound(Frozen):
    """What each value (each item of a list) that a derive gives must lie in."""

    pattern: str | None = Field(default=None, max_length=500)
    enum: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    minimum: int | None = None
    maximum: int | None = None


class Derive(Frozen):
    """A value computed once, at first use, and kept for the run; its ``bound`` is part of authority."""

    expr: Expression
    bound: Bound | None = None


class TicketTrigger(Frozen):
    """Tickets of this queue and type ask for it; ``map``: input -> field, by default of the same name."""

    queue: str = Field(min_length=1, max_length=80)
    type: str = Field(min_length=1, max_length=80)
    map: dict[Name, str] = Field(default_factory=dict)


class AlertTrigger(Frozen):
    """An alert of this name asks for it; ``map``: input -> ``labels.NAME`` or ``annotations.NAME``."""

    name: str = Field(min_length=1, max_length=80)
    map: dict[Name, Annotated[str, Field(pattern=r"^(labels|annotations)\.[A-Za-z_][A-Za-z0-9_]*$")]] = Field(
        default_factory=dict
    )


class Triggers(Frozen):
    """What asks for it besides its own name: chat phrases with ``{input}`` fields, tickets, alerts."""

    chat: Annotated[tuple[str, ...], Field(max_length=40)] = ()
    ticket: TicketTrigger | None = None
    alert: AlertTrigger | None = None


class Refuse(Frozen):
    """A branch never taken: by words of the request (``phrase``) or by ``when``; ``say`` is the answer."""

    phrase: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    when: Expression | None = None
    reason: Reason
    say: Prose

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.phrase is None) is (self.when is None):
            raise PydanticCustomError("one_of", "exactly one of phrase and when is given")
        return self


class Once(Frozen):
    """What makes two requests the same need: ``key``, while a run lives or for a span (``per``)."""

    key: Annotated[tuple[str, ...], Field(min_length=1, max_length=10)]
    while_: Literal["live"] | None = Field(default=None, alias="while")
    per_ms: Span | None = Field(default=None, alias="per")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.while_ is None) is (self.per_ms is None):
            raise PydanticCustomError("one_of", "exactly one of while and per is given")
        return self


class Authority(Frozen):
    """The tools that the runbook may use; with limits and checks, what an owner approves."""

    tools: Annotated[tuple[ToolName, ...], Field(min_length=1, max_length=60)]


class Attempts(Frozen):
    """At most ``max`` sends on a resource in any ``per_ms``, counted over all runs."""

    max: int = Field(ge=1, le=100_000)
    per_ms: Span = Field(alias="per")


class ModelLimits(Frozen):
    """What a run may spend on models; ``rereads`` are the looks that a model may ask for."""

    calls: int = Field(default=0, ge=0, le=1000)
    tokens: int = Field(default=0, ge=0, le=10_000_000)
    rereads: int = Field(default=3, ge=0, le=100)


class Limits(Frozen):
    """Budgets of one run. ``writes``: forward writes with their retries; rollback has its own reserve."""

    deadline_ms: Span = Field(alias="deadline")
    writes: int = Field(ge=0, le=100_000)
    attempts_on_resource: Attempts | None = None
    model: ModelLimits = ModelLimits()


class Diagnose(Frozen):
    """A complete read that may be made before escalating; a model picks it by ``id`` only."""

    id: Id
    tool: ToolName
    arguments: Arguments = Field(default_factory=dict, alias="with")


Severity = Literal["low", "medium", "high", "critical"]


class SeverityBy(Frozen):
    """The severity by the value of an input: ``{by: inputs.env, prod: high, staging: low}``."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, Severity]

    by: str = Field(pattern=r"^inputs\.[a-z][a-z0-9_]{0,39}$")


def _severity_kind(value: Any) -> str:
    return "<by>" if isinstance(value, dict | SeverityBy) else "<fixed>"


class Level(Frozen):
    """Who is told, and how long they have before the next level is."""

    to: Whom
    within_ms: Span = Field(alias="within")


class Grants(Frozen):
    """What a responder may add to the budgets, approved with the rest."""

    retry_once: int = Field(default=0, ge=0, le=10)


class Escalation(Frozen):
    """Who is told when a run stops for a human, how urgent it is, and what they may add."""

    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=10)]
    severity: Annotated[
        Annotated[Severity, Tag("<fixed>")] | Annotated[SeverityBy, Tag("<by>")],
        Discriminator(_severity_kind),
    ] = "high"
    grants: Grants = Grants()
    questions: Annotated[tuple[Prose, ...], Field(max_length=10)] = ()

    def severity_for(self, inputs: dict[str, Any]) -> str:
        """Choose the severity for these inputs; ``high`` for a value that the runbook does not name."""
        if isinstance(self.severity, SeverityBy):
            value = inputs.get(self.severity.by.removeprefix("inputs."))
            named = "true" if value is True else "false" if value is False else str(value)
            return self.severity.__pydantic_extra__.get(named, "high")
        return self.severity


def _percent(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isascii() and value[:-1].isdigit():
        return int(value[:-1])
    if type(value) is int:
        raise PydanticCustomError("bad_percent", "a share is written with its sign: 5%")
    return value


Percent = Annotated[
    int,
    Field(ge=0, le=100),
    BeforeValidator(_percent),
    WithJsonSchema({"type": "string", "pattern": "^(100|[1-9]?[0-9])%$"}),
]
Sampled = Literal[
    "completed",
    "completed_without_change",
    "partially_completed",
    "rolled_back",
    "escalated",
    "closed_by_human",
    "cancelled",
    "rejected",
]


class Audit(Frozen):
    """Which ended runs humans look at: a percentage by how they ended, and the first runs of a version."""

    sample: dict[Sampled, Percent] = Field(default_factory=dict)
    first_runs_of_version: int = Field(default=0, ge=0, le=1000)


def _bindings_in_order(bindings: dict[str, Binding]) -> dict[str, Binding]:
    def needs(binding: Binding) -> set[str]:
        return needed_by_expression(binding.identity).union(
            *(needed_by_template(value) for value in binding.arguments.values())
        )

    return in_order_of_need(bindings, needs)


def _derive_in_order(derived: dict[str, Derive]) -> dict[str, Derive]:
    return in_order_of_need(derived, lambda d: needed_by_expression(d.expr, after="derive"))


class Runbook(Frozen):
    """One runbook file. Bindings and derived values stand in the order in which they can be worked out."""

    schema_: Literal["remit/runbook/v1"] = Field(alias="schema")
    id: Id
    version: int = Field(ge=1, le=1_000_000)
    title: Prose
    owner: Annotated[
        str, Field(pattern=r"^(role:[a-z][a-z0-9-]{0,62}|principal:[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62})$")
    ]
    summary: Annotated[str, Field(max_length=2000)] = ""
    triggers: Triggers
    inputs: Annotated[dict[Name, ValueSpec], Field(max_length=40)]
    refuse: Annotated[tuple[Refuse, ...], Field(max_length=40)] = ()
    once: Once | None = None
    when_held: Literal["wait", "refuse"] = "wait"
    bindings: Annotated[dict[Name, Binding], Field(max_length=20), AfterValidator(_bindings_in_order)] = (
        Field(default_factory=dict)
    )
    observe: Annotated[dict[Name, Observation], Field(max_length=40)] = Field(default_factory=dict)
    derive: Annotated[dict[Name, Derive], Field(max_length=20), AfterValidator(_derive_in_order)] = Field(
        default_factory=dict
    )
    authority: Authority
    limits: Limits
    preconditions: Annotated[tuple[Precondition, ...], Field(max_length=40)] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)]
    completion: Checks
    completion_passes_unchanged: Prose | None = None
    on_exhausted: Literal["escalate", "roll_back"]
    diagnose: Annotated[tuple[Diagnose, ...], Field(max_length=20)] = ()
    escalation: Escalation
    audit: Audit = Audit()

    @property
    def ref(self) -> str:
        """``id@version``, the name under which it is delegated."""
        return f"{self.id}@{self.version}"

    @cached_property
    def asks_history(self) -> bool:
        """Whether any expression of it asks what became of other runs."""
        return "history." in self.model_dump_json()

    def step(self, step: str) -> Step:
        """Find the step of that id; KeyError."""
        for candidate in self.steps:
            if candidate.id == step:
                return candidate
        raise KeyError(step)

    def rollback(self, step: str) -> Rollback | None:
        """How that step is undone, inherited timeout and verify filled in; None where it cannot be."""
        undo = self.step(step).rollback
        if not isinstance(undo, Rollback):
            return None
        same = next((s for s in self.steps if s.tool == undo.tool), None)
        if same is None:
            return undo
        return undo.model_copy(
            update={
                "timeout_ms": undo.timeout_ms if undo.timeout_ms is not None else same.timeout_ms,
                "verify": undo.verify if undo.verify is not None else same.verify,
            }
        )
