"""A call as it will be sent, frozen, and the reply to it."""

from dataclasses import dataclass, field
from typing import Any

from state import canonical
from state.entry import Role
from state.outcome import Outcome

__all__ = ["Call", "Outcome", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call with frozen arguments.

    ``arguments`` are JSON values that passed the contract's schema; ``key`` the idempotency key
    (run/step/ordinal), empty for reads; ``resource`` what a write touches.
    """

    tool: str
    arguments: dict[str, Any]
    role: Role
    resource: str = ""
    key: str = ""
    timeout_s: float = 10.0

    @property
    def digest(self) -> str:
        """What guards allow and the transport must send: tool, arguments, resource, key."""
        return canonical.digest(
            {"tool": self.tool, "arguments": self.arguments, "resource": self.resource, "key": self.key}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.

    ``result`` has the contract's result shape where ``outcome`` is succeeded, else None; ``code`` is the
    target's own code (``409``, ``fault 20``, ``timeout``); ``detail`` one line, already scrubbed and capped.
    ``condition_failed``: a conditional write was refused because its condition has moved (412).
    ``pauses``: a desk fault (401, 403) that pauses the connector and consumes no attempt.
    """

    outcome: Outcome
    result: dict[str, Any] | None = None
    code: str = ""
    detail: str = ""
    condition_failed: bool = False
    pauses: bool = False
    notes: tuple[str, ...] = field(default=())
