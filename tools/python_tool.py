"""How a Python function becomes a tool: ``@tool(...)``, which authors take from ``remit``.

    @tool(name="seats.get", effect="read", result={"seats": "integer"})
    def get_seats(account: Annotated[str, Pattern("acc-[0-9]{1,9}")]) -> dict: ...

Arguments are strings, integers and booleans, given by name; ``Literal`` and ``Annotated`` narrow them. The
function may also ask for ``key``, ``secret`` and ``timeout_s``, which are not arguments. What it raises is
its answer: TransientError, PermanentError or UnknownOutcomeError. Anything else it raises proves nothing.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from policies.call import Reply
from policies.contract import (
    Answers,
    BooleanSpec,
    Dedupe,
    DedupeKind,
    Effect,
    IntegerSpec,
    StringSpec,
    ToolContract,
    ValueSpec,
)
from state.outcome import Outcome
from tools.desk_modules import DeskModules, origin_of
from tools.errors import (
    DuplicateToolError,
    PermanentError,
    SetupError,
    TransientError,
    UnknownOutcomeError,
    UnreadableReplyError,
)
from tools.registry import source_digest
from tools.result import conform
from tools.scrub import one_line
from tools.secrets import Secret

_GIVEN: Final = frozenset({"key", "secret", "timeout_s"})
_RAISED: Final[Mapping[type[Exception], Outcome]] = MappingProxyType(
    {
        TransientError: Outcome.NOT_APPLIED,
        PermanentError: Outcome.REFUSED,
        UnknownOutcomeError: Outcome.UNKNOWN,
    }
)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Pattern:
    """A string argument must match this whole, and be no longer than ``max_length``."""

    regex: str
    max_length: int = 2000


@dataclass(frozen=True, slots=True)
class Between:
    """An integer argument must lie between these, both included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTool:
    """A function with its contract."""

    contract: ToolContract
    function: Callable[..., Any] = field(repr=False)
    given: frozenset[str]

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Call the function; its return is the result, what it raises the classification.

        ``timeout_s`` is handed to a function that asks for it: a thread cannot be ended from outside.
        """
        offered = {"key": key, "secret": secret, "timeout_s": timeout_s}
        try:
            value = self.function(**arguments, **{name: offered[name] for name in self.given})
            result = conform(_plain(value), self.contract.result)
        except UnreadableReplyError as error:
            detail = one_line(str(error), secrets=[secret])
            return Reply(outcome=Outcome.UNKNOWN, code="unreadable", detail=detail)
        except Exception as error:  # noqa: BLE001  # whatever an author's function raises is an answer
            return _raised(error, secret)
        return Reply(outcome=Outcome.SUCCEEDED, code="ok", result=result)


def tool(
    *,
    name: str,
    effect: Effect | Literal["read", "write", "notify"],
    result: type[BaseModel] | dict[str, Any],
    resource: str | None = None,
    dedupe: Dedupe | DedupeKind | Literal["natural_key", "read_back", "none"] = DedupeKind.NONE,
    repeatable: bool = False,
    timeout_s: float = 10.0,
    longest_request_s: float = 0.0,
    read_lag_s: float = 0.0,
    recorded: Iterable[str] = (),
    credentials: Mapping[str, str] | None = None,
    child_process: bool = False,
    model: dict[str, dict[str, str]] | None = None,
) -> Callable[[F], F]:
    """Declare a function of a module that ``remit.toml`` names to be a tool. Times are seconds.

    ``model``: what an applied write does to what reads of the same module show, by read and field an
    expression over that read's result ``before`` and the arguments; lint types it. The function stays
    callable as it is. SetupError for a declaration that cannot be kept.
    """

    def declare(function: F) -> F:
        arguments, given = _signature(name, function)
        try:
            contract = ToolContract(
                name=name,
                effect=Effect(effect),
                arguments=arguments,
                result=_shape_of(name, result),
                resource=resource,
                dedupe=dedupe if isinstance(dedupe, Dedupe) else Dedupe(kind=DedupeKind(dedupe)),
                repeatable=repeatable,
                timeout_s=timeout_s,
                longest_request_s=longest_request_s,
                read_lag_s=read_lag_s,
                answers=Answers(),
                recorded=tuple(recorded),
                credentials=dict(credentials or {}),
                connector=_connector(function),
                source=_source(function),
                child_process=child_process,
                model=model,
            )
        except ValueError as error:
            raise SetupError(f"tool {name}: {error}") from None
        if contract.effect is Effect.WRITE and not contract.resource:
            raise SetupError(f"tool {name}: a write names its resource")
        if contract.dedupe.kind is DedupeKind.NATIVE_KEY and "key" not in given:
            raise SetupError(f"tool {name}: native_key, but the function does not take the key")
        if "secret" in given and not contract.credentials:
            raise SetupError(f"tool {name}: the function takes a secret, but no role has one")
        function.__remit_tool__ = PythonTool(contract=contract, function=function, given=given)  # type: ignore[attr-defined]
        return function

    return declare


def load_module_tools(modules: DeskModules, names: Iterable[str] | None = None) -> list[PythonTool]:
    """Execute the listed modules (or only ``names`` of them) and give the tools that each itself declares.

    SetupError when one cannot be executed or declares none; DuplicateToolError for two of one name.
    """
    found: dict[str, PythonTool] = {}
    imported = {one for name in modules.listed for one in modules.closure(name) if one != name}
    for module_name in modules.listed if names is None else names:
        declared = _declared(modules.module(module_name))
        if not declared and module_name not in imported:
            raise SetupError(f"module {module_name} declares no tool, and no module with tools imports it")
        for made in declared:
            if made.contract.name in found:
                raise DuplicateToolError(f"two tools are called {made.contract.name}")
            found[made.contract.name] = made
    return list(found.values())


def _declared(module: ModuleType) -> list[PythonTool]:
    own = [v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__]
    tools = [getattr(v, "__remit_tool__", None) for v in own]
    return [t for t in tools if isinstance(t, PythonTool)]


def _raised(error: Exception, secret: Secret | None) -> Reply:
    detail = one_line(f"{type(error).__name__}: {error}", secrets=[secret])
    for leaf, outcome in _RAISED.items():
        if isinstance(error, leaf):
            return Reply(outcome=outcome, code=leaf.__name__.removesuffix("Error").lower(), detail=detail)
    return Reply(outcome=Outcome.UNKNOWN, code="raised", detail=detail)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _source(function: Callable[..., Any]) -> str:
    origin = origin_of(function.__module__)
    if origin is not None:
        return origin.digest
    file = inspect.getsourcefile(function)
    if file is None or not Path(file).is_file():
        raise SetupError(f"{function.__name__} comes from no file that approval could bind")
    return source_digest(Path(file))


def _connector(function: Callable[..., Any]) -> str:
    origin = origin_of(function.__module__)
    return function.__module__ if origin is None else origin.name


def _signature(name: str, function: Callable[..., Any]) -> tuple[dict[str, ValueSpec], frozenset[str]]:
    hints = typing.get_type_hints(function, include_extras=True)
    arguments: dict[str, ValueSpec] = {}
    given = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise SetupError(f"tool {name}: {parameter} cannot be declared; arguments are named")
        if parameter.name in _GIVEN:
            given.add(parameter.name)
        elif parameter.name not in hints:
            raise SetupError(f"tool {name}: argument {parameter.name} has no type")
        elif parameter.default is not parameter.empty:
            raise SetupError(f"tool {name}: argument {parameter.name} has a default; every argument is given")
        else:
            arguments[parameter.name] = _spec(
                f"tool {name}: argument {parameter.name}", hints[parameter.name]
            )
    return arguments, frozenset(given)


def _spec(where: str, hint: Any) -> ValueSpec:
    narrowing: tuple[Any, ...] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *rest = typing.get_args(hint)
        narrowing = tuple(rest)
    if typing.get_origin(hint) is Literal and all(type(v) is str for v in typing.get_args(hint)):
        return StringSpec(type="string", enum=typing.get_args(hint))
    if hint is bool:
        return BooleanSpec(type="boolean")
    if hint is int:
        bounds = next((n for n in narrowing if isinstance(n, Between)), Between())
        return IntegerSpec(type="integer", minimum=bounds.minimum, maximum=bounds.maximum)
    if hint is str:
        pattern = next((n for n in narrowing if isinstance(n, Pattern)), None)
        if pattern is None:
            return StringSpec(type="string")
        try:
            re.compile(pattern.regex)
        except re.error as error:
            raise SetupError(f"{where}: {error}") from None
        return StringSpec(type="string", pattern=pattern.regex, max_length=pattern.max_length)
    raise SetupError(f"{where} is neither str, int, bool nor a Literal of strings")


def _shape_of(name: str, result: type[BaseModel] | dict[str, Any]) -> dict[str, Any]:
    if isinstance(result, dict):
        return result
    return {
        field_name + ("" if info.is_required() else "?"): _shape(
            f"tool {name}: result {field_name}", info.annotation
        )
        for field_name, info in result.model_fields.items()
    }


def _shape(where: str, hint: Any) -> Any:
    kinds = {str: "string", int: "integer", bool: "boolean", Any: "any"}
    if hint in kinds:
        return kinds[hint]
    if typing.get_origin(hint) is list:
        return [_shape(where, typing.get_args(hint)[0])]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _shape_of(where, hint)
    raise SetupError(f"{where}: a result holds strings, integers, booleans, lists and models of these")
