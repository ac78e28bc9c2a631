"""How free text is kept beside the chain: under a keyed digest, so that it can be erased and not guessed."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Any, Final

from state.ledger.port import Payload

PREFIX: Final = "hmac-sha256:"
_DIGEST: Final = re.compile("[a-z][a-z0-9-]*:[0-9a-f]{64}")


def payload_digest(text: str, *, key: bytes) -> str:
    """Make the digest under which ``text`` is kept: HMAC-SHA256 of its UTF-8, hex, prefixed."""
    return PREFIX + hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def payload_of(text: str, *, key: bytes) -> Payload:
    """Make a payload of ``text``; its digest is what stands in the entry's body."""
    return Payload(digest=payload_digest(text, key=key), text=text)


def references(value: Any) -> Iterator[str]:
    """Yield every digest that stands anywhere in a body: one of them may name a payload."""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
