"""The errors of this room.

AgentError
├── ModelNameError    no model is called so, or it lacks what it needs to be asked
└── PromptError       a role's prompt is not there
"""


class AgentError(Exception):
    """Anything this room refuses."""


class ModelNameError(AgentError):
    """No model is called so, or it lacks what it needs to be asked."""


class PromptError(AgentError):
    """A role's prompt is not in the package."""
