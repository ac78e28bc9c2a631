"""What a tool promises: its contract, the part of a tool that policy judges and approval binds.

The function behind a contract lives in ``tools``; guards, lint, plan and proof need the contract alone.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from state import canonical


class Frozen(BaseModel):
    """A strict, immutable record without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Effect(StrEnum):
    """What a call does to the world."""

    READ = "read"
    WRITE = "write"
    NOTIFY = "notify"


class DedupeKind(StrEnum):
    """How a target settles a write that may have been sent twice."""

    NATIVE_KEY = "native_key"  # honours an idempotency key inside a window
    NATURAL_KEY = "natural_key"  # creates under a unique name
    CONDITIONAL_WRITE = "conditional_write"  # refuses when the frozen condition has moved
    READ_BACK = "read_back"  # cannot settle; the effect can be read
    NONE = "none"  # neither


class StringSpec(Frozen):
    """A string argument or input. ``pattern`` is matched against the whole text."""

    type: Literal["string"]
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    max_length: int = Field(default=2000, ge=1, le=65536)


class IntegerSpec(Frozen):
    """An integer argument or input."""

    type: Literal["integer"]
    minimum: int | None = None
    maximum: int | None = None


class BooleanSpec(Frozen):
    """A boolean argument or input."""

    type: Literal["boolean"]


ValueSpec = Annotated[StringSpec | IntegerSpec | BooleanSpec, Field(discriminator="type")]

# A result's shape, as data: "string" | "integer" | "boolean" | "any" | [shape] for a list | {name: shape}.
# A name that ends in "?" may be absent.
Shape = str | list[Any] | dict[str, Any]


class Dedupe(Frozen):
    """How doubles are settled.

    ``header`` carries the key (native_key); ``window_s`` how long the target remembers it, in seconds;
    ``condition`` names the argument that holds the version for a conditional write (``etag``); ``name``
    the argument that holds the unique name (natural_key).
    """

    kind: DedupeKind
    header: str | None = None
    window_s: float | None = None
    on_mismatch: Literal["error", "ignored"] | None = None
    condition: str | None = None
    name: str | None = None


class Answers(Frozen):
    """Which answers of a target are definite. After bytes have left, the rest is unknown.

    Codes are HTTP statuses or the fault numbers of the protocol.
    """

    succeeded: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    not_applied: tuple[int, ...] = ()


class ToolContract(Frozen):
    """Everything policy knows of a tool. Times are seconds.

    ``resource`` is a template over the arguments (``seats/{account}``) that names what a write touches,
    instance included; None for reads. ``longest_request_s``: how long a request that was sent may still
    land. ``read_lag_s``: how long a read may lag behind a write. ``repeatable``: a second effect does no
    harm (a tool that sets a state). ``recorded``: the fields of the result that the ledger keeps (all for
    reads). ``source``: digest of the Python module or connector entry that implements it.
    ``child_process``: it sends from a child process. ``model``: optional, what an applied write does to
    what a read shows (CEL by read tool and field).
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
    effect: Effect
    arguments: dict[str, ValueSpec]
    result: dict[str, Any]
    resource: str | None = None
    dedupe: Dedupe = Dedupe(kind=DedupeKind.NONE)
    repeatable: bool = False
    timeout_s: float = Field(default=10.0, gt=0, le=3600)
    longest_request_s: float = Field(default=0.0, ge=0, le=86400)
    read_lag_s: float = Field(default=0.0, ge=0, le=86400)
    answers: Answers = Answers()
    recorded: tuple[str, ...] = ()
    credentials: dict[str, str] = Field(default_factory=dict)  # role -> name of a secret
    connector: str = ""
    hosts: tuple[str, ...] = ()
    source: str = ""
    child_process: bool = False
    model: dict[str, dict[str, str]] | None = None

    @cached_property
    def digest(self) -> str:
        """The digest that runbooks' pins and approvals bind."""
        return canonical.digest_text(self.document)

    @cached_property
    def document(self) -> str:
        """The text that is digested, and that an approval keeps; ``from_document`` reads it."""
        return canonical.dumps(_without_floats(self.model_dump(mode="json")))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it, with nothing that was computed of this one: a changed copy has another digest."""
        made = super().model_copy(update=update, deep=deep)
        for computed in ("digest", "document"):
            made.__dict__.pop(computed, None)
        return made

    @classmethod
    def from_document(cls, text: str) -> "ToolContract":
        """The contract that ``text`` is the document of; pydantic's ValidationError for another text."""
        return cls.model_validate_json(text, strict=False)  # durations stand in it as text

    @property
    def sets_state(self) -> bool:
        """A repeatable read-back tool: undoing it is harmless when its effect is absent."""
        return self.repeatable and self.dedupe.kind is DedupeKind.READ_BACK


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict):
        return {k: _without_floats(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_floats(v) for v in value]
    return value
