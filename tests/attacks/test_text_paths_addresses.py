"""Names that read as others: texts, paths, and addresses that some program would take for another."""

import socket
from pathlib import Path

import pytest

from policies.guards import GUARDS, Denied
from remit.intake.principal import Asker
from remit.intake.requests import Request
from state.entry import Kind
from state.outcome import Outcome
from tests import guard_kit as kit
from tests.attacks import kit as attacks
from tests.attacks.free_desk import free_desk
from tests.attacks.kit import lines
from tests.flow.kit import House
from tests.gateway_kit import Desk
from tests.integration.test_http_tools_against_sockets import Peer, answering
from tools.adapters.http_connector import HttpTool, RequestTemplate
from tools.adapters.http_get import http_get
from tools.addresses import Address
from tools.http_client import HttpAnswer, HttpFailure, HttpRequest
from tools.secrets import Secrets

# line -> a text that shows as another, and the code of a phrase that holds it
TEXTS = {
    "cyrillic": ("p\u0430yments", "look_alike"),
    "bidi": ("a\u202eb", "hidden_character"),
    "zero-width": ("a\u200bb", "hidden_character"),
    "tag-characters": ("a\U000e0041", "hidden_character"),
    "full-width": ("\uff0e\uff0e\uff0f", "look_alike"),
    "nfd-twin": ("cafe\u0301", "not_composed"),
}


@lines(TEXTS)
def test_a_text_that_shows_as_another_lets_no_call_leave(desk: Desk, line: str) -> None:
    text, _ = TEXTS[line]
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "note": text}), "text_not_canonical")


@lines(TEXTS)
def test_a_name_that_shows_as_another_is_none(desk: Desk, line: str) -> None:
    text, _ = TEXTS[line]
    attacks.denied(desk, desk.write(arguments={**kit.ARGUMENTS, "account": text}), "argument_pattern")


@lines(TEXTS)
def test_a_request_that_shows_as_another_is_rejected(house: House, line: str) -> None:
    text, code = TEXTS[line]
    attacks.rejected(house, house.ask("noted", "shown", note=text), "bad_input")
    ann = Asker(name="ann", how="as", os_user="ann")
    intake = house.intake()
    said = intake.read(Request(asker=ann, source="cli", text=f"bring {text} to 5"))
    attacks.rejected(house, intake.submit(said), code)


@lines(["nfd-twin"])
def test_of_two_twins_one_is_taken(house: House, line: str) -> None:
    assert line
    done = house.ask("noted", "twin", note="caf\u00e9")
    assert done.rejected is None
    house.follow(done.run)


# line -> a name that a file system or a router would take for another one, and what is delegated
PATHS = {
    "dot-dot": ("../acc-1", "seats/acc-1"),
    "double-encoded": ("%252e%252e%252facc-1", "seats/acc-1"),
    "absolute": ("/seats/acc-1", "seats/acc-1"),
    "beside": ("acc-1-evil", "seats/acc-1"),
}


