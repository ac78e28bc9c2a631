"""What keeps a rehearsal from being held. A case that fails is no error: it is a result.

DoorError (remit.errors)
└── UsageError
    └── RehearsalError    a test file, its world or its runbook cannot be used; the message says where and why
"""

from collections.abc import Iterable

from policies.errors import Problem
from remit.errors import UsageError


class RehearsalError(UsageError):
    """A test file cannot be used; nothing of it was run."""

    @classmethod
    def of(cls, problems: Iterable[Problem], *, code: str = "bad_file") -> "RehearsalError":
        """Say every problem in a line of its own."""
        lines = [str(problem) for problem in problems]
        return cls(
            "\n".join(lines),
            code=code,
            not_done="no case was run",
            hint="mend the file; the form is that of: remit runbook schema runbook-test",
        )
