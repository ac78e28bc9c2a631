"""How one HTTP request is made: one connection, one deadline, no redirect, no retry, no proxy, no cookie.

Every byte of the exchange obeys one deadline, so a target that drips its answer cannot hold the call. What
matters afterwards is only this: did a byte of the request leave, and which part of an answer is certain.
h11 speaks the protocol; the sockets are ours, because no client library tells the two apart.
"""

import contextlib
import functools
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import h11

from tools.addresses import Address, is_forbidden, is_literal

MAX_BODY_BYTES: Final = 1 << 20
_CHUNK: Final = 64 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is sent. ``headers`` beside those that the client sets itself; they may hold credentials."""

    method: str
    address: Address
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status and headers are certain; ``body`` is None where it could not be read whole, see ``trouble``."""

    status: int
    headers: dict[str, str]
    body: bytes | None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """No status came. ``bytes_left``: a byte of the request may have left this process."""

    bytes_left: bool
    code: str
    detail: str


class Exchange(Protocol):
    """What makes a request: ``exchange`` below, or a simulated network."""

    def __call__(
        self, request: HttpRequest, *, timeout_s: float, max_bytes: int = MAX_BODY_BYTES
    ) -> HttpAnswer | HttpFailure:
        """Make one request within ``timeout_s`` seconds in all; never raises for the target."""
        ...


class _Failed(Exception):  # noqa: N818  # carries a value out of the exchange, never leaves this file
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class _Deadline:
    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock() + timeout_s

    def left(self) -> float:
        """Seconds left; TimeoutError when there are none."""
        left = self._at - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


def exchange(
    request: HttpRequest,
    *,
    timeout_s: float,
    max_bytes: int = MAX_BODY_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> HttpAnswer | HttpFailure:
    """Make one request and read its answer within ``timeout_s`` seconds in all; never raises for the target.

    When it returns, the socket is closed and what had not left is discarded.
    """
    deadline = _Deadline(timeout_s, clock)
    try:
        connection = h11.Connection(our_role=h11.CLIENT)
        head = connection.send(_head(request))
        payload = head + (connection.send(h11.Data(data=request.body)) if request.body else b"")
        payload += connection.send(h11.EndOfMessage())
    except (h11.LocalProtocolError, UnicodeError) as error:
        return HttpFailure(bytes_left=False, code="malformed", detail=f"not a request: {error}")
    try:
        sock = _connect(request.address, deadline)
    except _Failed as failed:
        return HttpFailure(bytes_left=False, code=failed.code, detail=failed.detail)
    try:
        return _Conversation(sock, connection, deadline).hold(payload, max_bytes)
    finally:
        _close(sock, clean=connection.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED))


def _head(request: HttpRequest) -> h11.Request:
    headers = [
        ("Host", request.address.header),
        ("User-Agent", "remit"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *request.headers,
    ]
    if request.body or request.method not in ("GET", "HEAD"):
        headers.append(("Content-Length", str(len(request.body))))
    return h11.Request(method=request.method, target=request.target, headers=headers)


def _connect(address: Address, deadline: _Deadline) -> socket.socket:
    try:
        if address.scheme == "unix":
            return _connect_one(socket.AF_UNIX, address.path, deadline)
        problem: OSError | None = None
        for family, where in _resolve(address, deadline):
            try:
                sock = _connect_one(family, where, deadline)
            except TimeoutError:
                raise
            except OSError as error:
                problem = error
                continue
            return _secure(sock, address, deadline) if address.scheme == "https" else sock
    except TimeoutError:
        raise _Failed("timeout", f"no connection to {address} in time") from None
    except (OSError, ssl.SSLError) as error:
        problem = error
    raise _Failed("no_connection", f"no connection to {address}: {_why(problem)}")


def _connect_one(family: int, where: object, deadline: _Deadline) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.left())
        sock.connect(where)  # type: ignore[arg-type]  # an address of the family
    except BaseException:
        sock.close()
        raise
    return sock


