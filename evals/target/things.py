"""What the target holds, and how each kind of write settles doubles, at the instant of applying."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from evals.target.journal import Journal


@dataclass(kw_only=True)
class Thing:
    """A number with a version."""

    value: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write as it was received. ``kind`` says which promise the target keeps for it."""

    request: int
    kind: str  # native_key, natural_key, conditional_write, read_back, none
    verb: str  # add, set, create
    thing: str
    number: int
    key: str | None = None
    if_match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status and a body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class Things:
    """All things, by name; one that nobody has written is 0 at version 1."""

    def __init__(
        self, journal: Journal, *, key_window_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Remember keys for ``key_window_s`` seconds, as the contract says."""
        self._journal, self._window_s, self._clock = journal, key_window_s, clock
        self._lock = threading.Lock()
        self._things: dict[str, Thing] = {}
        self._keys: dict[str, tuple[float, tuple[str, str, int], Answer]] = {}

    def read(self, name: str) -> dict[str, Any]:
        """Show the thing as a reader sees it."""
        with self._lock:
            return self._shown(name, self._things.get(name))

    def change(self, name: str, value: int) -> dict[str, Any]:
        """Let somebody else set it; in the journal as ``outside``, which is no effect of a request."""
        with self._lock:
            thing = self._things.setdefault(name, Thing())
            self._journal.write("outside", thing=name, before=thing.value, after=value)
            thing.value, thing.version = value, thing.version + 1
            return self._shown(name, thing)

    def apply(self, write: Write) -> Answer:
        """Apply it, or answer as its kind does to a double."""
        with self._lock:
            if write.kind == "native_key":
                return self._apply_keyed(write)
            held = self._things.get(write.thing)
            if write.kind == "natural_key" and held is not None:
                return Answer(status=HTTPStatus.CONFLICT, body={"error": "this name is taken"})
            if write.kind == "conditional_write":
                if write.if_match is None:
                    return Answer(status=HTTPStatus.PRECONDITION_REQUIRED, body={"error": "no If-Match"})
                if write.if_match != f"v{(held or Thing()).version}":
                    return Answer(status=HTTPStatus.PRECONDITION_FAILED, body={"error": "it has moved"})
            return self._effect(write)

    def _apply_keyed(self, write: Write) -> Answer:
        if write.key is None:
            return Answer(status=HTTPStatus.BAD_REQUEST, body={"error": "no Idempotency-Key"})
        meaning = (write.verb, write.thing, write.number)
        seen = self._keys.get(write.key)
        if seen is not None and self._clock() - seen[0] < self._window_s:
            if seen[1] != meaning:
                body = {"error": "this key was used for another request"}
                return Answer(status=HTTPStatus.UNPROCESSABLE_ENTITY, body=body)
            self._journal.write("replay", request=write.request, thing=write.thing, key=write.key)
            return seen[2]
        answer = self._effect(write)
        self._keys[write.key] = (self._clock(), meaning, answer)
        return answer

    def _effect(self, write: Write) -> Answer:
        thing = self._things.setdefault(write.thing, Thing())
        before = thing.value
        thing.value = before + write.number if write.verb == "add" else write.number
        thing.version += 1
        self._journal.write(
            "effect",
            request=write.request,
            thing=write.thing,
            kind=write.kind,
            verb=write.verb,
            key=write.key,
            before=before,
            after=thing.value,
            version=thing.version,
        )
        return Answer(status=HTTPStatus.OK, body=self._shown(write.thing, thing))

    def _shown(self, name: str, thing: Thing | None) -> dict[str, Any]:
        shown = thing or Thing()
        return {
            "id": name,
            "exists": thing is not None,
            "value": shown.value,
            "version": shown.version,
            "etag": f"v{shown.version}",
        }
