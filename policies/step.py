"""What a step of a runbook is: a write, with all that is needed to retry, settle, prove and undo it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from policies.contract import Frozen
from policies.durations import Duration, Span

NAME: Final = r"^[a-z][a-z0-9_]{0,39}$"
ID: Final = r"^[a-z][a-z0-9-]{0,62}$"
TOOL: Final = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"

Name = Annotated[str, Field(pattern=NAME)]  # stands in expressions
Id = Annotated[str, Field(pattern=ID)]
ToolName = Annotated[str, Field(pattern=TOOL, max_length=80)]
Expression = Annotated[str, Field(min_length=1, max_length=2000)]
Prose = Annotated[str, Field(min_length=1, max_length=600)]
Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
Whom = Annotated[
    str,
    Field(pattern=r"^(role:[a-z][a-z0-9-]{0,62}|principal:[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}|system_owner)$"),
]
Literals = str | int | bool
Arguments = Annotated[dict[Name, Literals], Field(max_length=40)]


class Tries(Frozen):
    """How often to read before the answer stands: ``max`` reads, ``every_ms`` apart."""

    max: int = Field(default=1, ge=1, le=50)
    every_ms: Span = Field(default=1000, alias="every")


class ForEach(Frozen):
    """One operation (or one read) an item of the list that ``of`` gives; an empty list must be meant."""

    of: Expression
    min: int = Field(default=1, ge=0, le=1000)
    max: int = Field(ge=1, le=1000)


class Check(Frozen):
    """Something that must be observed: ``expect`` is true within ``within_ms`` and stays so for ``hold_ms``.

    ``within_ms`` 0 asks once. ``of_step``: not asked when that optional step was left undone.
    """

    id: Id
    expect: Expression
    within_ms: Duration = Field(default=0, alias="within")
    every_ms: Span = Field(default=1000, alias="every")
    hold_ms: Duration = Field(default=0, alias="hold")
    of_step: Id | None = None


class NoVerify(Frozen):
    """Nothing can be read that would show the effect, and why; ``succeeded`` then confirms the step."""

    none: Prose


def _verify_kind(value: Any) -> str:
    return "<none>" if isinstance(value, dict | NoVerify) else "<checks>"


Checks = Annotated[tuple[Check, ...], Field(min_length=1, max_length=20)]
Verify = Annotated[
    Annotated[Checks, Tag("<checks>")] | Annotated[NoVerify, Tag("<none>")], Discriminator(_verify_kind)
]


class Probe(Frozen):
    """How to tell after a quarantine whether a write was applied, by a fresh read of ``observe``."""

    observe: Name
    applied_when: Expression
    absent_when: Expression
    tries: Tries = Tries(max=3, every=2000)


class Backoff(Frozen):
    """How long to wait before a send is repeated. ``jitter`` full draws from zero to the ceiling."""

    initial_ms: Span = Field(default=1000, alias="initial")
    factor: int = Field(default=2, ge=1, le=10)
    max_ms: Span = Field(default=60_000, alias="max")
    jitter: Literal["full", "none"] = "full"

    def ceiling_ms(self, resend: int) -> int:
        """Give the longest wait before resend number ``resend`` (1 is the first), in milliseconds."""
        wait = self.initial_ms
        for _ in range(resend - 1):
            if wait >= self.max_ms:
                break
            wait *= self.factor
        return min(wait, self.max_ms)


class Retry(Frozen):
    """How many sends after the first (``budget``), after which outcomes, and how far apart."""

    budget: int = Field(default=0, ge=0, le=20)
    after: tuple[Literal["not_applied", "unverified"], ...] = ("not_applied",)
    backoff: Backoff = Backoff()


class Rollback(Frozen):
    """The write that undoes a step.

    Without ``timeout_ms`` or ``verify`` it takes those of the step that uses the same tool.
    """

    tool: ToolName
    arguments: Arguments = Field(default_factory=dict, alias="with")
    timeout_ms: Span | None = Field(default=None, alias="timeout")
    probe: Probe | None = None
    retry: Retry = Retry(budget=1)
    verify: Verify | None = None


class NoRollback(Frozen):
    """The step cannot be undone, and why."""

    possible: Literal[False]
    why: Prose


def _rollback_kind(value: Any) -> str:
    written = isinstance(value, dict) and ("possible" in value or "why" in value)
    return "<impossible>" if written or isinstance(value, NoRollback) else "<undo>"


class Step(Frozen):
    """One write of the runbook, with everything needed to retry, settle, prove and undo it."""

    id: Id
    tool: ToolName
    arguments: Arguments = Field(default_factory=dict, alias="with")
    for_each: ForEach | None = None
    timeout_ms: Span | None = Field(default=None, alias="timeout")
    probe: Probe | None = None
    conflict_if: Expression | None = None
    retry: Retry = Retry()
    on_refused: Literal["escalate", "roll_back", "leave"] = "escalate"
    optional: bool = False
    verify: Verify | None = None
    rollback: (
        Annotated[
            Annotated[Rollback, Tag("<undo>")] | Annotated[NoRollback, Tag("<impossible>")],
            Discriminator(_rollback_kind),
        ]
        | None
    ) = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that prove the step; none under ``verify: {none: WHY}``."""
        return self.verify if isinstance(self.verify, tuple) else ()

    @property
    def operations_max(self) -> int:
        """The most operations that the step can have: the items of its ``for_each``, else one."""
        return self.for_each.max if self.for_each else 1
