"""May this socket call leave the machine? In tests it may not: loopback and unix sockets only.

An audit hook sees every socket call of the interpreter, whichever library makes it, and cannot be taken out
again. A refusal is raised where the call stands and also written down, because code that handles failed
connections would swallow it: the test that caused it then fails at its end.
"""

import ipaddress
import os
import socket
import sys

REFUSALS_FILE = "REMIT_TEST_NETWORK_REFUSALS"
_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", socket.gethostname()})
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class NetworkBlockedError(RuntimeError):
    """A test, or a process that a test started, wanted to reach beyond this machine."""


def install() -> None:
    """Refuse from now on, for the rest of this process's life."""
    sys.addaudithook(_refuse_what_leaves)


def _refuse_what_leaves(event: str, args: tuple[object, ...]) -> None:
    if event in _SENDS:
        sock, address = args[0], args[1]
        allowed = getattr(sock, "family", None) == socket.AF_UNIX or address is None or _stays_here(address)
    elif event in _LOOKUPS:
        address = args[0]
        allowed = address is None or _is_known_here(address)
    else:
        return
    if not allowed:
        _write_down(f"{event} {address!r} by pid {os.getpid()}: {sys.orig_argv!r:.200}")
        raise NetworkBlockedError(f"{event} {address!r}: tests reach loopback and unix sockets only")


def _stays_here(address: object) -> bool:
    if not isinstance(address, tuple) or not address or not isinstance(address[0], str):
        return False
    if address[0] in _NAMES:
        return True
    return _numeric(address[0], lambda ip: ip.is_loopback)


def _is_known_here(host: object) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return text in _NAMES or _numeric(text, lambda ip: ip.is_loopback or ip.is_unspecified)


def _numeric(text: str, holds) -> bool:
    try:
        return bool(holds(ipaddress.ip_address(text)))
    except ValueError:
        return False


def _write_down(line: str) -> None:
    path = os.environ.get(REFUSALS_FILE)
    if path:
        with open(path, "a", encoding="utf-8") as refusals:  # noqa: PTH123 - pathlib would slow every start
            refusals.write(line + "\n")
