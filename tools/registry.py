"""Which tools there are, by name, and the digest of what they promise."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from policies.contract import ToolContract
from state import canonical
from tools.errors import DuplicateToolError, UnknownToolError
from tools.port import Tool


def source_digest(path: Path) -> str:
    """``sha256:`` and the hex digest of the file that implements a tool."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


class Registry:
    """Tools by their exact name; no alias, no case folding."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        """Take ``tools``; DuplicateToolError when two have one name."""
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool) -> None:
        """Take one more tool; DuplicateToolError when its name is taken."""
        name = tool.contract.name
        if name in self._tools:
            raise DuplicateToolError(f"two tools are called {name}")
        self._tools[name] = tool

    def contracts(self) -> Mapping[str, ToolContract]:
        """Every contract by the name of its tool, sorted by name."""
        return MappingProxyType({name: self._tools[name].contract for name in sorted(self._tools)})

    def tool(self, name: str) -> Tool:
        """Find the tool of exactly that name; UnknownToolError."""
        try:
            return self._tools[name]
        except KeyError:
            raise UnknownToolError(f"no tool is called {name!r}") from None

    def contracts_digest(self, names: Iterable[str]) -> str:
        """One digest over the contracts of ``names``, in no matter which order; UnknownToolError."""
        return canonical.digest({name: self.tool(name).contract.digest for name in sorted(set(names))})
