"""How values, counts and answers are worded wherever a person reads them, and how long lines are wrapped."""

import json
import textwrap
from collections.abc import Mapping
from typing import Any, Final

WIDTH: Final = 100
LEAST_WIDTH: Final = 40


def value_text(value: Any) -> str:
    """A value as it stands in a runbook or in JSON: ``true``, ``null``; a string bare."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def pairs_text(values: Mapping[str, Any]) -> str:
    """``name=value`` of each."""
    return " ".join(f"{name}={value_text(value)}" for name, value in values.items())


def count_text(number: int, one: str, many: str = "") -> str:
    """``1 write``, ``2 writes``; ``many`` where the plural is no mere s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def answer_text(code: str, detail: str) -> str:
    """A code and what came with it, each said once: no code that its detail begins with, no empty detail."""
    said = " ".join(detail.split())
    while code and said.startswith(f"{code}: {code}"):
        said = said[len(code) + 2 :]
    if said in ("", "{}", "[]", '""', "null"):
        return code
    if not code or said == code or said.startswith((f"{code}:", f"{code} ")):
        return said.removesuffix(": {}")
    return f"{code}: {said}"


def clipped(text: str, limit: int) -> str:
    """``text`` on one line of at most ``limit`` characters, cut between words where one is near."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: max(0, limit - 1)]
    whole = cut if line[len(cut)] == " " else cut.rpartition(" ")[0]
    return (whole if len(whole) >= limit // 2 else cut).rstrip(" ,;:") + "…"


def wrapped(line: str, width: int = WIDTH, *, hang: int = 2) -> list[str]:
    """``line`` in lines of at most ``width``; all but the first begin with ``hang`` blanks."""
    text = line.rstrip()
    if len(text) <= width:
        return [text]
    width = max(LEAST_WIDTH, width)
    blanks = len(text) - len(text.lstrip(" "))
    return textwrap.wrap(
        text.lstrip(" "), width, initial_indent=" " * blanks, subsequent_indent=" " * hang,
        break_on_hyphens=False, drop_whitespace=True,
    )  # fmt: skip
