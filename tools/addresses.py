"""Where a request may go: addresses read strictly, and compared with the owner's list as text.

Nothing is normalised: another spelling of a listed host (``127.1``, ``0x7f000001``, a mapped IPv6 address,
a trailing dot, capitals) is another text, so it is not listed.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tools.errors import AddressError

_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)",
)
_UNIX: Final = re.compile(r"unix://(?P<path>/[^\x00-\x20\x7f]{1,107})")
_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?=/|\?|$)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65535
MAX_URL: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place to connect to: a host and port, with or without TLS, or the path of a unix socket."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """``http://host:80`` or ``unix:///path``: never with a path of a request or a credential."""
        return f"unix://{self.path}" if self.scheme == "unix" else f"{self.scheme}://{self.listed}"

    @property
    def listed(self) -> str:
        """``host:port``, the text that must be on the owner's list."""
        return f"{self.host}:{self.port}"

    @property
    def header(self) -> str:
        """The value of the header Host."""
        if self.scheme == "unix":
            return "localhost"
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else self.listed


def parse_url(text: str) -> tuple[Address, str]:
    """Read the address and the request target; AddressError for user info, fragments, odd characters."""
    if len(text) > MAX_URL:
        raise AddressError(f"an address is longer than {MAX_URL}")
    found = _URL.fullmatch(text)
    if found is None:
        raise AddressError("not a plain http address: scheme://host[:port][/path][?query], nothing else")
    scheme, host = found["scheme"], found["host"]
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if port > _MAX_PORT:
        raise AddressError("no such port")
    target = found["target"]
    if _DOTS.search(target.split("?")[0]):
        raise AddressError("a path with . or .. segments")
    return Address(scheme=scheme, host=host, port=port), target if target.startswith("/") else "/" + target


def parse_unix(text: str) -> Address:
    """Read ``unix:///path/of.sock``; AddressError."""
    found = _UNIX.fullmatch(text)
    if found is None:
        raise AddressError("not the address of a unix socket: unix:///absolute/path")
    return Address(scheme="unix", path=found["path"])


def require_listed(address: Address, hosts: Collection[str]) -> None:
    """AddressError unless exactly ``host:port`` is in ``hosts``."""
    if address.listed not in hosts:
        raise AddressError(f"{address.listed} is not a listed host")


def is_literal(host: str) -> bool:
    """Whether ``host`` is an IP address as text, so that no name service is asked."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_forbidden(ip: str) -> bool:
    """Whether no *name* may stand for this address: link-local (cloud metadata), multicast, unspecified."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or address.is_multicast or address.is_unspecified
