"""The errors of this room.

PolicyError
├── LoadError         a file is not what it says it is; carries ``problems``, each with file, line, column
├── ExpressionError   an expression is outside the subset, or names what no schema has
├── TemplateError     a template is malformed or names what does not exist
└── ModelError        a contract's model has no value for what a read would show
"""

from dataclasses import dataclass, replace


class PolicyError(Exception):
    """Anything this room refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a file: where, what, and a stable ``code``. A ``warning`` refuses nothing."""

    file: str
    line: int
    column: int
    path: str
    message: str
    code: str
    warning: bool = False

    def as_warning(self) -> "Problem":
        """The same, as something to know that refuses nothing."""
        return replace(self, warning=True)

    def __str__(self) -> str:
        """``runbook.yaml:76:5 steps.1.timeuot: unknown field [unknown_field]``."""
        where = f"{self.file}:{self.line}:{self.column}"
        told = f"{where} {self.path + ': ' if self.path else ''}{self.message} [{self.code}]"
        return f"{told} (warning)" if self.warning else told


class LoadError(PolicyError):
    """A file could not be taken; nothing of it is in force."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep every problem found, in the order of the file."""
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)


class ExpressionError(PolicyError):
    """An expression does not parse, is outside the subset, or names what no schema has."""

    def __init__(self, message: str, column: int = 1) -> None:
        """``column`` counts from 1 inside the expression."""
        super().__init__(message)
        self.column = column


class TemplateError(PolicyError):
    """A template does not parse or names what does not exist."""

    def __init__(self, message: str, column: int = 1) -> None:
        """``column`` counts from 1 inside the template."""
        super().__init__(message)
        self.column = column


class ModelError(PolicyError):
    """A contract's model has no value for what a read would show."""
