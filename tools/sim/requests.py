"""Which tool of a connector made a request, and with which arguments: its templates, read backwards."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from policies import templates
from policies.connector import Connector, HttpTool
from policies.contract import ValueSpec
from tools.http_client import HttpRequest

_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was asked. ``headers`` by their names in small letters."""

    tool: str
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]


def read_request(connector: Connector, request: HttpRequest) -> Read | None:
    """Find the tool that makes such a request, and what it was given; None where none does."""
    headers = {name.lower(): value for name, value in request.headers}
    for tool in connector.tools:
        arguments = _arguments(connector, tool, request, headers)
        if arguments is not None:
            return Read(tool=tool.name, arguments=arguments, headers=headers)
    return None


def _arguments(
    connector: Connector, tool: HttpTool, request: HttpRequest, headers: Mapping[str, str]
) -> dict[str, Any] | None:
    if tool.request.method != request.method:
        return None
    target = urlsplit(request.target)
    path = urlsplit(connector.base_url).path.rstrip("/") + tool.request.path
    query = dict(parse_qsl(target.query, keep_blank_values=True))
    if query.keys() != tool.request.query.keys():
        return None
    found: dict[str, Any] = {}
    texts = [(path, target.path), *((text, query[name]) for name, text in tool.request.query.items())]
    placed = dict(tool.request.headers)
    if tool.dedupe.header is not None and tool.dedupe.condition is not None:
        placed.setdefault(tool.dedupe.header, f"{{{tool.dedupe.condition}}}")
    texts += [(text, headers.get(name.lower(), "")) for name, text in placed.items()]
    for template, text in texts:
        given = _texts(template, text, tool.arguments, encoded=template is path)
        if given is None:
            return None
        found |= given
    body = None if not request.body else json.loads(request.body)
    for pair in _pairs(tool.request.json_, body):
        given = None if pair is None else _value(*pair, tool.arguments)
        if given is None:
            return None
        found |= given
    return found if found.keys() == tool.arguments.keys() else None


def _pairs(template: Any, value: Any) -> Iterator[tuple[str, Any] | None]:
    """Lay a template beside what came: each text with its value, None where the two differ in build."""
    if isinstance(template, str):
        yield template, value
    elif isinstance(template, Mapping):
        if not isinstance(value, dict) or value.keys() != template.keys():
            yield None
            return
        for name, inner in template.items():
            yield from _pairs(inner, value[name])
    elif isinstance(template, list | tuple):
        if not isinstance(value, list) or len(value) != len(template):
            yield None
            return
        for inner, one in zip(template, value, strict=True):
            yield from _pairs(inner, one)
    elif template != value or type(template) is not type(value):
        yield None


def _value(template: str, value: Any, specs: Mapping[str, ValueSpec]) -> dict[str, Any] | None:
    whole = templates.parse(template).whole
    if whole is not None:
        return {whole.path: value}
    return _texts(template, value, specs, encoded=False) if isinstance(value, str) else None


def _texts(
    template: str, text: str, specs: Mapping[str, ValueSpec], *, encoded: bool
) -> dict[str, Any] | None:
    pieces = templates.parse(template).pieces
    inner = "[^/]+" if encoded else ".*"
    pattern = "".join(re.escape(p) if isinstance(p, str) else f"({inner})" for p in pieces)
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        return None
    names = [p.path for p in pieces if not isinstance(p, str)]
    given = {}
    for name, one in zip(names, found.groups(), strict=True):
        given[name] = _typed(specs[name], unquote(one) if encoded else one)
    return given


def _typed(spec: ValueSpec, text: str) -> Any:
    if spec.type == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return _TRUTH.get(text, text) if spec.type == "boolean" else text
