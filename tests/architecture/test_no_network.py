"""Can a test, or a process that it starts, reach beyond this machine?"""

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
import urllib.request

import httpx
import pytest
from network_guard import NetworkBlockedError

OUTSIDE = "192.0.2.1"  # reserved for documentation (RFC 5737): nobody's address
NAME = "example.invalid"


def _by_connect() -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.connect((OUTSIDE, 80))


def _by_connect_ex() -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.connect_ex((OUTSIDE, 80))


def _by_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (OUTSIDE, 53))


def _by_six() -> None:
    with socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(1)
        sock.connect(("2001:db8::1", 80))


def _by_asyncio() -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(OUTSIDE, 80), 1))


WAYS = {
    "connect": _by_connect,
    "connect_ex": _by_connect_ex,
    "datagram": _by_datagram,
    "IPv6": _by_six,
    "lookup": lambda: socket.getaddrinfo(NAME, 80),
    "old lookup": lambda: socket.gethostbyname(NAME),
    "http.client": lambda: http.client.HTTPConnection(OUTSIDE, timeout=1).connect(),
    "urllib": lambda: urllib.request.urlopen(f"http://{NAME}/", timeout=1),
    "httpx": lambda: httpx.get(f"http://{NAME}/", timeout=1),
    "asyncio": _by_asyncio,
}


@pytest.mark.parametrize("way", WAYS)
def test_this_process_is_kept_in(way, network_refusals):
    with pytest.raises(NetworkBlockedError):
        WAYS[way]()
    assert len(network_refusals()) == 1


CONNECT = f"import socket; socket.create_connection(('{OUTSIDE}', 80), 1)"
PROGRAMS = {
    "a process": CONNECT,
    "a library in it": f"import httpx; httpx.get('http://{NAME}/', timeout=1)",
    "a process of the process": (
        f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {CONNECT!r}]).returncode)"
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_that_a_test_starts_is_kept_in(program, network_refusals):
    code = PROGRAMS[program]
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "NetworkBlockedError" in ended.stderr
    assert len(network_refusals()) == 1


def test_code_that_swallows_the_refusal_is_still_found_out(network_refusals):
    code = f"import socket\ntry: socket.create_connection(('{OUTSIDE}', 80), 1)\nexcept Exception: pass"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
    [line] = network_refusals()
    assert OUTSIDE in line


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        assert client.getpeername()[1] == server.getsockname()[1]
        assert socket.getaddrinfo(host, 0)


def test_unix_sockets_are_open(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        answered = threading.Thread(target=lambda: server.accept()[0].close())  # noqa: PLW0108 - accept belongs to the thread
        answered.start()
        client.connect(path)
        answered.join()


def test_no_setting_of_this_machine_reaches_a_test():
    foreign = [
        name
        for name in os.environ
        if name.upper().startswith(("OPENAI_", "LANGSMITH_", "HTTP_PROXY", "HTTPS_PROXY"))
    ]
    assert foreign == []