def _secure(sock: socket.socket, address: Address, deadline: _Deadline) -> socket.socket:
    try:
        sock.settimeout(deadline.left())
        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return trusted.wrap_socket(sock, server_hostname=address.host.strip("[]"))
    except BaseException:
        sock.close()
        raise


@functools.lru_cache(maxsize=4)
def _trusted(file: str | None, folder: str | None) -> ssl.SSLContext:
    del file, folder  # OpenSSL reads both itself; they are here to be part of the key
    return ssl.create_default_context()  # reading every authority takes longer than a call


def _resolve(address: Address, deadline: _Deadline) -> list[tuple[int, object]]:
    host = address.host.strip("[]")
    if is_literal(host):
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(family, where) for family, _, _, _, where in found]
    answers: list[tuple[int, object]] = []
    problems: list[OSError] = []

    def ask() -> None:
        try:
            for family, _, _, _, where in socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM):
                if not is_forbidden(str(where[0])):
                    answers.append((family, where))
        except OSError as error:
            problems.append(error)
        except UnicodeError:  # a label that is too long for any name service
            problems.append(OSError("not a name"))

    # A name service has no deadline of its own. A thread left behind only asks it and sends a target nothing.
    thread = threading.Thread(target=ask, name=f"resolve-{host}", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if thread.is_alive():
        raise _Failed("timeout", f"no address for {host} in time")
    if not answers:
        raise _Failed(
            "no_address", f"no usable address for {host}: {_why(problems[0] if problems else None)}"
        )
    return answers


class _Conversation:
    """One request and its answer on a connected socket; knows whether a byte has left and what has come."""

    def __init__(self, sock: socket.socket, connection: h11.Connection, deadline: _Deadline) -> None:
        self._sock, self._connection, self._deadline = sock, connection, deadline
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._ended = False
        self.bytes_left = False

    def hold(self, payload: bytes, max_bytes: int) -> HttpAnswer | HttpFailure:
        """Send ``payload`` and read the answer, or as much of it as comes in time."""
        try:
            self._send(payload)
            while not self._read(max_bytes):
                pass
        except TimeoutError:
            code, trouble = "timeout", "no whole answer in time"
        except OSError as error:
            code, trouble = "connection_lost", f"connection lost: {_why(error)}"
        except h11.RemoteProtocolError as error:
            code, trouble = "protocol", f"not an answer of HTTP: {error}"
            if self._ended:
                code, trouble = "connection_lost", "the connection ended before the answer did"
        except _Failed as failed:
            code, trouble = failed.code, failed.detail
        else:
            code, trouble = "", ""
        if self._response is None:
            return HttpFailure(bytes_left=self.bytes_left, code=code, detail=trouble)
        return _answer(self._response, None if code else bytes(self._body), trouble)

    def _send(self, payload: bytes) -> None:
        view = memoryview(payload)
        while view:
            self._sock.settimeout(self._deadline.left())
            self.bytes_left = True
            view = view[self._sock.send(view) :]

    def _read(self, max_bytes: int) -> bool:
        event = self._connection.next_event()
        if event is h11.NEED_DATA:
            self._sock.settimeout(self._deadline.left())
            data = self._sock.recv(_CHUNK)
            self._ended = not data
            self._connection.receive_data(data)
        elif isinstance(event, h11.Response):
            self._response = event
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > max_bytes:
                raise _Failed("too_large", f"an answer larger than {max_bytes} bytes")
        return isinstance(event, h11.EndOfMessage)


def _answer(response: h11.Response, body: bytes | None, trouble: str) -> HttpAnswer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    if body is not None and headers.get("content-encoding", "identity") != "identity":
        body, trouble = None, "an answer in an encoding that was not asked for"
    return HttpAnswer(status=response.status_code, headers=headers, body=body, trouble=trouble)


def _close(sock: socket.socket, *, clean: bool) -> None:
    with contextlib.suppress(OSError):
        if not clean:  # a plain close would go on sending what the kernel still holds
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    sock.close()


def _why(error: OSError | None) -> str:
    return "none" if error is None else (error.strerror or type(error).__name__)
