"""What a database refuses by itself, whoever asks: one table, made into triggers by each kind of database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from state.entry import GENESIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One refusal: before which command on which table, why, and when (None: always).

    ``replaces``: only for a database with a command that puts a row in another's place.
    """

    table: str
    command: str  # INSERT, UPDATE or DELETE
    because: str
    when: str | None = None
    replaces: bool = False


# NULL in a condition must refuse too, hence IS NOT TRUE.
_CONTINUES: Final = """(
    NEW.seq = coalesce((SELECT max(seq) FROM entries WHERE run = NEW.run), 0) + 1
    AND NEW.prev = coalesce((SELECT hash FROM entries WHERE run = NEW.run AND seq = NEW.seq - 1), 'GENESIS')
    AND NEW.epoch = coalesce((SELECT epoch FROM entries WHERE run = NEW.run AND seq = NEW.seq - 1), 0)
        + (NEW.kind = 'claimed')
    AND EXISTS (SELECT 1 FROM heads WHERE run = NEW.run AND epoch = NEW.epoch
        AND (seq > NEW.seq OR (seq = NEW.seq AND hash = NEW.hash)))
) IS NOT TRUE""".replace("GENESIS", GENESIS)
_FORWARD: Final = """(
    NEW.run = OLD.run AND NEW.seq > OLD.seq AND NEW.epoch BETWEEN OLD.epoch AND OLD.epoch + 1
) IS NOT TRUE"""
_FOLDS: Final = """(
    NEW.id = OLD.id AND NEW.run = OLD.run AND NEW.arrival = OLD.arrival AND NEW.kind = OLD.kind
    AND NEW.by = OLD.by AND NEW.at = OLD.at AND NEW.body = OLD.body
    AND OLD.folded_seq IS NULL AND NEW.folded_seq IS NOT NULL
) IS NOT TRUE"""
_HELD: Final = """(
    NEW.run = OLD.run AND (
        (NEW.epoch > OLD.epoch AND NEW.released_at IS NULL)
        OR (NEW.epoch = OLD.epoch AND NEW.worker = OLD.worker
            AND OLD.released_at IS NULL AND NEW.released_at IS NOT NULL)
    )
) IS NOT TRUE"""
_ONE_MORE: Final = "(NEW.name = OLD.name AND NEW.number = OLD.number + 1) IS NOT TRUE"
_RAW: Final = "state = 'closed_by_human' AND reason = 'aborted_raw'"
_ENDED_RAW: Final = f"EXISTS (SELECT 1 FROM runs WHERE run = NEW.run AND {_RAW})"  # noqa: S608 - text of this file
_IS_RAW: Final = "OLD.state = 'closed_by_human' AND OLD.reason = 'aborted_raw'"


def _never(table: str, command: str, because: str) -> Guard:
    return Guard(table=table, command=command, because=because)


def _if(table: str, command: str, because: str, when: str) -> Guard:
    return Guard(table=table, command=command, because=because, when=when)


def _replaced(table: str, key: str, because: str) -> Guard:
    when = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608 - names of this file
    return Guard(table=table, command="INSERT", because=because, when=when, replaces=True)


_ONE_KEY: Final = "a ledger has one payload key"
GUARDS: Final[Mapping[str, Guard]] = {
    "entries_continue": _if("entries", "INSERT", "an entry must continue the head of its chain", _CONTINUES),
    "entries_ended_raw": _if("entries", "INSERT", "a run that a human ended raw takes no entry", _ENDED_RAW),
    "entries_update": _never("entries", "UPDATE", "an entry is never changed"),
    "entries_delete": _never("entries", "DELETE", "an entry is never removed"),
    "heads_insert": _replaced("heads", "run", "a head is never replaced"),
    "heads_update": _if("heads", "UPDATE", "a head moves forward only", _FORWARD),
    "heads_delete": _never("heads", "DELETE", "a head is never removed"),
    "runs_insert": _replaced("runs", "run", "a run is never replaced"),
    "runs_ended_raw": _if("runs", "UPDATE", "a run that a human ended raw is never changed", _IS_RAW),
    "runs_delete": _never("runs", "DELETE", "a run is never removed"),
    "signals_insert": _replaced("signals", "id", "a signal is never replaced"),
    "signals_update": _if("signals", "UPDATE", "a signal is folded once", _FOLDS),
    "signals_delete": _never("signals", "DELETE", "a signal is never removed"),
    "claims_insert": _replaced("claims", "run", "a claim is never replaced"),
    "claims_update": _if("claims", "UPDATE", "a claim is released once, or followed by the next", _HELD),
    "claims_delete": _never("claims", "DELETE", "a claim is never removed"),
    "tallies_insert": _replaced("tallies", "name", "a tally is never replaced"),
    "tallies_update": _if("tallies", "UPDATE", "a tally counts one by one", _ONE_MORE),
    "tallies_delete": _never("tallies", "DELETE", "a tally is never removed"),
    "payload_key_insert": _if("payload_key", "INSERT", _ONE_KEY, "EXISTS (SELECT 1 FROM payload_key)"),
    "payload_key_update": _never("payload_key", "UPDATE", _ONE_KEY),
    "payload_key_delete": _never("payload_key", "DELETE", _ONE_KEY),
}
"""Name to guard, as of revision 0001; a released one is replaced by a migration, not edited."""
