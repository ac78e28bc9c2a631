"""Does a request say one of a runbook's phrases? Whole words, and a field stands for exactly one of them.

Words of the phrase are compared case folded; what a field stands for is taken letter for letter.
"""

import re
from dataclasses import dataclass
from typing import Final

from policies.runbook import Runbook

_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A phrase of a runbook that a text says, with the words in its fields."""

    runbook: str
    phrase: str
    words: dict[str, str]


def words_of(text: str) -> list[str]:
    """The words of a text: what stands between blanks."""
    return text.split()


def said(runbook: Runbook, text: str) -> list[Said]:
    """Every phrase of ``runbook`` that is all of ``text``."""
    words = words_of(text)
    found = ((phrase, _fields(phrase, words)) for phrase in runbook.triggers.chat)
    return [Said(runbook=runbook.ref, phrase=p, words=w) for p, w in found if w is not None]


def _fields(phrase: str, words: list[str]) -> dict[str, str] | None:
    parts = words_of(phrase)
    if len(parts) != len(words):
        return None
    fields: dict[str, str] = {}
    for part, word in zip(parts, words, strict=True):
        name = _FIELD.fullmatch(part)
        if name is None:
            if part.casefold() != word.casefold():
                return None
        elif fields.setdefault(name[1], word) != word:
            return None
    return fields
