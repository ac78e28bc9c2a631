"""What a call sends: method and address with the values in their places, or the values by their names."""

import json
from collections.abc import Mapping
from typing import Any, Final

from policies import templates
from policies.connector import Connector, HttpTool
from policies.errors import TemplateError
from policies.step import Arguments

_SHOWN: Final = 400


def sent(tool: str, arguments: Arguments, connectors: Mapping[str, Connector]) -> str:
    """Say what a call of ``tool`` sends, each argument where it goes; templates stand as they are written."""
    for connector in connectors.values():
        for made in connector.tools:
            if made.name == tool:
                return _request(connector, made, arguments)
    values = ", ".join(f"{name}={_one(value)}" for name, value in arguments.items())
    return values or "no value"


def _request(connector: Connector, tool: HttpTool, arguments: Arguments) -> str:
    request = tool.request
    query = "&".join(f"{name}={_filled(text, arguments)}" for name, text in request.query.items())
    url = f"{connector.base_url.rstrip('/')}{_filled(request.path, arguments)}{'?' + query if query else ''}"
    said = [f"{request.method} {url}"]
    if request.headers:
        said.append(
            ", ".join(f"{name}: {_filled(text, arguments)}" for name, text in request.headers.items())
        )
    if request.json_ is not None:
        said.append(json.dumps(_deep(request.json_, arguments), ensure_ascii=False))
    text = " with ".join([said[0], " and ".join(said[1:])] if said[1:] else said)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _deep(value: Any, arguments: Arguments) -> Any:
    if isinstance(value, str):
        whole = value[1:-1] if value[:1] == "{" and value[-1:] == "}" else ""
        return arguments[whole] if whole in arguments else _filled(value, arguments)
    if isinstance(value, dict):
        return {name: _deep(item, arguments) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_deep(item, arguments) for item in value]
    return value


def _filled(text: str, arguments: Arguments) -> str:
    try:
        pieces = templates.parse(text).pieces
    except TemplateError:
        return text
    return "".join(p if isinstance(p, str) else _one(arguments.get(p.path, f"{{{p.path}}}")) for p in pieces)


def _one(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
