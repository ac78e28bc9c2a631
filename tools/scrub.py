"""How text is made fit for a ledger, a log, a prompt or a page: secrets out, control characters out, capped.

In this order: exact values of live secrets and their encodings, then values beside telling key names, then
patterns of well-known credentials. What is taken out is replaced by ``[redacted]``.
"""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, quote_plus

from tools.secrets import Secret

MARK: Final = "[redacted]"
MAX_DETAIL: Final = 300
MAX_TEXT: Final = 16 * 1024
MAX_SAID: Final = 400
MAX_EVIDENCE: Final = 64 * 1024
MIN_SEEN: Final = 64 * 1024  # so much of a text is looked through, however little of it is kept
CUT: Final = "…"
MIN_SECRET: Final = 4  # a shorter value would blot out ordinary words
MIN_SPLIT: Final = 8  # of a shorter one the letters may stand so in a row of ordinary words
_MAX_ESCAPED: Final = 1024
_ESCAPES: Final = ("%", "\\", "&#")
_ESCAPE_CHARS: Final = 12  # as long as one character may become in a text that is not made to deceive
_CUT_ESCAPE: Final = re.compile(r"[%\\&][%#0-9A-Za-z]*")
_MAX_DEPTH: Final = 32

_ANSI: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|\x9b[0-?]*[ -/]*[@-~]"
)
_TELLING: Final = (
    r"(?:proxy[-_]?)?authorization|(?:set[-_]?)?cookie|(?:access|refresh|id|session|auth|bearer)?[-_]?token|"
    r"pass(?:word|wd|phrase)|pwd|secret|(?:client|shared)[-_]?secret|api[-_]?key|private[-_]?key|"
    r"access[-_]?key|signature|dsn"
)
_KEY_NAME: Final = re.compile(rf"(?:[a-z0-9]+[-_.])*(?:x[-_])?(?:{_TELLING})\Z", re.IGNORECASE)
_KEY_VALUE: Final = re.compile(
    rf"(?P<key>(?<![A-Za-z0-9])[\"']?(?:[a-z0-9]{{1,30}}[-_.]){{0,4}}(?:{_TELLING})[\"']?\s{{0,3}}[=:]\s{{0,3}})"
    r"(?P<value>(?!\[redacted\])(?:(?:bearer|basic|token|digest)\s+)?(?:\"[^\"\n]{0,4000}\"|'[^'\n]{0,4000}'|[^\s,;&\"'}\]]{1,4000}))",
    re.IGNORECASE,
)
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
        r"\b(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,4000}",
        r"\bey[JK][A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}(?:\.[A-Za-z0-9_-]{0,4000})?",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b|\bgithub_pat_[A-Za-z0-9_]{20,255}\b",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}\b",
        r"\bsk-[A-Za-z0-9_-]{16,255}\b",
        r"\bAIza[A-Za-z0-9_-]{35}\b",
        r"(?<=://)[^\s/@:]{1,255}:[^\s/@]{1,255}(?=@)",
    )
)


def clean(text: str, *, limit: int = MAX_TEXT) -> str:
    """Strip terminal sequences, control, bidi and invisible characters (newline, tab stay), and cap."""
    most = 4 * limit
    return _capped(_shown(text if len(text) <= most else text[:most] + CUT), limit)


def _shown(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in _ANSI.sub("", text) if c in "\n\t" or not _is_hidden(c))


def _capped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + CUT


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def scrub(text: str, *, secrets: Iterable[Secret | str | None] = (), limit: int = MAX_TEXT) -> str:
    """Take every secret out of ``text``, clean and cap it. Idempotent.

    It is capped behind all else. What was cut before (a text that ends in an ellipsis, or one too long to be
    looked through) loses what may be the beginning of a secret at its end.
    """
    if not text:
        return text
    values = frozenset(s.reveal() if isinstance(s, Secret) else s for s in secrets if s)
    most = max(4 * limit, MIN_SEEN)
    if len(text) > most:
        text = text[: most - 1] + CUT
    # Twice, because a control character inside a secret hides it from the first look.
    first = _without_values(text, values)
    shown = _shown(first)
    text = first if shown == first else _without_values(shown, values)
    text = _KEY_VALUE.sub(lambda found: found["key"] + MARK, text)
    for pattern in _PATTERNS:
        text = pattern.sub(MARK, text)
    text = _capped(text, limit)
    return _without_beginning(text.rstrip(CUT), values) + CUT if text.endswith(CUT) else text


