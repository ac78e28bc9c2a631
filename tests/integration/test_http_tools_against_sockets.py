"""What a sending process may say when the other end is broken, at the level of bytes."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from tools.addresses import Address, parse_url
from tools.http_client import HttpAnswer, HttpFailure, HttpRequest, exchange

RESET = struct.pack("ii", 1, 0)


class Peer:
    """One connection, played by a function; keeps what it received."""

    def __init__(self, play):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = b""
        self.connections = 0
        self._play = play
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock:
                sock.settimeout(5)
                with contextlib.suppress(OSError):
                    self._play(self, sock)

    def read(self, sock):
        while b"\r\n\r\n" not in self.received:
            data = sock.recv(65536)
            if not data:
                return
            self.received += data

    def close(self):
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def peer():
    made = []

    def make(play):
        made.append(Peer(play))
        return made[-1]

    yield make
    for one in made:
        one.close()


def get(port, *, timeout_s=2.0, method="GET", body=b"", **more):
    address = Address(scheme="http", host="127.0.0.1", port=port)
    return exchange(
        HttpRequest(method=method, address=address, target="/x", body=body), timeout_s=timeout_s, **more
    )


def answering(raw, *, then=None):
    def play(peer, sock):
        peer.read(sock)
        sock.sendall(raw)
        if then:
            then(sock)

    return play


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_an_answer_is_read_whole(peer):
    there = peer(answering(OK))
    assert get(there.port) == HttpAnswer(status=200, headers={"content-length": "2"}, body=b"{}")
    assert there.received.startswith(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:")


def test_nobody_listens_so_nothing_left():
    came = get(free_port())
    assert isinstance(came, HttpFailure)
    assert not came.bytes_left
    assert came.code == "no_connection"


def named(host):
    return HttpRequest(method="GET", address=Address(scheme="http", host=host, port=80), target="/")


def test_an_unknown_name_so_nothing_left(monkeypatch):
    def none(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", none)
    came = exchange(named("no-such-host.invalid"), timeout_s=2)
    assert (came.bytes_left, came.code) == (False, "no_address")


def test_a_name_service_that_hangs_does_not_outlive_the_deadline(monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: gate.wait(5) and [])
    began = time.monotonic()
    came = exchange(named("slow.invalid"), timeout_s=0.3)
    gate.set()
    assert time.monotonic() - began < 0.6
    assert (came.bytes_left, came.code) == (False, "timeout")


@pytest.mark.parametrize(
    "ip",
    ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"],  # noqa: S104
)
def test_a_name_that_turns_to_an_inner_address_is_not_followed(ip, monkeypatch):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *a, **k: [(family, socket.SOCK_STREAM, 6, "", (ip, 80))]
    )
    came = exchange(named("rebound.invalid"), timeout_s=1)
    assert (came.bytes_left, came.code) == (False, "no_address")


def test_no_socket_file_so_nothing_left(tmp_path):
    came = exchange(
        HttpRequest(method="GET", address=Address(scheme="unix", path=str(tmp_path / "s")), target="/"),
        timeout_s=1,
    )
    assert (came.bytes_left, came.code) == (False, "no_connection")


def test_a_full_queue_of_connections_so_nothing_left():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    others = []
    try:
        for _ in range(8):  # fill the queue: the kernel drops what comes after
            other = socket.socket()
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
            others.append(other)
        time.sleep(0.05)
        began = time.monotonic()
        came = get(port, timeout_s=0.3)
        assert (came.bytes_left, came.code) == (False, "timeout")
        assert time.monotonic() - began < 1
    finally:
        for other in (*others, listener):
            other.close()


@pytest.mark.parametrize(
    ("play", "code"),
    [
        (lambda peer, sock: (peer.read(sock), reset(sock)), "connection_lost"),
        (lambda peer, sock: peer.read(sock), "connection_lost"),
        (answering(b"nonsense\r\n\r\n"), "protocol"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Le"), "connection_lost"),
        (answering(b"HTTP/1.1 2000 OK\r\n\r\n"), "protocol"),
        (answering(b"HTTP/1.1 100 Continue\r\n\r\n"), "connection_lost"),
        (answering(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000), "protocol"),
    ],
    ids=["reset", "closed", "nonsense", "half_head", "no_status", "only_100", "endless_head"],
)
def test_no_status_after_bytes_have_left(peer, play, code):
    came = get(peer(play).port)
    assert isinstance(came, HttpFailure)
    assert came.bytes_left
    assert came.code == code


@pytest.mark.parametrize(
    "play",
    [
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", then=reset),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000),
    ],
    ids=["short", "short_and_reset", "half_chunk", "bad_chunk", "gzip", "too_large"],
)
def test_the_status_is_certain_and_the_body_is_not(peer, play):
    came = get(peer(play).port, max_bytes=1000)
    assert isinstance(came, HttpAnswer)
    assert (came.status, came.body) == (200, None)
    assert came.trouble


def drip(raw, every_s):
    def play(peer, sock):
        peer.read(sock)
        for place in range(len(raw)):
            sock.sendall(raw[place : place + 1])
            time.sleep(every_s)

    return play


@pytest.mark.parametrize(
    "raw", [OK, b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 500], ids=["in_the_head", "in_the_body"]
)
def test_a_dripping_answer_does_not_outlive_the_deadline(peer, raw):
    there = peer(drip(raw, 0.02))
    began = time.monotonic()
    came = get(there.port, timeout_s=0.6)
    assert 0.5 < time.monotonic() - began < 0.9
    if isinstance(came, HttpFailure):
        assert (came.bytes_left, came.code) == (True, "timeout")
    else:
        assert (came.body, came.trouble) == (None, "no whole answer in time")


def test_a_peer_that_takes_nothing_does_not_outlive_the_deadline_and_what_is_queued_is_discarded(peer):
    gate, counted = threading.Event(), []

    def play(peer, sock):
        gate.wait(5)
        total = 0
        try:
            while data := sock.recv(1 << 20):
                total += len(data)
            counted.append(("end", total))
        except OSError:
            counted.append(("reset", total))

    there = peer(play)
    began = time.monotonic()
    came = get(there.port, timeout_s=0.4, method="POST", body=b"z" * 50_000_000)
    assert time.monotonic() - began < 1
    assert (came.bytes_left, came.code) == (True, "timeout")
    gate.set()
    there.close()
    assert counted[0][0] == "reset"  # so it can never take the part it has for the whole
    assert counted[0][1] < 50_000_000


def test_a_redirect_is_an_answer_and_is_not_followed(peer):
    elsewhere = peer(answering(OK))
    there = peer(
        answering(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
            b"Location: http://127.0.0.1:%d/\r\n\r\n" % elsewhere.port
        )
    )
    assert get(there.port).status == 302
    assert elsewhere.connections == 0


def test_there_is_one_connection_and_no_retry(peer):
    there = peer(lambda peer, sock: (peer.read(sock), reset(sock)))
    get(there.port)
    time.sleep(0.1)
    assert there.connections == 1


def test_a_proxy_in_the_environment_is_not_used(peer, monkeypatch):
    proxy, there = peer(answering(OK)), peer(answering(OK))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert get(there.port).status == 200
    assert proxy.connections == 0


def test_a_failed_handshake_sends_no_request(peer):
    there = peer(answering(b"plain text"))
    address = Address(scheme="https", host="127.0.0.1", port=there.port)
    came = exchange(HttpRequest(method="POST", address=address, target="/", body=b"SECRET"), timeout_s=1)
    assert (came.bytes_left, came.code) == (False, "timeout" if came.code == "timeout" else "no_connection")
    assert b"SECRET" not in there.received


@pytest.fixture
def certified(peer, tmp_path):
    """A peer that speaks TLS, and the certificate that vouches for it."""
    made = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*request.split(), "-out", made[0], "-keyout", made[1]],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)

    def play(peer, sock):
        with context.wrap_socket(sock, server_side=True) as secure:
            answering(OK)(peer, secure)

    return peer(play), made[0]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_request_goes_only_to_whom_a_certificate_vouches_for(certified, trusted, monkeypatch):
    there, certificate = certified
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    address = Address(scheme="https", host="127.0.0.1", port=there.port)
    came = exchange(HttpRequest(method="POST", address=address, target="/", body=b"SECRET"), timeout_s=3)
    if trusted:
        assert (came.status, came.body) == (200, b"{}")
    else:
        assert (came.bytes_left, came.code) == (False, "no_connection")
    assert (b"POST / " in there.received) is trusted


@pytest.mark.parametrize("headers", [(("X", "a\r\nY: b"),), (("X Y", "a"),), (("X", "ü"),)])
def test_a_smuggled_header_is_not_sent(peer, headers):
    there = peer(answering(OK))
    address, _ = parse_url(f"http://127.0.0.1:{there.port}/")
    came = exchange(HttpRequest(method="GET", address=address, target="/", headers=headers), timeout_s=1)
    assert (came.bytes_left, came.code) == (False, "malformed")
    assert there.connections == 0
