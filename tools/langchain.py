"""How remit's tools are handed to LangChain, and LangChain's become remit's. Only this file imports it.

A tool handed out is bound to a caller, which is the gateway of whoever hands it out: LangChain's own code
never holds an adapter or a credential.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langsmith import tracing_context
from pydantic import ValidationError

from policies.call import Reply
from policies.contract import BooleanSpec, Effect, IntegerSpec, ToolContract, ValueSpec
from state.outcome import Outcome
from tools.errors import PermanentError, SetupError, TransientError, UnknownOutcomeError, UnreadableReplyError
from tools.registry import source_digest
from tools.result import conform, parse_json
from tools.scrub import one_line
from tools.secrets import Secret

_OPEN: Final = {"additionalProperties": False}


def to_langchain(
    contract: ToolContract, call: Callable[[dict[str, Any]], Reply], description: str
) -> BaseTool:
    """Hand a tool out; ``call`` makes it through the gateway. What is not a success raises ToolException."""

    def run(**arguments: Any) -> dict[str, Any]:
        reply = call(arguments)
        if reply.outcome is not Outcome.SUCCEEDED:
            raise ToolException(f"{reply.outcome}: {reply.code} {reply.detail}".strip())
        return dict(reply.result or {})

    return StructuredTool.from_function(
        func=run,
        name=contract.name.replace(".", "__"),  # the dot is outside of what model providers allow in a name
        description=description,
        args_schema=argument_schema(contract),
        infer_schema=False,
    )


def argument_schema(contract: ToolContract) -> dict[str, Any]:
    """Write the contract's arguments as JSON Schema: all required, nothing else allowed."""
    properties = {name: _property(spec) for name, spec in contract.arguments.items()}
    return {
        "type": "object",
        "title": contract.name,
        "properties": properties,
        "required": list(properties),
        **_OPEN,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class LangChainTool:
    """A LangChain tool under a contract that somebody wrote for it."""

    contract: ToolContract
    tool: BaseTool = field(repr=False)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Invoke it; only an answer in the declared shape is a success, only a leaf of ours is definite."""
        del key, timeout_s  # neither can be handed to a LangChain tool: such a contract promises none
        try:
            with tracing_context(enabled=False):  # an environment variable must not send arguments elsewhere
                answer = self.tool.invoke(arguments)
            result = conform(_value(answer), self.contract.result)
        except ValidationError as error:
            # its own schema refused the arguments before it ran
            return _reply(Outcome.REFUSED, "arguments", str(error.error_count()) + " argument errors", secret)
        except TransientError as error:
            return _reply(Outcome.NOT_APPLIED, "transient", str(error), secret)
        except PermanentError as error:
            return _reply(Outcome.REFUSED, "permanent", str(error), secret)
        except (UnknownOutcomeError, UnreadableReplyError) as error:
            return _reply(Outcome.UNKNOWN, "unreadable", str(error), secret)
        except Exception as error:  # noqa: BLE001  # whatever a foreign tool raises proves nothing
            return _reply(Outcome.UNKNOWN, "raised", f"{type(error).__name__}: {error}", secret)
        return Reply(outcome=Outcome.SUCCEEDED, code="ok", result=result)


def from_langchain(tool: BaseTool, contract: ToolContract, source: Path) -> LangChainTool:
    """Take a LangChain tool in under ``contract``; ``source`` is the file that approval binds.

    SetupError where the contract's arguments are not the tool's, or where it promises an honoured key.
    """
    declared, wanted = set(contract.arguments), set(tool.args)
    if declared != wanted:
        names = ", ".join(sorted(declared ^ wanted))
        raise SetupError(f"tool {contract.name}: contract and LangChain tool differ in {names}")
    if contract.effect is Effect.WRITE and contract.dedupe.header:
        raise SetupError(f"tool {contract.name}: a LangChain tool cannot be handed a key or a condition")
    return LangChainTool(contract=contract.model_copy(update={"source": source_digest(source)}), tool=tool)


def _property(spec: ValueSpec) -> dict[str, Any]:
    if isinstance(spec, BooleanSpec):
        return {"type": "boolean"}
    limits: dict[str, Any]
    if isinstance(spec, IntegerSpec):
        limits = {"minimum": spec.minimum, "maximum": spec.maximum}
    else:
        limits = {
            "pattern": None if spec.pattern is None else f"^(?:{spec.pattern})$",
            "enum": None if spec.enum is None else list(spec.enum),
            "maxLength": spec.max_length,
        }
    return {"type": spec.type, **{name: limit for name, limit in limits.items() if limit is not None}}


def _value(answer: Any) -> Any:
    return parse_json(answer.encode()) if isinstance(answer, str) else answer


def _reply(outcome: Outcome, code: str, detail: str, secret: Secret | None) -> Reply:
    return Reply(outcome=outcome, code=code, detail=one_line(detail, secrets=[secret]))
