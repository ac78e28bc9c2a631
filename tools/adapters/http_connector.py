"""How a tool of a connector file calls its HTTP API: a request from a template, an answer by the list."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from policies import templates
from policies.call import Reply
from policies.contract import ToolContract
from policies.errors import TemplateError
from state.outcome import Outcome
from tools.addresses import Address
from tools.answers import classify
from tools.http_client import HttpRequest, exchange
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
    """One tool of a connector. ``credential_header`` carries the secret as it is."""

    contract: ToolContract
    address: Address
    base_path: str
    template: RequestTemplate
    credential_header: str | None = None

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the request once."""
        try:
            request = self._request(arguments, key, secret)
        except TemplateError as error:  # nothing left, and the same arguments never will
            detail = one_line(str(error), secrets=[secret])
            return Reply(outcome=Outcome.REFUSED, code="template", detail=detail)
        return classify(self.contract, exchange(request, timeout_s=timeout_s), secret)

    def _request(self, arguments: dict[str, Any], key: str, secret: Secret | None) -> HttpRequest:
        headers = [("Accept", "application/json")]
        for name, text in self.template.headers.items():
            headers.append((name, _header(_text(text, arguments))))
        body = b""
        if self.template.json is not None:
            filled = templates.render_value(self.template.json, arguments)
            body = json.dumps(filled, ensure_ascii=False, separators=(",", ":")).encode()
            headers.append(("Content-Type", "application/json"))
        if self.contract.dedupe.header and key:
            headers.append((self.contract.dedupe.header, _header(key)))
        if self.credential_header and secret is not None:
            headers.append((self.credential_header, secret.reveal()))
        target = self.base_path + templates.render_path(self.template.path, arguments)
        return HttpRequest(
            method=self.template.method,
            address=self.address,
            target=target + self._query(arguments),
            headers=tuple(headers),
            body=body,
        )

    def _query(self, arguments: dict[str, Any]) -> str:
        pairs = [
            f"{quote(name)}={quote(_text(text, arguments), safe='')}"
            for name, text in self.template.query.items()
        ]
        return "?" + "&".join(pairs) if pairs else ""


def _text(template: str, arguments: dict[str, Any]) -> str:
    value = templates.render(template, arguments)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _header(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise TemplateError("a value that no header can carry")
    return value
