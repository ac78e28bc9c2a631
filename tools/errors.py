"""The errors of this room.

ToolError
├── TransientError          nothing was applied, sending again may help     (a tool's function raises it)
├── PermanentError          refused: nothing was applied, and it never will   (a tool's function raises it)
├── UnknownOutcomeError     it may have been applied                          (a tool's function raises it)
├── UnreadableReplyError    an answer is not what was declared; never leaves an adapter
├── AddressError            an address is malformed or not listed; never leaves an adapter
└── SetupError              something is not usable as it is set up
    ├── DuplicateToolError  two tools of one name
    ├── UnknownToolError    no tool of that name
    ├── SecretError         a secret is missing, or may be read by others
    └── CredentialClashError  two roles would use the same credential
"""


class ToolError(Exception):
    """Anything this room refuses."""


class TransientError(ToolError):
    """Nothing was applied; sending again may help. Outcome: not_applied."""


class PermanentError(ToolError):
    """The target refused for good; nothing was applied. Outcome: refused."""


class UnknownOutcomeError(ToolError):
    """It may or may not have been applied. Outcome: unknown."""


class UnreadableReplyError(ToolError):
    """An answer cannot be read as the result that the contract declares."""


class AddressError(ToolError):
    """An address is malformed, or it is not one that the owner listed."""


class SetupError(ToolError):
    """A tool, connector or credential is not usable as it is set up; nothing was sent."""


class DuplicateToolError(SetupError):
    """Two tools have the same name."""


class UnknownToolError(SetupError):
    """No tool has this name."""


class SecretError(SetupError):
    """A secret is missing, empty, or readable by others."""


class CredentialClashError(SetupError):
    """Two roles resolve to the same credential, and sharing it is not allowed."""
