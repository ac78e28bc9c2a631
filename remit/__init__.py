"""The doors: the command line, the settings, and the one place that knows every concrete class.

Here belong the commands and what they print, ``bootstrap`` (which wires ledger, gateway, agents and graph
together), the worker and the demo. Here does not belong a rule: doors ask the rooms behind them. Importing
this package loads none of those rooms, so that the command line starts at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.python_tool import tool

__all__ = ["tool"]


def __getattr__(name: str) -> Any:
    """Hand out what extension authors take from here, loaded only when it is asked for."""
    if name == "tool":
        from tools.python_tool import tool

        return tool
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
