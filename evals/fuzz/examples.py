"""What is tried at a door: valid documents that were spoilt, their texts, and bytes of no meaning."""

from typing import Final

from evals.fuzz.doors import Door
from evals.fuzz.mutate import Choices, spoilt, spoilt_text

_MOST_RAW: Final = 400


def example(door: Door, choices: Choices) -> bytes:
    """One thing to try."""
    documents, texts = door.examples(), door.texts()
    kind = choices.below(10)
    if documents and kind < 7:  # noqa: PLR2004
        content = door.render(spoilt(documents[choices.below(len(documents))], choices))
        return spoilt_text(content, choices) if choices.below(5) == 0 else content
    if texts and kind < 9:  # noqa: PLR2004
        return spoilt_text(texts[choices.below(len(texts))], choices)
    return bytes(choices.below(256) for _ in range(choices.below(_MOST_RAW)))
