"""Where a role's instructions come from: a file of the package, read once."""

import functools
from importlib.resources import files

from agents.errors import PromptError


@functools.cache
def instructions(role: str) -> str:
    """The instructions of ``role`` as they stand in ``agents/prompts``; PromptError where there are none."""
    source = files("agents.prompts").joinpath(f"{role}.md")
    try:
        return source.read_text(encoding="utf-8")
    except OSError as error:
        raise PromptError(f"no prompt for {role!r}") from error
