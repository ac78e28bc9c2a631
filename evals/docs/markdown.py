"""How a generated page is put together: its note of origin, its tables, the words in them."""

from collections.abc import Iterable, Sequence


def page(title: str, source: str, *parts: str) -> str:
    """A whole page, with a note of where it comes from; ends in one newline."""
    note = f"<!-- Made from {source} by `python -m evals.docs`; edit that, not this. -->"
    return "\n\n".join((note, f"# {title}", *(p.strip() for p in parts if p.strip()))) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped, and a cell is one line."""
    lines = [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """A word as code."""
    return f"`{text}`"


def codes(words: Iterable[str]) -> str:
    """Several words as code, in the order given."""
    return ", ".join(code(word) for word in words)


def first_sentence_of(thing: object) -> str:
    """The docstring's first paragraph as one line; ValueError where there is none."""
    text = (getattr(thing, "__doc__", None) or "").strip().partition("\n\n")[0]
    if not text:
        raise ValueError(f"{thing!r} says nothing of itself")
    return " ".join(text.split()).replace("``", "`")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
