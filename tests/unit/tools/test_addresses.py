import pytest

from tools.addresses import is_forbidden, parse_unix, parse_url, require_listed
from tools.errors import AddressError


@pytest.mark.parametrize(
    ("text", "listed", "target"),
    [
        ("http://checkout.internal/health", "checkout.internal:80", "/health"),
        ("https://checkout.internal", "checkout.internal:443", "/"),
        ("http://127.0.0.1:8001/health?deep=1", "127.0.0.1:8001", "/health?deep=1"),
        ("http://h?x=1", "h:80", "/?x=1"),
        ("http://[::1]:80/", "[::1]:80", "/"),
    ],
)
def test_a_plain_address_is_read(text, listed, target):
    address, found = parse_url(text)
    assert (address.listed, found) == (listed, target)
    require_listed(address, [listed])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "checkout/health",
        "ftp://good/",
        "HTTP://good/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://good@evil/",
        "http://user:pw@good/",
        "http://good.com\\@evil/",
        "http://good\\evil/",
        "http://good#@evil/",
        "http://good/#frag",
        "http://good:0/",
        "http://good:65536/",
        "http://good:080/",
        "http://good:80:80/",
        "http://good:/",
        "http://good/a b",
        "http://good/\r\nHost: evil",
        "http://good\n/",
        "http://good/\n",
        "http://good/é",
        "http://gооd/",  # noqa: RUF001  # Cyrillic
        "http://good／x",  # noqa: RUF001  # fullwidth
        "http://good/../x",
        "http://good/a/%2e%2e/x",
        "http://good/a/.",
        "http://good/%2E",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://good/" + "a" * 2000,
        "unix:///x",
    ],
)
def test_an_odd_address_is_refused(text):
    with pytest.raises(AddressError):
        parse_url(text)


LISTED = ["127.0.0.1:80", "good.com:443"]


@pytest.mark.parametrize(
    "text",
    [
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://[::ffff:127.0.0.1]/",
        "http://[::1]/",
        "http://127.0.0.1:8080/",
        "https://127.0.0.1/",
        "https://good.com./",
        "https://GOOD.com/",
        "https://good.com.evil/",
        "https://evil-good.com/",
        "http://good.com/",
        "http://169.254.169.254/",
        "http://localhost/",
    ],
)
def test_another_spelling_of_a_listed_host_is_not_listed(text):
    address, _ = parse_url(text)
    with pytest.raises(AddressError, match="not a listed host"):
        require_listed(address, LISTED)


def test_a_socket_has_an_absolute_path():
    assert parse_unix("unix:///run/s.sock").path == "/run/s.sock"
    for text in ("unix://run/s", "unix:/run/s", "/run/s", "unix:///a b", "unix:///" + "x" * 200):
        with pytest.raises(AddressError):
            parse_unix(text)


@pytest.mark.parametrize(
    ("ip", "forbidden"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("0.0.0.0", True),  # noqa: S104
        ("::", True),
        ("224.0.0.1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_what_a_name_may_stand_for(ip, forbidden):
    assert is_forbidden(ip) is forbidden
