"""Proofs that are kept, each under the digest of all that it rests on, so that no proof is made twice.

A kept proof is sealed with the payload key of its desk: one that somebody else laid there is not taken. One
that was made for other documents, or by another version of the prover, lies under another name.
"""

import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from policies.proof.proof import Proof, Verdict
from policies.proof.prover import Depth
from remit.proving.spread import Bounds
from remit.proving.subject import Subject
from state import canonical
from state.ledger.seals import derived

FOLDER: Final = "proofs"
SCHEMA: Final = "remit/kept-proof/v1"
_LABEL: Final = SCHEMA.encode()
MAX_IN_MEMORY: Final = 256
_PROOF: Final = TypeAdapter(Proof)
_DEEPER: Final = {Depth.QUICK: (Depth.FULL, Depth.QUICK), Depth.FULL: (Depth.FULL,)}

_MEMORY: dict[str, "Kept"] = {}  # of this process: a proof is a pure function of what it is kept under


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A proof, and how far it might have gone."""

    proof: Proof
    bounds: Bounds

    def serves(self, bounds: Bounds) -> bool:
        """Whether proving again within ``bounds`` could not tell more."""
        return self.proof.verdict is not Verdict.NOT_EXHAUSTED or bounds.within(self.bounds)


class Keep:
    """The kept proofs of one desk; of this process alone where there is none."""

    def __init__(self, private: Path | None = None, key: Callable[[], bytes] | None = None) -> None:
        """Keep in ``private``, the desk's folder for what only it reads; ``key``: its payload key."""
        self._folder = None if private is None else private / FOLDER
        self._key = key

    def find(self, subject: Subject, depth: Depth, bounds: Bounds) -> Proof | None:
        """The kept proof of a subject, of that depth or a deeper one; None where none serves."""
        for deep in _DEEPER[depth]:
            name = subject.key(deep)
            kept = _MEMORY.get(name) or self._read(name)
            if kept is not None and kept.serves(bounds):
                _remember(name, kept)
                return kept.proof
        return None

    def put(self, subject: Subject, depth: Depth, bounds: Bounds, proof: Proof) -> None:
        """Keep a proof; OSError where its file cannot be written."""
        name, kept = subject.key(depth), Kept(proof=proof, bounds=bounds)
        _remember(name, kept)
        if self._folder is None or self._key is None:
            return
        text = canonical.dumps(
            {
                "schema": SCHEMA,
                "key": name,
                "seconds": round(bounds.seconds),
                "states": bounds.states,
                "proof": proof.as_json(),
            }
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=self._folder, prefix=".making-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{self._seal(text)}\n{text}\n")
        Path(made).replace(self._path(name))

    def _read(self, name: str) -> Kept | None:
        if self._folder is None or self._key is None:
            return None
        try:
            seal, _, text = self._path(name).read_text(encoding="utf-8").removesuffix("\n").partition("\n")
        except (OSError, ValueError):
            return None
        if not hmac.compare_digest(seal, self._seal(text)):
            return None
        value = json.loads(text)
        if value["key"] != name:
            return None
        return Kept(
            proof=_PROOF.validate_python({n: v for n, v in value["proof"].items() if n != "schema"}),
            bounds=Bounds(seconds=float(value["seconds"]), states=value["states"]),
        )

    def _path(self, name: str) -> Path:
        assert self._folder is not None  # noqa: S101 - who calls has asked
        return self._folder / f"{name.removeprefix('sha256:')}.json"

    def _seal(self, text: str) -> str:
        assert self._key is not None  # noqa: S101 - who calls has asked
        key = derived(
            _LABEL, self._key()
        )  # digests of payloads are made with the key itself, and are no secret
        return "hmac-sha256:" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _remember(name: str, kept: Kept) -> None:
    _MEMORY.pop(name, None)
    _MEMORY[name] = kept
    while len(_MEMORY) > MAX_IN_MEMORY:
        del _MEMORY[next(iter(_MEMORY))]
