"""How a tool of a connector file calls its HTTP API: a request from a template, an answer by the list."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from policies import templates
from policies.call import Reply
from policies.connector import Connector
from policies.contract import DedupeKind, ToolContract
from policies.errors import TemplateError
from state.outcome import Outcome
from tools.addresses import Address, parse_url
from tools.answers import classify
from tools.errors import AddressError, SetupError
from tools.http_client import Exchange, HttpRequest, exchange
from tools.scrub import one_line
from tools.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTemplate:
    """What is sent, with ``{argument}`` where an argument goes. ``json`` None: no body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTool:
    """One tool of a connector. ``credential_headers``: name of a secret to the header that carries it."""

    contract: ToolContract
    address: Address
    base_path: str
    template: RequestTemplate
    credential_headers: Mapping[str, str] = field(default_factory=dict)
    exchange: Exchange = field(default=exchange, repr=False)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the request once; SetupError for a secret that the connector does not name."""
        try:
            request = self._request(arguments, key, secret)
        except TemplateError as error:  # nothing left, and the same arguments never will
            detail = one_line(str(error), secrets=[secret])
            return Reply(outcome=Outcome.REFUSED, code="template", detail=detail)
        return classify(self.contract, self.exchange(request, timeout_s=timeout_s), secret)

    def _request(self, arguments: dict[str, Any], key: str, secret: Secret | None) -> HttpRequest:
        headers = [("Accept", "application/json")]
        for name, text in self.template.headers.items():
            headers.append((name, _header(_text(text, arguments))))
        body = b""
        if self.template.json is not None:
            filled = templates.render_value(self.template.json, arguments)
            body = json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode()
            headers.append(("Content-Type", "application/json"))
        headers += self._settling(arguments, key)
        if secret is not None:
            if secret.name not in self.credential_headers:
                raise SetupError(f"{self.contract.name} has no place for {secret}")
            headers.append((self.credential_headers[secret.name], secret.reveal()))
        target = self.base_path + templates.render_path(self.template.path, arguments)
        return HttpRequest(
            method=self.template.method,
            address=self.address,
            target=target + self._query(arguments),
            headers=tuple(headers),
            body=body,
        )

    def _settling(self, arguments: dict[str, Any], key: str) -> list[tuple[str, str]]:
        dedupe, placed = self.contract.dedupe, {name.lower() for name in self.template.headers}
        if dedupe.kind is DedupeKind.NATIVE_KEY and dedupe.header:
            return [(dedupe.header, _header(key))]
        if dedupe.kind is not DedupeKind.CONDITIONAL_WRITE or not (dedupe.header and dedupe.condition):
            return []
        if dedupe.header.lower() in placed:  # the request says itself how the condition is written
            return []
        return [(dedupe.header, _header(_text(f"{{{dedupe.condition}}}", arguments)))]

    def _query(self, arguments: dict[str, Any]) -> str:
        pairs = [
            f"{quote(name)}={quote(_text(text, arguments), safe='')}"
            for name, text in self.template.query.items()
        ]
        return "?" + "&".join(pairs) if pairs else ""


def connector_tools(connector: Connector, *, exchange: Exchange = exchange) -> list[HttpTool]:
    """Make the tools of a connector file; SetupError for a base address that is none."""
    try:
        address, base_path = parse_url(connector.base_url)
    except AddressError as error:
        raise SetupError(f"connector {connector.connector}: base_url: {error}") from None
    if "?" in base_path:
        raise SetupError(f"connector {connector.connector}: base_url with a query")
    contracts = connector.contracts()
    return [
        HttpTool(
            contract=contracts[tool.name],
            address=address,
            base_path=base_path.rstrip("/"),
            template=RequestTemplate(
                method=tool.request.method,
                path=tool.request.path,
                headers=tool.request.headers,
                query=tool.request.query,
                json=tool.request.json_,
            ),
            credential_headers=_credential_headers(connector),
            exchange=exchange,
        )
        for tool in connector.tools
    ]


def _credential_headers(connector: Connector) -> dict[str, str]:
    both = (connector.credentials.executor, connector.credentials.verifier)
    return {credential.secret: credential.header for credential in both if credential is not None}


def _text(template: str, arguments: dict[str, Any]) -> str:
    value = templates.render(template, arguments)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _header(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise TemplateError("a value that no header can carry")
    return value
