"""What can be wrong with a runbook's expressions, as values: the laws, and what breaks them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from policies.proof.effects import Book, Look
from policies.proof.starts import Shown, Start, value_of
from policies.sites import sites
from policies.yaml_tree import Path

MAX_VALUE: Final = 60  # characters of one value in a story

# What each law says, and whether breaking it is a counterexample or something to know.
EXPRESSION_LAWS: Final[Mapping[str, tuple[str, bool]]] = MappingProxyType(
    {
        "probe_absent_after_applying": ("a probe does not say absent of what was applied", True),
        "probe_applied_before": ("a probe does not say applied of what was never sent", True),
        "probe_contradicts": ("a probe's two answers are never true at once", True),
        "probe_blind": ("a probe tells what was applied", False),
        "check_passes_untouched": ("a step's checks do not pass on a target that it never touched", True),
        "check_fails_after_applying": ("a step's checks pass once it was applied", True),
        "completion_passes_untouched": ("a run that does nothing does not complete", True),
        "completion_fails": ("a run that does everything completes", True),
        "steps_fight": ("no step takes away what an earlier one was for", True),
        "optional_needed": ("what an optional step would have done is needed by no other", True),
        "precondition_undone": ("no step makes a precondition false that the next one is held by", True),
        "undo_keeps_effect": ("undoing a step brings back what was before it", True),
        "expression_unknown": ("every expression can be told", False),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken law. ``path``: of the expression in the file; ``story``: how to see it, line by line."""

    law: str
    path: Path
    headline: str
    story: tuple[str, ...]

    @property
    def blocks(self) -> bool:
        """Whether it is a counterexample, or only something to know."""
        return EXPRESSION_LAWS[self.law][1]

    @property
    def site(self) -> str:
        """The path, dotted."""
        return ".".join(map(str, self.path))

    @property
    def text(self) -> str:
        """The whole counterexample."""
        return "\n".join((self.headline, *(f"  {line}" for line in self.story)))


class Telling:
    """How states, calls and answers are written in a story: only what some expression looks at."""

    def __init__(self, book: Book) -> None:
        """Tell of one runbook."""
        self._book = book
        texts = [site.text for site in sites(book.runbook) if not site.template]
        self._fields = book.fields_read(*texts)

    def beginning(self, start: Start) -> tuple[str, ...]:
        """Inputs and what every read shows at first."""
        given = ", ".join(f"{name} = {_value(value)}" for name, value in start.inputs.items())
        return (
            f"asked for with {given}" if given else "asked for",
            f"at first {self.state(start, start.shown)}",
        )

    def state(self, start: Start, shown: Shown) -> str:
        """What every read shows."""
        told = []
        for place, text in zip(start.places, shown, strict=True):
            seen = "could show anything" if text is None else f"shows {self._fields_of(place.tool, text)}"
            told.append(f"{' and '.join(place.names)} {seen}")
        return "; ".join(told) or "nothing is observed"

    def _fields_of(self, tool: str, text: str) -> str:
        value = value_of(text)
        looked = {field for of, field in self._fields if of == tool}
        looked |= set(self._touched(tool))
        shown = {name: inner for name, inner in value.items() if name in looked} or value
        return ", ".join(f"{name} {_value(inner)}" for name, inner in shown.items())

    def _touched(self, tool: str) -> set[str]:
        return {f for *_, contract in self._book.writes for f in (contract.model or {}).get(tool, {})}

    def sent(self, what: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """A call as it is sent."""
        given = ", ".join(f"{name} {_value(value)}" for name, value in arguments.items())
        return f"{what} sends {tool} ({given})"

    def answer(self, name: str, text: str, said: str) -> str:
        """What an expression says."""
        return f"{name} is {said}: {text}"

    def why(self, text: str, look: Look) -> str:
        """The reason why an expression is unknown."""
        return self._book.why(text, look)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
