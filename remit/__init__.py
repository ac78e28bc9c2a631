"""The doors: the command line, the settings, and the one place that knows every concrete class.

Here belong the commands and what they print, ``bootstrap`` (which wires ledger, gateway, agents and graph
together), the worker and the demo. Here does not belong a rule: doors ask the rooms behind them. Importing
this package loads none of those rooms, so that the command line starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.contract import Dedupe
    from tools.errors import PermanentError, TransientError, UnknownOutcomeError
    from tools.python_tool import Between, Pattern, tool
    from tools.secrets import Secret

__all__ = [
    "Between",
    "Dedupe",
    "Pattern",
    "PermanentError",
    "Secret",
    "TransientError",
    "UnknownOutcomeError",
    "tool",
]

# name -> the module that has it
_HOMES = {
    "Between": "tools.python_tool",
    "Dedupe": "policies.contract",
    "Pattern": "tools.python_tool",
    "PermanentError": "tools.errors",
    "Secret": "tools.secrets",
    "TransientError": "tools.errors",
    "UnknownOutcomeError": "tools.errors",
    "tool": "tools.python_tool",
}


def __getattr__(name: str) -> Any:
    """Hand out what extension authors take from here, loaded only when it is asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
