"""Whether a text has one reading, for people and for programs. What has not is refused, never repaired.

Refused are control characters, all that does not show (bidi controls, zero-width and tag characters, fillers,
blanks that are no plain space, private and unassigned code points), what another program's NFKC would turn
into ASCII or into a mark of a path or an address (full-width dots, mathematical letters, the care-of sign),
anything but the composed form (NFC), and words that mix scripts which draw alike. Whole words of any script
are taken.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Default-ignorable code points that no category gives away, and the blank Braille pattern.
_IGNORABLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
_STRUCTURE: Final = frozenset("/\\:@?#%")
_DRAW_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
_JOINERS: Final = "-_."


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong with a text: a stable ``code``, ``why`` in words, and the ``index`` of the character.

    ``why`` names code points, never the characters themselves.
    """

    code: str
    why: str
    index: int


def hidden(text: str, *, allowed: str = "\n") -> Flaw | None:
    """Find the first character that does not show, or shows as another; those in ``allowed`` are taken."""
    if text.isascii() and text.isprintable():
        return None
    for index, character in enumerate(text):
        if character in allowed:
            continue
        unseen = unicodedata.category(character) in _UNSEEN or ord(character) in _IGNORABLE
        if unseen or _stands_for_ascii(character):
            kind = "does not show" if unseen else "shows as another"
            return Flaw(
                code="hidden_character" if unseen else "look_alike",
                why=f"a character that {kind} (U+{ord(character):04X})",
                index=index,
            )
    return None


def flaw(text: str, *, allowed: str = "\n") -> Flaw | None:
    """Find what keeps a text from being taken; characters in ``allowed`` are taken."""
    found = hidden(text, allowed=allowed)
    if found is not None or text.isascii():
        return found
    if not unicodedata.is_normalized("NFC", text):
        return Flaw(code="not_composed", why="letters that are not in the composed form (NFC)", index=0)
    return _mixed(text)


def _stands_for_ascii(character: str) -> bool:
    if character.isascii():
        return False
    folded = unicodedata.normalize("NFKC", character)
    if unicodedata.category(character) == "Zs":
        return True
    return (folded.isascii() and (len(folded) == 1 or folded == "..")) or bool(_STRUCTURE & set(folded))


def _mixed(text: str) -> Flaw | None:
    script = ""
    for index, character in enumerate(text):
        if not character.isalpha():
            # Digits and joining marks do not end a word: a look-alike hides best in "p-1".
            script = script if character.isalnum() or character in _JOINERS else ""
            continue
        own = unicodedata.name(character, "").partition(" ")[0]
        if own not in _DRAW_ALIKE:
            continue
        if script and own != script:
            why = f"a word that mixes {script.lower()} and {own.lower()} letters"
            return Flaw(code="look_alike", why=why, index=index)
        script = own
    return None
