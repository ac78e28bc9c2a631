"""How any listed address is looked at: ``http.get``, total, so that a dead service is a fact and no error."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from policies.call import Reply
from policies.contract import Effect, StringSpec, ToolContract
from state.outcome import Outcome
from tools.addresses import MAX_URL, parse_url, require_listed
from tools.errors import AddressError, UnreadableReplyError
from tools.http_client import Exchange, HttpAnswer, HttpFailure, HttpRequest, exchange
from tools.registry import source_digest
from tools.result import conform, parse_json
from tools.scrub import one_line
from tools.secrets import Secret

MAX_ANSWER_BYTES: Final = 16 * 1024  # so that what is made of it stays below what the door lets through
RESULT: Final = {"answered": "boolean", "status": "integer", "json": "any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpGet:
    """The tool ``http.get``: ``{answered, status, json}``, all three always.

    ``json`` is null where the body is none, is not JSON, is too large, or did not come whole in time.
    """

    contract: ToolContract
    exchange: Exchange = field(default=exchange, repr=False)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Get ``url`` once, without following a redirect; refused unless its host:port is listed."""
        del key, secret
        try:
            address, target = parse_url(arguments["url"])
            require_listed(address, self.contract.hosts)
        except AddressError as error:
            return Reply(outcome=Outcome.REFUSED, code="address", detail=one_line(str(error)))
        accept = ("Accept", "application/json")
        request = HttpRequest(method="GET", address=address, target=target, headers=(accept,))
        came = self.exchange(request, timeout_s=timeout_s, max_bytes=MAX_ANSWER_BYTES)
        if isinstance(came, HttpFailure):
            nothing = {"answered": False, "status": 0, "json": None}
            return Reply(
                outcome=Outcome.SUCCEEDED, result=nothing, code=came.code, detail=one_line(came.detail)
            )
        result = {"answered": True, "status": came.status, "json": _json(came)}
        return Reply(outcome=Outcome.SUCCEEDED, result=result, code=str(came.status))


def http_get(hosts: Iterable[str], *, exchange: Exchange = exchange) -> HttpGet:
    """Make ``http.get`` for exactly these ``host:port`` texts."""
    contract = ToolContract(
        name="http.get",
        effect=Effect.READ,
        arguments={"url": StringSpec(type="string", max_length=MAX_URL)},
        result=RESULT,
        timeout_s=5.0,
        hosts=tuple(sorted(set(hosts))),
        connector="http",
        source=source_digest(Path(__file__)),
    )
    return HttpGet(contract=contract, exchange=exchange)


def _json(came: HttpAnswer) -> Any:
    if not came.body:
        return None
    try:
        return conform({"json": parse_json(came.body)}, {"json": "any"})["json"]
    except UnreadableReplyError:
        return None
