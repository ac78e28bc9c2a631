"""How rows that no chain explains are sealed, counted, and tied to the payload key of their ledger.

With a key, a seal is a MAC: whoever holds the database but not the key cannot make one. Without a key it is
a digest, which finds mistakes only.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

KEYED: Final = "hmac-sha256:"
PLAIN: Final = "sha256:"
NO_KEY: Final = "none"
CHAINS: Final = "chains"
SIGNALS: Final = "signals"
TALLIES: Final = (CHAINS, SIGNALS)
"""What is counted, since the loss of a whole one would leave nothing that tells of it."""
_SEAL: Final = b"remit/ledger-seal/v1"
_MARK: Final = b"remit/ledger-key-mark/v1"
_MODULUS: Final = 1 << 256


@lru_cache(maxsize=8)
def derived(label: bytes, key: bytes) -> bytes:
    """A key of its own for each kind of seal, from the payload key."""
    # The label is the MAC's key and the key its text, as HKDF extracts: a payload whose words were chosen
    # with care has a digest made with the key itself, and must never come out as a seal or as this.
    return hmac.new(label, key, hashlib.sha256).digest()


def seal_of(*columns: str | int | None, key: bytes | None = None) -> str:
    """Make the seal of a row that no chain explains, over its other columns, in their order."""
    text = json.dumps(columns, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    if key is None:
        return PLAIN + hashlib.sha256(text).hexdigest()
    return KEYED + hmac.new(derived(_SEAL, key), text, hashlib.sha256).hexdigest()


def key_mark(key: bytes | None) -> str:
    """Say which key a ledger was made with, without telling it; ``none`` for no key."""
    if key is None:
        return NO_KEY
    return KEYED + hmac.new(derived(_MARK, key), _MARK, hashlib.sha256).hexdigest()


def tallied(digest: str, *members: str) -> str:
    """Add ``members`` to the digest of a set, in whatever order they come; "" is that of the empty set."""
    total = int(digest or "0", 16)
    for member in members:
        hashed = hashlib.sha256(member.encode(errors="surrogatepass")).digest()
        total = (total + int.from_bytes(hashed)) % _MODULUS
    return f"{total:064x}"


def tally_row(name: str, members: Iterable[str], *, key: bytes | None) -> dict[str, str | int]:
    """List the columns of the tally of all ``members``."""
    names = list(members)
    return tally_columns(name, len(names), tallied("", *names), key=key)


def tally_columns(name: str, number: int, digest: str, *, key: bytes | None) -> dict[str, str | int]:
    """List the columns of a tally under its seal."""
    sealed = seal_of(name, number, digest, key=key)
    return {"name": name, "number": number, "digest": digest, "seal": sealed}
