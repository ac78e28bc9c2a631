"""What a test file is (``remit/runbook-test/v1``), and what a file with a world is (``remit/world/v1``)."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from policies.catalog import Label
from policies.contract import Frozen
from policies.delegation import RunbookRef
from policies.durations import Duration, Span
from policies.step import Id, Name, Prose, ToolName

Condition = Literal["healthy", "ill", "stopped", "dies_at_start", "file_moved", "unreachable"]
Choice = Literal["resume", "retry_once", "mark_done", "roll_back", "abort"]
Kind = Literal[
    "not_sent", "not_applied", "refused", "forbidden", "error_before", "error_after", "lost_reply", "late",
    "late_dropped", "hang", "claimed", "garbage", "truncated", "status", "flap", "changed_by_others",
]  # fmt: skip
State = Literal[
    "completed", "partially_completed", "rolled_back", "escalated", "closed_by_human", "cancelled", "rejected"
]
Count = Annotated[int, Field(ge=1, le=1000)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$")]
Values = dict[str, str | int | bool]
MAX_CASES: Final = 500


class ServiceAs(Frozen):
    """A supervised service, and how it is when a case begins.

    ``is_``: healthy, ill (runs, and answers 503 until it is started again), stopped, dies_at_start,
    file_moved (its program cannot be started), unreachable (its supervisor does not answer).
    """

    name: Label
    env: Label
    supervisor: Label = "sim-1"
    program: Label | None = None
    dependencies: Annotated[tuple[Label, ...], Field(max_length=20)] = ()
    system_owner: Annotated[str, Field(min_length=1, max_length=120)] = "the rehearsal"
    is_: Condition = Field(default="healthy", alias="is")


class Shown(Frozen):
    """What a read with these arguments shows when a case begins. ``with_`` left out: with any arguments."""

    with_: Values = Field(default_factory=dict, alias="with")
    is_: dict[Name, Any] = Field(alias="is")


class WorldForm(Frozen):
    """A world. ``connectors``: files beside this one, each played by a stand-in made from its ``model``.

    ``shows``: by read tool, what there is to see; ``models``: for tools without a ``model`` of their own,
    what an applied write does to what a read shows, by write tool, read tool and field (CEL over ``before``
    and the write's arguments).
    """

    services: Annotated[tuple[ServiceAs, ...], Field(max_length=50)] = ()
    connectors: Annotated[tuple[FileName, ...], Field(max_length=20)] = ()
    shows: dict[ToolName, Annotated[tuple[Shown, ...], Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict
    )
    models: dict[ToolName, dict[ToolName, dict[Name, str]]] = Field(default_factory=dict)


class WorldFile(WorldForm):
    """A world in a file of its own."""

    schema_: Literal["remit/world/v1"] = Field(alias="schema")


class Given(BaseModel):
    """What a case starts from: the world, and under any other name an input of the runbook.

    ``world`` is the name of a built-in world (``sim/service-down``, ``sim/healthy``), a file beside this one
    (``quota.world.yaml``), or a world written out.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, str | int | bool]

    world: str | WorldForm = "sim/healthy"

    @property
    def inputs(self) -> dict[str, Any]:
        """The runbook's inputs."""
        return dict(self.__pydantic_extra__)


class FaultForm(Frozen):
    """Something that goes wrong. Calls are counted from when the fault begins: at once, or behind ``after``.

    ``tool`` and ``kind`` say what and how; ``target`` which service or thing (left out: any, for ``http.get``
    the service that the case is about); ``nth`` which call of it, ``times`` how many from there (a number, or
    ``always``); ``after`` a step that must have been confirmed, or ``healthy``: the service answered well;
    ``at`` how long behind that; ``for`` how long it lasts; ``delay`` how late; ``value`` a status, or what
    somebody else changes it to.
    """

    tool: ToolName
    kind: Kind
    target: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    nth: Count = 1
    times: Count | Literal["always"] | None = None
    after: Id | None = None
    at_ms: Duration | None = Field(default=None, alias="at")
    for_ms: Span | None = Field(default=None, alias="for")
    delay_ms: Span | None = Field(default=None, alias="delay")
    value: Any = None


class CrashForm(Frozen):
    """The process that holds the run dies, and another takes over. ``after``: what had just become durable.

    ``intent`` (nothing was sent), ``send`` (the answer was not written down), ``outcome``; ``step``: of which
    step's write (left out: any); ``nth``: which of them.
    """

    after: Literal["intent", "send", "outcome"]
    step: Id | None = None
    nth: Count = 1


class DecisionForm(Frozen):
    """How a human decides.

    ``after_ms``: how long they take; ``mended``: what has been put right before (true: whatever the faults of
    the case still do; or services by name, so that nothing ails them: a program file is back, a service that
    was stopped when the case began runs); ``effect``: their own word on open
    effects, by operation (``start/1``) or step; ``evidence``: what it rests on; ``refused``: the code with
    which the decision is refused.
    """

    after_ms: Duration = Field(default=60_000, alias="after")
    mended: Literal[True] | Annotated[tuple[Label, ...], Field(min_length=1, max_length=20)] | None = None
    effect: dict[str, Literal["applied", "not_applied", "unknown"]] = Field(default_factory=dict)
    evidence: Prose | None = None
    reason: Prose = "rehearsed"
    refused: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")] | None = None


class PacketForm(Frozen):
    """What the last packet must be.

    ``enough``: whoever reads it can carry on without looking anything up; ``offers``: exactly these options
    are allowed.
    """

    enough: bool | None = None
    offers: tuple[Choice, ...] | None = None


class ExpectForm(Frozen):
    """What must have come of it.

    ``reason``: the code of the stop, the end or the refusal; ``effects``: what was really done, by tool, and
    nothing else (left out: not asked); ``requests``: write requests that reached a target, by tool.
    """

    state: State
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")] | None = None
    effects: dict[ToolName, Annotated[int, Field(ge=0, le=1000)]] | None = None
    requests: dict[ToolName, Annotated[int, Field(ge=0, le=1000)]] | None = None
    packet: PacketForm | None = None


class CaseForm(Frozen):
    """One case. ``decide``: what humans decide, one for each time that the run stops for them."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    given: Given | None = None
    fault: FaultForm | None = None
    faults: Annotated[tuple[FaultForm, ...], Field(max_length=20)] = ()
    crash: CrashForm | None = None
    decide: Annotated[
        tuple[Annotated[dict[Choice, DecisionForm | None], Field(min_length=1, max_length=1)], ...],
        Field(max_length=10),
    ] = ()
    expect: ExpectForm

    @property
    def all_faults(self) -> tuple[FaultForm, ...]:
        """Every fault of the case."""
        return ((self.fault,) if self.fault is not None else ()) + self.faults


class TestFile(Frozen):
    """One test file."""

    __test__ = False  # no test of this program, whatever it is called

    schema_: Literal["remit/runbook-test/v1"] = Field(alias="schema")
    runbook: RunbookRef
    given: Given
    cases: Annotated[tuple[CaseForm, ...], Field(min_length=1, max_length=MAX_CASES)]


MODELS: Final[dict[str, type[BaseModel]]] = {"runbook-test": TestFile, "world": WorldFile}
