"""A simulated HTTP target: one number a thing, written under five promises about doubles.

It speaks the paths of ``evals/target/connector.yaml``, so that one connector file serves both.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from tools.http_client import HttpAnswer, HttpRequest
from tools.sim.clock import ManualClock

_WRITE: Final = re.compile(
    r"/(native_key|natural_key|conditional_write|read_back|none)/([a-z0-9-]{1,64})/(add|set|create)\Z"
)
_READ: Final = re.compile(r"/things/([a-z0-9-]{1,64})\Z")


@dataclass(kw_only=True)
class Thing:
    """A number with a version."""

    value: int = 0
    version: int = 1


class SimTarget:
    """A host with things."""

    def __init__(
        self, clock: ManualClock, journal: list[dict[str, Any]], *, key_window_ms: int = 86_400_000
    ) -> None:
        """Keep effects in ``journal`` and keys for ``key_window_ms``."""
        self.up = True
        self.things: dict[str, Thing] = {}
        self._clock, self._journal, self._window_ms = clock, journal, key_window_ms
        self._keys: dict[str, tuple[int, tuple[str, str, int], HttpAnswer]] = {}

    def change(self, name: str, value: int) -> None:
        """Let somebody else set it."""
        thing = self.things.setdefault(name, Thing())
        thing.value, thing.version = value, thing.version + 1
        self._journal.append({"event": "outside", "at_ms": self._clock.now_ms, "thing": name})

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Read or write."""
        read, write = _READ.match(request.target), _WRITE.match(request.target)
        if request.method == "GET" and read:
            return _json(HTTPStatus.OK, self._shown(read[1]))
        if request.method != "POST" or not write:
            return _json(HTTPStatus.NOT_FOUND, {"error": "no such path"})
        kind, name, verb = write.groups()
        number = json.loads(request.body)["number"]
        headers = {header.lower(): value for header, value in request.headers}
        if kind == "native_key":
            return self._keyed(headers.get("idempotency-key"), (verb, name, number))
        if kind == "natural_key" and name in self.things:
            return _json(HTTPStatus.CONFLICT, {"error": "this name is taken"})
        if kind == "conditional_write" and headers.get("if-match") != self._shown(name)["etag"]:
            missing = "if-match" not in headers
            status = HTTPStatus.PRECONDITION_REQUIRED if missing else HTTPStatus.PRECONDITION_FAILED
            return _json(status, {"error": "it has moved"})
        return self._effect(verb, name, number, None)

    def pretend(self, request: HttpRequest) -> HttpAnswer:
        """Show the thing as it is."""
        found = _WRITE.match(request.target)
        return _json(HTTPStatus.OK, self._shown(found[2])) if found else self.serve(request)

    def _keyed(self, key: str | None, meaning: tuple[str, str, int]) -> HttpAnswer:
        if key is None:
            return _json(HTTPStatus.BAD_REQUEST, {"error": "no Idempotency-Key"})
        seen = self._keys.get(key)
        if seen is not None and self._clock.now_ms - seen[0] < self._window_ms:
            if seen[1] != meaning:
                return _json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "another request had this key"})
            return seen[2]
        answer = self._effect(*meaning, key)
        self._keys[key] = (self._clock.now_ms, meaning, answer)
        return answer

    def _effect(self, verb: str, name: str, number: int, key: str | None) -> HttpAnswer:
        thing = self.things.setdefault(name, Thing())
        thing.value = thing.value + number if verb == "add" else number
        thing.version += 1
        self._journal.append(
            {"event": "effect", "at_ms": self._clock.now_ms, "thing": name, "verb": verb, "key": key}
        )
        return _json(HTTPStatus.OK, self._shown(name))

    def _shown(self, name: str) -> dict[str, Any]:
        seen = self._seen(name)
        thing = seen if seen is not None else Thing()
        return {
            "id": name,
            "exists": seen is not None,
            "value": thing.value,
            "version": thing.version,
            "etag": f"v{thing.version}",
        }

    def _seen(self, name: str) -> Thing | None:
        """What whoever looks at a thing sees of it."""
        return self.things.get(name)


def _json(status: HTTPStatus, body: dict[str, Any]) -> HttpAnswer:
    return HttpAnswer(status=int(status), headers={}, body=json.dumps(body).encode())
