"""With which key an export is checked: one that is given, else the desk's where it was made with that."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.errors import DoorError, UsageError

if TYPE_CHECKING:
    from remit.cli.door import Door
    from state.ledger.port import Record

_MOST_ROWS: Final = 1_000_000


def key_from(path: Path) -> bytes:
    """Read a key that is given; UsageError where the file holds none."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} holds no payload key: {error}", code="bad_payload_key") from error
    if not key:
        raise UsageError(f"{path} holds no payload key: it is empty", code="bad_payload_key")
    return key


def key_at_hand(door: "Door", export: Path) -> bytes | None:
    """Read the key of the desk that is meant, where there is a desk and ``export`` is of its ledger."""
    from remit.desk import KEY_FILE

    try:
        path = door.settings().private / "secrets" / KEY_FILE
    except DoorError:
        return None  # no desk here: an export is checked anywhere
    if not path.is_file():
        return None
    key = key_from(path)
    return key if _made_with(key, export) else None


def _made_with(key: bytes, export: Path) -> bool:
    """Whether the mark of an export, or of one run's its first sealed row, was made with ``key``."""
    from state.errors import StateError
    from state.ledger.export import records_of
    from state.ledger.seals import key_mark

    sealed: Record | None = None
    try:
        for table, row in islice(records_of(export), _MOST_ROWS):
            if table == "payload_key":
                return bool(row["mark"] == key_mark(key))
            if table in ("claims", "signals", "outbox") and sealed is None:
                sealed = table, row
    except StateError:
        return False  # whoever verifies it says what is wrong
    return sealed is not None and _fits(key, sealed)


def _fits(key: bytes, record: "Record") -> bool:
    from state.ledger.beside import SEALED
    from state.ledger.seals import seal_of

    table, row = record
    return bool(row["seal"] == seal_of(*(row[column] for column in SEALED[table]), key=key))