@lines(PATHS)
def test_a_path_stays_the_name_that_it_is_and_is_not_delegated(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    name, delegated = PATHS[line]
    desk = free_desk(monkeypatch, name, resources=[delegated])
    attacks.denied(desk, desk.write(), "resource_not_delegated")


@lines(PATHS)
def test_a_path_that_is_called_by_another_name_is_not_what_the_arguments_name(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    name, delegated = PATHS[line]
    free_desk(monkeypatch, name, resources=[delegated])
    holds = kit.with_task(kit.context(contract=kit.GRANT), holds=(delegated,), target="prod/acc-1")
    verdict = GUARDS.check_write(kit.call(resource=delegated), holds)
    assert isinstance(verdict, Denied)
    assert verdict.code == "resource_differs"


@lines(["dot-dot", "double-encoded", "absolute"])
def test_a_path_leaves_as_one_segment(line: str) -> None:
    seen: list[HttpRequest] = []

    def keep(request: HttpRequest, *, timeout_s: float, max_bytes: int = 0) -> HttpAnswer:
        seen.append(request)
        return HttpAnswer(status=200, headers={}, body=b"{}")

    address = Address(scheme="http", host="api", port=80)
    template = RequestTemplate(method="POST", path="/seats/{account}/grant")
    tool = HttpTool(contract=kit.GRANT, address=address, base_path="/v1", template=template, exchange=keep)
    name, _ = PATHS[line]
    tool.send({"account": name}, key="k", secret=None, timeout_s=1)
    (request,) = seen
    assert request.target.count("/") == 4
    assert request.target.startswith("/v1/seats/")
    assert request.target.endswith("/grant")
    assert "%2F" in request.target or "%25252e" in request.target
    assert tool.send({"account": ".."}, key="k", secret=None, timeout_s=1).outcome is Outcome.REFUSED
    assert len(seen) == 1


@lines(["symlink-swapped"])
def test_a_link_put_in_the_place_of_a_secret_is_not_followed(desk: Desk, tmp_path: Path, line: str) -> None:
    assert line
    other = tmp_path / "other"
    other.write_text("somebody-elses-token")
    other.chmod(0o600)
    (tmp_path / "seats_write").symlink_to(other)
    desk.gateway._credentials = Secrets(tmp_path, environ={})
    written = desk.write()
    assert (written.reply.outcome, written.reply.code) == (Outcome.NOT_SENT, "no_credential")
    assert desk.entries()[-1].body["code"] == "no_credential"
    assert desk.grant.log == []


LISTED = ("good.com:443", "127.0.0.1:80")
ADDRESSES = {
    "user-info": "https://good.com@evil.example/",
    "backslash": "https://good.com\\@evil.example/",
    "trailing-dot": "https://good.com./",
    "short-ip": "http://127.1/",
    "hex-ip": "http://0x7f000001/",
    "mapped-metadata": "http://[::ffff:169.254.169.254]/",
}


@lines(ADDRESSES)
def test_another_spelling_of_an_address_lets_no_call_leave(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    desk = free_desk(monkeypatch, hosts=LISTED, note=ADDRESSES[line])
    attacks.denied(desk, desk.write(), "address_not_listed")


def no_exchange(request: HttpRequest, *, timeout_s: float, max_bytes: int = 0) -> HttpAnswer | HttpFailure:
    raise AssertionError(f"asked {request.address}")


@lines(ADDRESSES)
def test_another_spelling_of_an_address_is_not_looked_at(line: str) -> None:
    tool = http_get(LISTED, exchange=no_exchange)
    came = tool.send({"url": ADDRESSES[line]}, key="", secret=None, timeout_s=1)
    assert (came.outcome, came.code) == (Outcome.REFUSED, "address")


def over_http(address: Address) -> HttpTool:
    """The write of the desk as a request over real sockets."""
    template = RequestTemplate(method="POST", path="/seats/{account}")
    headers = {"seats_write": "Authorization"}
    return HttpTool(
        contract=kit.GRANT, address=address, base_path="", template=template, credential_headers=headers
    )


@lines(["dns-rebinding"])
def test_a_name_that_turns_to_an_inner_address_is_not_connected_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    assert line
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answer)
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail(f"connected to {a}"))
    desk.grant.send = over_http(Address(scheme="http", host="rebound.invalid", port=80)).send  # type: ignore[method-assign]
    written = desk.write()
    assert (written.reply.outcome, written.reply.code) == (Outcome.NOT_SENT, "no_address")
    assert (desk.entries()[-1].body["outcome"], desk.entries()[-1].body["code"]) == ("not_sent", "no_address")


@lines(["redirect-inwards"])
def test_a_redirect_is_not_followed(desk: Desk, line: str) -> None:
    assert line
    inner = Peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    where = f"Location: http://127.0.0.1:{inner.port}/latest/meta-data".encode()
    outer = Peer(answering(b"HTTP/1.1 307 Go\r\n" + where + b"\r\nContent-Length: 0\r\n\r\n"))
    try:
        desk.grant.send = over_http(Address(scheme="http", host="127.0.0.1", port=outer.port)).send  # type: ignore[method-assign]
        written = desk.write()
    finally:
        outer.close()
        inner.close()
    assert (written.reply.outcome, written.reply.code) == (Outcome.UNKNOWN, "307")
    assert desk.kinds() == [Kind.INTENT, Kind.OUTCOME]
    assert (outer.connections, inner.connections) == (1, 0)
