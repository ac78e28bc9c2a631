"""The errors of this room.

DoorError                 a door refuses; carries a stable ``code``, a hint and an exit code
├── SettingsError         ``remit.toml`` or a ``REMIT_...`` variable is not usable; exit 2
├── DeskError             there is no desk here, or it is not usable; exit 2
├── UsageError            the command line asks for what does not exist; exit 2
├── NotSignedInError      nobody known is asking; exit 4
├── RefusedError          policy refuses it; exit 5
└── ConflictError         another run holds what it needs; exit 6
"""

from typing import ClassVar


class DoorError(Exception):
    """A door refuses: what happened (the message), a stable ``code``, and what to do next (``hint``)."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, code: str, hint: str = "", not_done: str = "nothing was done"
    ) -> None:
        """Keep what happened, its code, what was not done, and what to do next."""
        super().__init__(message)
        self.code, self.hint, self.not_done = code, hint, not_done


class SettingsError(DoorError):
    """The settings are not usable; nothing was done."""

    exit_code = 2


class DeskError(DoorError):
    """There is no desk here, or it is not usable; nothing was done."""

    exit_code = 2


class UsageError(DoorError):
    """The command line names what does not exist; nothing was done."""

    exit_code = 2


class NotSignedInError(DoorError):
    """Nobody known is asking; nothing was done."""

    exit_code = 4


class RefusedError(DoorError):
    """Policy refuses it; nothing was sent."""

    exit_code = 5


class ConflictError(DoorError):
    """Somebody else holds what it needs; nothing was sent."""

    exit_code = 6
