"""What an entry is: one fact of a run, sealed into the chain of its run.

``Draft`` is a fact before it has a place; ``seal`` gives it its place (seq, prev) and its hash. The hash
covers every column, the body as the very text that is stored, so verifying never serialises again.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from state import canonical

# Whoever raises it adds a ledger of the new version: python -m evals.golden tests/fixtures/ledgers/fold-N
FOLD_VERSION: Final = 1
DESK: Final = "desk"
GENESIS: Final = "sha256:" + "0" * 64
_COLUMNS: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Kind(StrEnum):
    """Every kind of entry there is; the fold knows each of them."""

    # a run's chain
    REQUESTED = "requested"
    INTERPRETED = "interpreted"
    ADMITTED = "admitted"
    REJECTED = "rejected"
    CLAIMED = "claimed"
    HYDRATED = "hydrated"
    CHECKED = "checked"
    JUDGED = "judged"
    DENIED = "denied"
    INTENT = "intent"
    OUTCOME = "outcome"
    RECONCILED = "reconciled"
    VERIFIED = "verified"
    CONFIRMED = "confirmed"
    LEFT = "left"
    WAITING = "waiting"
    SIGNAL = "signal"
    DECIDED = "decided"
    GRANTED = "granted"
    RESERVED = "reserved"
    TURNED = "turned"
    ESCALATED = "escalated"
    NOTIFIED = "notified"
    CLOSED = "closed"
    REPORTED = "reported"
    # the chain ``desk``
    APPROVED = "approved"
    LOADED = "loaded"
    STOPPED = "stopped"
    STARTED = "started"
    TURNED_AWAY = "turned_away"
    SIGNED = "signed"
    ERASED = "erased"
    CLOSED_RAW = "closed_raw"


class Role(StrEnum):
    """Who an entry speaks for. A role is a set of tools and credentials, not a person."""

    INTAKE = "intake"
    ORCHESTRATOR = "orchestrator"
    EXECUTOR = "executor"
    VERIFIER = "verifier"
    PACKAGER = "packager"
    HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A fact that wants to be appended: its kind, who says it, and its body (JSON values only).

    ``actor``: a worker's id, a principal or a model's id; ``credential``: the secret's name, or ``none``.
    """

    kind: Kind
    body: dict[str, Any]
    role: Role = Role.ORCHESTRATOR
    actor: str = ""
    credential: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sealed fact. ``body_text`` is the stored text; ``body`` its parsed form."""

    run: str
    seq: int
    at: str
    kind: Kind
    role: Role
    actor: str
    credential: str
    epoch: int
    code: str
    fold_version: int
    prev: str
    body_text: str
    hash: str
    body: dict[str, Any] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: the next entry has ``seq + 1`` and ``prev = hash``."""

    seq: int = 0
    hash: str = GENESIS


def chain_hash(  # one argument a column
    *,
    run: str,
    seq: int,
    at: str,
    kind: str,
    role: str,
    actor: str,
    credential: str,
    epoch: int,
    code: str,
    fold_version: int,
    prev: str,
    body_text: str,
) -> str:
    """sha256 over all columns of an entry, as the JSON list of them in the order of the signature."""
    columns = [run, seq, at, kind, role, actor, credential, epoch, code, fold_version, prev, body_text]
    text = _COLUMNS.encode(columns)
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def seal(draft: Draft, *, run: str, head: Head, at: str, epoch: int, code: str) -> Entry:
    """Give ``draft`` its place behind ``head``.

    ``at`` is an instant as text, ``code`` the version of the program that appends. CanonicalError where
    the body holds what cannot stand in an entry.
    """
    body_text = canonical.dumps(draft.body)
    columns: dict[str, Any] = {
        "run": run,
        "seq": head.seq + 1,
        "at": at,
        "kind": draft.kind,
        "role": draft.role,
        "actor": draft.actor,
        "credential": draft.credential,
        "epoch": epoch,
        "code": code,
        "fold_version": FOLD_VERSION,
        "prev": head.hash,
        "body_text": body_text,
    }
    return Entry(**columns, hash=chain_hash(**columns), body=draft.body)


def rehash(entry: Entry) -> str:
    """The hash that the stored columns of ``entry`` ought to have."""
    return chain_hash(
        run=entry.run, seq=entry.seq, at=entry.at, kind=entry.kind, role=entry.role, actor=entry.actor,
        credential=entry.credential, epoch=entry.epoch, code=entry.code, fold_version=entry.fold_version,
        prev=entry.prev, body_text=entry.body_text,
    )  # fmt: skip


def head_of(entries: list[Entry] | tuple[Entry, ...]) -> Head:
    """The head behind ``entries``; the genesis head for none."""
    return Head(seq=entries[-1].seq, hash=entries[-1].hash) if entries else Head()
