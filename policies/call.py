"""A call as it will be sent, frozen, and the reply to it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from state import canonical
from state.entry import Role


class Outcome(StrEnum):
    """How an attempt ended. Only ``unknown`` leaves open whether the target was changed."""

    SUCCEEDED = "succeeded"  # the target said so, and its answer could be read
    REFUSED = "refused"  # definite and permanent: not applied, and sending again would not help
    NOT_APPLIED = "not_applied"  # definite: not applied, may be retried
    NOT_SENT = "not_sent"  # definite: no byte left this process
    UNKNOWN = "unknown"  # anything else after bytes have left


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
