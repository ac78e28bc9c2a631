"""What a tool is to everything else: a contract, and one function that sends.

Rules every tool keeps, held by ``tests/contract/test_tool_contract.py``:

1. ``send`` never raises for what a target does; it classifies. Before any byte of the request has left:
   ``not_sent``. A definite answer that the contract lists: ``succeeded`` (only with a result in the declared
   shape), ``refused`` or ``not_applied``. Everything else: ``unknown``.
2. ``timeout_s`` bounds the whole call, however slowly the target answers.
3. When ``send`` returns, this process sends nothing more for the call. The request may still land.
4. The key and the secret come in; a tool invents neither, and keeps neither.
"""

from typing import Any, Protocol, runtime_checkable

from policies.call import Reply
from policies.contract import ToolContract
from tools.secrets import Secret

__all__ = ["Reply", "Secret", "Tool", "ToolContract"]


@runtime_checkable
class Tool(Protocol):
    """A contract and the function behind it."""

    @property
    def contract(self) -> ToolContract:
        """What the tool promises; what approval binds."""
        ...

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make one call with arguments that passed the contract's schema, within ``timeout_s`` seconds."""
        ...
