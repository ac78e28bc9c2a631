"""Whether a call is well formed: its size, its tool's contract, its arguments' types, its texts."""

from typing import Final

from policies.call import Call
from policies.guards.context import GuardContext, Refusal
from policies.text import flaw
from policies.value_spec import fault_of
from state import canonical
from state.errors import CanonicalError

MAX_CALL_BYTES: Final = 32 * 1024
MAX_ARGUMENTS: Final = 40
MAX_KEY: Final = 300


def readable(call: Call, context: GuardContext) -> Refusal | None:
    """JSON values that an entry can hold, flat, and not too many or too large."""
    del context
    try:
        size = canonical.size_of(canonical.dumps([call.tool, call.arguments, call.resource, call.key]))
    except CanonicalError as error:
        return Refusal(code="call_malformed", message=f"the call cannot be frozen: {error}")
    if type(call.arguments) is not dict or len(call.key) > MAX_KEY:
        return Refusal(code="call_malformed", message="arguments are no object, or the key is too long")
    if size > MAX_CALL_BYTES or len(call.arguments) > MAX_ARGUMENTS:
        return Refusal(code="call_too_large", message=f"{size} bytes, {len(call.arguments)} arguments")
    return None


def contract(call: Call, context: GuardContext) -> Refusal | None:
    """The tool of exactly that name, with the contract that the run is pinned to."""
    found = context.contract
    if found is None or found.name != call.tool:
        return Refusal(code="tool_unknown", message=f"no tool is called {call.tool[:80]!a}")
    pinned = context.policy().contracts.get(call.tool)
    if pinned is None:
        return Refusal(code="tool_unknown", message=f"{call.tool} was not approved with this runbook")
    if pinned != found.digest:
        return Refusal(
            code="contract_changed",
            message=f"{call.tool} promises something else than when the run was admitted",
        )
    return None


def schema(call: Call, context: GuardContext) -> Refusal | None:
    """Every argument that the contract names, no other, each exactly of its type and inside its limits."""
    specs = context.promise().arguments
    for name in call.arguments:
        if name not in specs:
            return Refusal(code="argument_unknown", message=f"{call.tool} has no argument {name[:60]!a}")
    for name, spec in specs.items():
        if name not in call.arguments:
            return Refusal(code="argument_missing", message=f"argument {name} is missing")
        fault = fault_of(spec, call.arguments[name])
        if fault is not None:
            return Refusal(code=fault.code, message=f"argument {name} {fault.message}")
    return None


def text(call: Call, context: GuardContext) -> Refusal | None:
    """Texts that read the same to people and to programs; a line break is none of them."""
    del context
    for name, value in (*call.arguments.items(), ("the resource", call.resource)):
        found = flaw(value, allowed="") if isinstance(value, str) else None
        if found is not None:
            return Refusal(
                code="text_not_canonical", message=f"{name}: {found.why}, character {found.index + 1}"
            )
    return None
