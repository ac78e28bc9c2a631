"""A model that answers from a script: for tests and scenarios, through the same checks as a real one."""

from collections.abc import Callable, Iterable
from typing import Any

from agents.models.port import Answer, Prompt, V
from agents.models.reading import read_answer

Line = str | dict[str, Any] | BaseException | Callable[[Prompt], Any]


class ScriptedModel:
    """Answers with the next line: JSON text, an object, an error, or a function of the prompt."""

    consults = True

    def __init__(self, lines: Iterable[Line], *, model_id: str = "scripted") -> None:
        """``lines`` in order; behind the last one every answer is ``unscripted``."""
        self.model_id = model_id
        self._lines = list(lines)
        self.asked: list[Prompt] = []

    def answer(self, prompt: Prompt, schema: type[V], *, timeout_s: float, max_tokens: int) -> Answer[V]:  # noqa: ARG002
        """Take the next line of the script."""
        self.asked.append(prompt)
        if not self._lines:
            return Answer(value=None, tokens=0, model_id=self.model_id, problem="unscripted")
        line = self._lines.pop(0)
        if callable(line):
            line = line(prompt)
        if isinstance(line, BaseException):
            return Answer(
                value=None, tokens=0, model_id=self.model_id, problem="unreachable", detail=str(line)[:200]
            )
        return read_answer(line, schema, model_id=self.model_id, tokens=1)
