"""An HTTP target that can be wrong in every way a real one is.

``python -m evals.target.server --port 0 --log FILE`` prints its port. Writes are ``POST /KIND/THING/VERB``
with ``{"number": N}``, reads ``GET /things/THING``. Faults come from ``--plan FILE`` or from
``POST /control/plan``; ``POST /control/things/THING`` with ``{"value": N}`` is somebody else's
change. With TARGET_WRITE_TOKEN and TARGET_READ_TOKEN set, writes and reads want them as bearer tokens.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from evals.target.faults import NOT_APPLIED_STATUS, Fault, Plan
from evals.target.journal import Journal
from evals.target.things import Answer, Things, Write

_WRITE: Final = re.compile(
    r"/(native_key|natural_key|conditional_write|read_back|none)/([a-z0-9-]{1,64})/(add|set|create)\Z"
)
_READ: Final = re.compile(r"/things/([a-z0-9-]{1,64})\Z")
_CHANGE: Final = re.compile(r"/control/things/([a-z0-9-]{1,64})\Z")
_MAX_BODY: Final = 64 * 1024
_NOT_FOUND: Final = Answer(status=HTTPStatus.NOT_FOUND, body={"error": "no such path"})
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class TargetServer(ThreadingHTTPServer):
    """The server with what its handlers share."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int, journal: Journal, *, key_window_s: float) -> None:
        """Listen on loopback only."""
        super().__init__(("127.0.0.1", port), Handler)
        self.journal = journal
        self.things = Things(journal, key_window_s=key_window_s)
        self.plan = Plan()
        self.numbers = itertools.count(1)
        self.tokens = {
            "POST": os.environ.get("TARGET_WRITE_TOKEN"),
            "GET": os.environ.get("TARGET_READ_TOKEN"),
        }

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that are gone: being left is this server's daily bread."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request on one connection."""

    server: TargetServer
    protocol_version = "HTTP/1.1"
    number = 0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the library's
        """Keep stderr silent; the journal has it all."""

    def do_GET(self) -> None:
        """Read a thing."""
        self._receive(b"")
        found = _READ.match(self.path)
        if not self._may_enter():
            return
        if found is None:
            self._reply(_NOT_FOUND)
            return
        fault = self.server.plan.take(found[1], "read")
        self._play(fault, lambda: Answer(status=HTTPStatus.OK, body=self.server.things.read(found[1])))

    def do_POST(self) -> None:
        """Write a thing, or control the target."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _MAX_BODY))
        if self.path.startswith("/control/"):
            self._control(json.loads(body))
            return
        self._receive(body)
        found = _WRITE.match(self.path)
        if not self._may_enter():
            return
        number = _number(body)
        if found is None or number is None:
            self._reply(_NOT_FOUND if found is None else Answer(status=HTTPStatus.BAD_REQUEST))
            return
        write = Write(
            request=self.number,
            kind=found[1],
            thing=found[2],
            verb=found[3],
            number=number,
            key=self.headers.get("Idempotency-Key"),
            if_match=self.headers.get("If-Match"),
        )
        fault = self.server.plan.take(write.thing, "write")
        self._play(fault, lambda: self.server.things.apply(write), write)

    def _receive(self, body: bytes) -> None:
        self.number = next(self.server.numbers)
        self.close_connection = True
        self.server.journal.write(
            "request",
            request=self.number,
            method=self.command,
            path=self.path,
            key=self.headers.get("Idempotency-Key"),
            if_match=self.headers.get("If-Match"),
            credential=_fingerprint(self.headers.get("Authorization")),
            body=body.decode("utf-8", errors="replace"),
        )

    def _may_enter(self) -> bool:
        token = self.server.tokens[self.command]
        if token is None or self.headers.get("Authorization") == f"Bearer {token}":
            return True
        self._reply(Answer(status=HTTPStatus.UNAUTHORIZED, body={"error": "not signed in"}))
        return False

    def _control(self, wanted: Any) -> None:
        self.close_connection = True
        changed = _CHANGE.match(self.path)
        if self.path == "/control/plan":
            try:
                self.server.plan.add(wanted)
            except (TypeError, ValueError, AttributeError) as error:
                self._reply(Answer(status=HTTPStatus.BAD_REQUEST, body={"error": str(error)}))
                return
            self._reply(Answer(status=HTTPStatus.OK))
        elif changed is not None:
            shown = self.server.things.change(changed[1], int(wanted["value"]))
            self._reply(Answer(status=HTTPStatus.OK, body=shown))
        else:
            self._reply(_NOT_FOUND)

    def _play(self, fault: Fault, apply: Any, write: Write | None = None) -> None:
        """Let ``fault`` happen to this request; the table is in ``faults``."""
        delay_s = fault.delay_ms / 1000
        if fault.kind in NOT_APPLIED_STATUS:
            self._reply(
                Answer(status=NOT_APPLIED_STATUS[fault.kind], body={"error": fault.kind}), fault=fault.kind
            )
        elif fault.kind == "hang":
            time.sleep(delay_s)
            self._drop(fault)
        elif fault.kind == "claimed":
            shown = self.server.things.read(write.thing) if write else {}
            self._reply(Answer(status=HTTPStatus.OK, body=shown), fault=fault.kind)
        elif fault.kind == "late_dropped":
            self._drop(fault)
            time.sleep(delay_s)
            apply()
        else:
            if fault.kind == "late":
                time.sleep(delay_s)
            self._reply_badly(fault, apply())

    def _reply_badly(self, fault: Fault, answer: Answer) -> None:
        whole = json.dumps(answer.body).encode()
        if fault.kind == "lost_reply":
            self._drop(fault)
        elif fault.kind == "error_after":
            self._reply(Answer(status=HTTPStatus.INTERNAL_SERVER_ERROR), fault=fault.kind)
        elif fault.kind == "garbage":
            self._raw(answer.status, b"<html>\xff\xfe it went {fine", fault=fault)
        elif fault.kind == "truncated":
            self._raw(answer.status, whole[: len(whole) // 2], length=len(whole), fault=fault)
        elif fault.kind == "slow":
            self._raw(answer.status, whole, fault=fault, pause_s=fault.delay_ms / 1000 / len(whole))
        else:
            self._reply(answer, fault=fault.kind)

    def _reply(self, answer: Answer, fault: str = "none") -> None:
        self._raw(answer.status, json.dumps(answer.body).encode(), fault=Fault(kind=fault))

    def _raw(
        self, status: int, body: bytes, *, fault: Fault, length: int | None = None, pause_s: float = 0.0
    ) -> None:
        if self.number:
            self.server.journal.write("reply", request=self.number, status=int(status), fault=fault.kind)
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        if fault.kind == "throttled":
            self.send_header("Retry-After", "31536000")
        if fault.kind == "redirect":
            self.send_header("Location", self.path)
        self.end_headers()
        for place in range(len(body)) if pause_s else ():
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(pause_s)
        if not pause_s:
            self.wfile.write(body)

    def _drop(self, fault: Fault) -> None:
        self.server.journal.write("dropped", request=self.number, fault=fault.kind)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # shutdown would send a polite end; closing the last descriptor sends the reset
        self.rfile.close()
        self.connection.close()


def _number(body: bytes) -> int | None:
    try:
        number = json.loads(body)["number"]
    except (ValueError, KeyError, TypeError):
        return None
    return number if type(number) is int else None


def _fingerprint(credential: str | None) -> str | None:
    return None if credential is None else hashlib.sha256(credential.encode()).hexdigest()[:12]


def _follow_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until a signal, or until stdin ends where ``--lifeline`` is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--key-window-s", type=float, default=86400.0)
    parser.add_argument("--lifeline", action="store_true", help="exit when stdin ends")
    options = parser.parse_args()
    server = TargetServer(options.port, Journal(options.log), key_window_s=options.key_window_s)
    if options.plan:
        server.plan.add(json.loads(options.plan.read_text()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # whatever was applied is in the journal already
    if options.lifeline:
        threading.Thread(target=_follow_stdin, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