def one_line(text: str, *, secrets: Iterable[Secret | str | None] = (), limit: int = MAX_DETAIL) -> str:
    """``text`` scrubbed and on one line, so that it can forge no second one."""
    return " ".join(scrub(text, secrets=secrets, limit=limit).split())


def scrub_value(value: Any, *, secrets: Iterable[Secret | str | None] = (), limit: int = MAX_TEXT) -> Any:
    """Scrub every string of a JSON value, and take out whatever stands under a telling key name."""
    known = list(secrets)
    return _walk(value, lambda text: scrub(text, secrets=known, limit=limit), 0)


def _walk(value: Any, scrubbed: Callable[[str], str], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return MARK
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, Mapping):
        return {
            scrubbed(str(k)): MARK
            if _KEY_NAME.match(str(k)) and v not in (None, "")
            else _walk(v, scrubbed, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_walk(item, scrubbed, depth + 1) for item in value]
    return value


def holds(text: str, values: Iterable[str]) -> bool:
    """Whether one of these secrets stands in ``text``, in any form that is looked for."""
    known = frozenset(values)
    shown = clean(text, limit=len(text) + 1)
    return _without_values(text, known) != text or _without_values(shown, known) != shown


def _without_beginning(text: str, values: frozenset[str]) -> str:
    """Take off the end of a cut text for as long as it is how one of these values may begin."""
    beginnings = [part for value in values for part in _parts(value) if len(part) >= MIN_SECRET]
    while values:
        places = [_plain_beginning(text, values), *(_escaped_beginning(text, part) for part in beginnings)]
        if min(places) == len(text):
            break
        text = text[: min(places)]
    return text


def _plain_beginning(text: str, values: frozenset[str]) -> int:
    """Where the longest end of ``text`` is with which a plain form begins; its length if there is none."""
    forms = _forms(values)
    most = max((len(letters) for _, letters, _ in forms), default=0)
    places = list(islice((at for at in range(len(text) - 1, -1, -1) if not text[at].isspace()), most))
    end = "".join(text[at] for at in reversed(places))
    longest = 0
    for _, letters, is_hex in forms:
        shown = end.lower() if is_hex else end
        lengths = range(min(len(letters), len(end)), longest, -1)
        longest = next((n for n in lengths if shown.endswith(letters[:n])), longest)
    return places[longest - 1] if longest else len(text)


def _escaped_beginning(text: str, value: str) -> int:
    """The same for a value of which any character may be escaped, and the last escape may be cut in two."""
    first = max(0, len(text) - _ESCAPE_CHARS * min(len(value), _MAX_ESCAPED))
    if not any(mark[0] in text[first:] for mark in _ESCAPES):
        return len(text)
    return next((at for at in range(first, len(text)) if _begins(text, at, _steps(value))), len(text))


def _begins(text: str, at: int, steps: Iterable[re.Pattern[str]]) -> bool:
    for step in steps:
        if at == len(text):
            return True
        found = step.match(text, at)
        if found is None:
            return len(text) - at < _ESCAPE_CHARS and _CUT_ESCAPE.fullmatch(text, at) is not None
        at = found.end()
    return at == len(text)


@lru_cache(maxsize=256)
def _steps(value: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(_any_escape(character)) for character in value)


def _without_values(text: str, values: Iterable[str]) -> str:
    known = frozenset(values)
    if not known:
        return text
    packed = "".join(text.split())
    packed_hex = packed.lower()
    for form, letters, is_hex in _forms(known):
        if letters in (packed_hex if is_hex else packed):
            # it may be broken into lines or columns
            text = _spaced(form).sub(MARK, text) if len(letters) >= MIN_SPLIT else text.replace(form, MARK)
    if any(mark in text for mark in _ESCAPES):
        for value in known:
            for pattern in _escaped(value):
                text = pattern.sub(MARK, text)
    return text


@lru_cache(maxsize=64)
def _forms(values: frozenset[str]) -> tuple[tuple[str, str, bool], ...]:
    """Every plain form of every value, the longest first, its letters alone, and whether it is hex."""
    forms = sorted(
        {form for value in values for form in encodings(value)}, key=lambda form: (-len(form), form)
    )
    return tuple((form, "".join(form.split()), _is_hex(form)) for form in forms)


@lru_cache(maxsize=256)
def _spaced(form: str) -> re.Pattern[str]:
    return re.compile(
        r"\s*".join(map(re.escape, "".join(form.split()))), re.IGNORECASE if _is_hex(form) else 0
    )


@lru_cache(maxsize=256)
def _escaped(value: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a value of which any character may be escaped, as URLs, JSON, Python or HTML do it."""
    parts = [part for part in _parts(value) if MIN_SECRET <= len(part) <= _MAX_ESCAPED]
    return tuple(re.compile("".join(map(_any_escape, part))) for part in parts)


def _any_escape(character: str) -> str:
    in_url = "".join(f"%(?:25)*{_either_case(f'{byte:02x}')}" for byte in character.encode())
    code = f"{ord(character):x}"
    in_text = [rf"\\u{_either_case(code.zfill(4))}", f"&#(?:[xX]0*{_either_case(code)}|0*{ord(character)});"]
    if len(code) <= 2:  # noqa: PLR2004 - two digits is what the escape has
        in_text.append(rf"\\x{_either_case(code.zfill(2))}")
    if not character.isalnum():
        in_text.append(r"\\" + re.escape(character))
    if character == " ":
        in_text.append(r"\+")
    return f"(?:{'|'.join([re.escape(character), in_url, *in_text])})"


def _either_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)


def _parts(value: str) -> Iterator[str]:
    """``value``, and of ``user:password`` and ``Bearer token`` the second half, which is the secret."""
    yield value
    for mark in (":", " "):
        if mark in value:
            yield from _parts(value.split(mark, 1)[1])


def encodings(value: str) -> set[str]:
    """Every form of a secret that is looked for: itself, and as base64 (at each offset), hex and URL text."""
    if len(value) < MIN_SECRET:
        return set()
    raw = value.encode()
    forms = {value, raw.hex(), quote(value, safe=""), quote_plus(value), quote(value)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):  # inside a longer text the same bytes may start at any of three offsets
            encoded = encode(b"\0" * shift + raw).decode().rstrip("=")
            # the outer characters mix with what stands beside the secret
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
            if len(inner) >= MIN_SECRET * 2:
                forms.add(inner)
        forms.add(encode(raw).decode())
    for part in list(_parts(value))[1:]:
        forms |= encodings(part)
    return {form for form in forms if len(form) >= MIN_SECRET}


def _is_hex(form: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8,}", form) is not None


class Scrubber:
    """The scrubber of a desk: knows every secret that the desk holds, whoever uses it."""

    def __init__(self, live: Callable[[], Iterable[str]]) -> None:
        """Ask ``live`` (``Secrets.live``) at each use, because secrets come and change while it works."""
        self._live = live

    def holds(self, text: str) -> bool:
        """Whether a secret of the desk stands in ``text``, in any form that is looked for."""
        return holds(text, self._live())

    def text(self, text: str, *, limit: int = MAX_TEXT) -> str:
        """``text`` scrubbed, cleaned, capped at ``limit`` characters."""
        return scrub(text, secrets=self._live(), limit=limit)

    def line(self, text: str, *, limit: int = MAX_DETAIL) -> str:
        """``text`` scrubbed, on one line."""
        if not text or (len(text) < MIN_SECRET and text.isascii() and text.isalnum()):
            return text[:limit]  # too short to hold anything that is looked for
        return one_line(text, secrets=self._live(), limit=limit)

    def said(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a human said, field by field: one line each, but a whole text as ``evidence``."""
        return {
            key: self.text(said, limit=MAX_EVIDENCE)
            if key == "evidence" and isinstance(said, str)
            else self._lines(said, 0)
            for key, said in body.items()
        }

    def _lines(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.line(value, limit=MAX_SAID)
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            return {self._lines(str(k), depth): self._lines(v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
            return [self._lines(item, depth + 1) for item in value]
        return value if isinstance(value, int | float | None) else MARK

    def value(self, value: Any, *, limit: int = MAX_TEXT) -> Any:
        """Scrub all strings of a JSON value."""
        return scrub_value(value, secrets=self._live(), limit=limit)
