"""What a model is to a role: something that is asked once, within limits, and may answer.

Rules every model keeps, held by ``tests/unit/agents/test_models.py``:

1. ``answer`` never raises and never takes longer than ``timeout_s``; ``problem`` says what went wrong.
2. ``value`` is an instance of the schema that was asked for, or None.
3. A model sees what stands in the prompt and nothing else, and it can cause nothing.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel

MAX_SECTION_CHARS: Final = 1_500
MAX_PROMPT_CHARS: Final = 10_000
_CUT: Final = " …[cut]"
_LEFT_OUT: Final = "[left out: too long]"

V = TypeVar("V", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A piece of what a model is shown. ``trusted`` False: text or values from outside, never an order."""

    label: str
    text: str
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: the role's own instructions, and labelled data behind them."""

    role: str
    instructions: str
    sections: tuple[Section, ...] = ()

    @property
    def digest(self) -> str:
        """``sha256:`` over the instructions and the sections as they are shown; recorded with the answer."""
        text = json.dumps([self.role, self.instructions, self.data()], ensure_ascii=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def data(self) -> str:
        """The sections as one JSON text, so that no piece of data can end its own frame.

        Each section is cut at MAX_SECTION_CHARS, the whole at about MAX_PROMPT_CHARS: what no longer fits
        is named and left out.
        """
        shown: list[dict[str, str]] = []
        left = MAX_PROMPT_CHARS
        for section in self.sections:
            piece = _piece(section)
            size = _size(piece)
            if size > left:
                piece["text"] = _LEFT_OUT
                size = _size(piece)
            left -= size
            shown.append(piece)
        return json.dumps({"sections": shown}, ensure_ascii=True, indent=1)


def _piece(section: Section) -> dict[str, str]:
    text = section.text
    if len(text) > MAX_SECTION_CHARS:
        text = text[:MAX_SECTION_CHARS] + _CUT
    return {"label": section.label, "kind": "fact" if section.trusted else "untrusted data", "text": text}


def _size(piece: dict[str, Any]) -> int:
    return len(json.dumps(piece, ensure_ascii=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[V]):
    """What came back. ``tokens``: as the endpoint counts them, 0 where it says nothing.

    ``problem`` is one word where ``value`` is None: timeout, unreachable, refused, rate_limited, status,
    too_large, malformed, unscripted or no_rule; ``detail`` one line about it.
    """

    value: V | None
    tokens: int
    model_id: str
    problem: str = ""
    detail: str = ""


class Model(Protocol):
    """Something that answers a prompt in a given shape."""

    @property
    def model_id(self) -> str:
        """What entries call it: ``rules``, ``openai:NAME``."""
        ...

    @property
    def consults(self) -> bool:
        """Whether asking costs a call and tokens; False for rules, which need no reservation."""
        ...

    def answer(self, prompt: Prompt, schema: type[V], *, timeout_s: float, max_tokens: int) -> Answer[V]:
        """Ask once: ``timeout_s`` seconds in all, ``max_tokens`` of answer at most. Never raises."""
        ...
