"""What a connector file is (``remit/connector/v1``): HTTP requests as tools, and their contracts."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from policies.contract import Answers, Dedupe, DedupeKind, Effect, Frozen, ToolContract, ValueSpec
from policies.durations import Duration, Span
from policies.step import Expression, Name, ToolName
from state import canonical

MS: Final = 1000
SCALARS: Final = frozenset({"string", "integer", "boolean", "any"})
_MAX_SHAPE_DEPTH: Final = 8
_FIELD: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,62}\??$"
_ASSIGNED: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")]
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Status = Annotated[int, Field(ge=200, le=599)]


def _shape(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_SHAPE_DEPTH:
        raise PydanticCustomError("bad_shape", "a result is nested too deep")
    if isinstance(value, str) and value in SCALARS:
        return value
    if isinstance(value, list | tuple) and len(value) == 1:
        return [_shape(value[0], depth + 1)]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {name: _shape(item, depth + 1) for name, item in value.items()}
    raise PydanticCustomError(
        "bad_shape", "a result is string, integer, boolean, any, a list of one shape, or fields with shapes"
    )


Shape = Annotated[Any, BeforeValidator(_shape)]


class RoleCredential(Frozen):
    """The header that carries a role's secret, and the secret's name."""

    header: HeaderName
    secret: SecretName


class Credentials(Frozen):
    """Writes use the executor's credential, every read the verifier's."""

    executor: RoleCredential | None = None
    verifier: RoleCredential | None = None


class Request(Frozen):
    """One HTTP request; ``path``, ``query``, ``headers`` and ``json_`` are templates over the arguments."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, Field(pattern=r"^/[^\s?#\\]*$", max_length=500)]
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json")


class HttpAnswers(Frozen):
    """Which HTTP statuses are definite answers; after bytes have left, the rest is unknown."""

    succeeded: Annotated[tuple[Status, ...], Field(min_length=1)]
    refused: tuple[Status, ...] = ()
    not_applied: tuple[Status, ...] = ()


class HttpDedupe(Frozen):
    """How doubles are settled; see ``Dedupe`` of a contract.

    ``header`` carries the idempotency key of a ``native_key``; ``condition`` names the argument with the
    version of a conditional write (the request puts it into ``If-Match`` or where the API wants it);
    ``name`` the argument that holds the unique name of a natural key.
    """

    kind: DedupeKind
    header: HeaderName | None = None
    window_ms: Span | None = Field(default=None, alias="window")
    on_mismatch: Literal["error", "ignored"] | None = None
    condition: Name | None = None
    name: Name | None = None


class HttpTool(Frozen):
    """One tool of a connector. Times are milliseconds.

    ``model``: what an applied write does to what reads of this connector show, an expression a field over
    that read's result ``before`` and the arguments.
    """

    name: ToolName
    effect: Effect
    arguments: dict[Name, ValueSpec] = Field(default_factory=dict)
    request: Request
    resource: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    timeout_ms: Span = Field(default=10_000, alias="timeout")
    dedupe: HttpDedupe = HttpDedupe(kind=DedupeKind.NONE)
    repeatable: bool = False
    longest_request_ms: Duration = Field(default=0, alias="longest_request")
    read_lag_ms: Duration = Field(default=0, alias="read_lag")
    answers: HttpAnswers
    result: dict[Annotated[str, Field(pattern=_FIELD)], Shape] = Field(default_factory=dict)
    recorded: tuple[str, ...] | None = None
    model: dict[ToolName, dict[Annotated[str, Field(pattern=_ASSIGNED)], Expression]] | None = None


class Connector(Frozen):
    """One connector file, ``base_url`` resolved."""

    schema_: Literal["remit/connector/v1"] = Field(alias="schema")
    connector: SecretName
    kind: Literal["http"]
    base_url: Annotated[str, Field(min_length=1, max_length=500)]
    credentials: Credentials = Credentials()
    tools: Annotated[tuple[HttpTool, ...], Field(min_length=1, max_length=200)]

    def contracts(self) -> dict[str, ToolContract]:
        """Every tool's contract by name; its ``source`` binds the request, base address and headers."""
        return {tool.name: self._contract(tool) for tool in self.tools}

    def _contract(self, tool: HttpTool) -> ToolContract:
        secrets = {
            role: credential.secret
            for role, credential in (
                ("executor", self.credentials.executor),
                ("verifier", self.credentials.verifier),
            )
            if credential is not None
        }
        source = {
            "base_url": self.base_url,
            "credentials": self.credentials.model_dump(mode="json"),
            "tool": tool.model_dump(mode="json", by_alias=True),
        }
        return ToolContract(
            name=tool.name,
            effect=tool.effect,
            arguments=tool.arguments,
            result=tool.result,
            resource=tool.resource,
            dedupe=Dedupe(
                kind=tool.dedupe.kind,
                header=tool.dedupe.header,
                window_s=None if tool.dedupe.window_ms is None else tool.dedupe.window_ms / MS,
                on_mismatch=tool.dedupe.on_mismatch,
                condition=tool.dedupe.condition,
                name=tool.dedupe.name,
            ),
            repeatable=tool.repeatable,
            timeout_s=tool.timeout_ms / MS,
            longest_request_s=tool.longest_request_ms / MS,
            read_lag_s=tool.read_lag_ms / MS,
            answers=Answers(**tool.answers.model_dump()),
            recorded=tuple(f.removesuffix("?") for f in tool.result)
            if tool.recorded is None
            else tool.recorded,
            credentials=secrets,
            connector=self.connector,
            hosts=(urlsplit(self.base_url).netloc,),
            source=canonical.digest(source),
            model=tool.model,
        )
