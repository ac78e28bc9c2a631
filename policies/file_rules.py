"""What a file must be beyond its schema to be taken: syntax that the schema cannot see, and names that agree.

One function a kind of file; each lists problems with their place.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from policies import templates
from policies.catalog import Catalog
from policies.connector import Connector, HttpTool
from policies.contract import DedupeKind, Effect, StringSpec
from policies.contract_model import model_flaws
from policies.delegation import Delegation, Entry
from policies.errors import ExpressionError, LoadError, Problem, TemplateError
from policies.expressions import compile_expression
from policies.patterns import pattern_flaw
from policies.runbook import Runbook
from policies.sites import sites
from policies.yaml_tree import Document, Path

_VARIABLE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]{0,62})\}", re.ASCII)
_PORT_MAX: Final = 65535
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "authorization", "cookie", "content-type"}
)
Specs = Mapping[str, Any]


def runbook(value: Runbook, document: Document) -> list[Problem]:
    """Every expression and template parses, and every pattern can be used."""
    found = [p for s in sites(value) for p in _syntax(document, s.path, s.text, template=s.template)]
    for number, phrase in enumerate(value.triggers.chat):
        found += _syntax(document, ("triggers", "chat", number), phrase, template=True)
    found += _specs(document, ("inputs",), value.inputs)
    for name, derived in value.derive.items():
        if derived.bound is not None and derived.bound.pattern is not None:
            found += _pattern(document, ("derive", name, "bound", "pattern"), derived.bound.pattern)
    return found


def delegation(value: Delegation, document: Document) -> list[Problem]:
    """Targets, resources and windows agree, and no account stands for two principals."""
    found = _twice(document, "delegate", [e.runbook for e in value.delegate], "runbook", "duplicate_runbook")
    for index, entry in enumerate(value.delegate):
        found += _entry(document, ("delegate", index), entry)
    for account in ("slack", "matrix", "email"):
        names = [getattr(p, account) for p in value.principals.values()]
        for name, principal in value.principals.items():
            own = getattr(principal, account)
            if own is not None and names.count(own) > 1:
                message = f"{own} stands for two principals"
                found.append(document.problem(("principals", name, account), message, "shared_account"))
    return found


def _entry(document: Document, path: Path, entry: Entry) -> Iterator[Problem]:
    yield from _syntax(document, (*path, "target"), entry.target, template=True, roots=("inputs",))
    for pattern in entry.resources:
        if pattern not in entry.targets:
            message = "resources of a target that is not delegated"
            yield document.problem((*path, "resources", pattern), message, "unknown_target", key=True)
    for number, pattern in enumerate(entry.targets):
        if pattern not in entry.resources:
            message = "says no resources: nothing could be written for it"
            yield document.problem((*path, "targets", number), message, "target_without_resources")
    for number, window in enumerate(entry.windows):
        yield from _syntax(document, (*path, "windows", number, "when"), window.when, roots=("inputs",))


def catalog(value: Catalog, document: Document) -> list[Problem]:
    """No service stands twice, and every dependency is one of the services."""
    known = Counter((s.name, s.env) for s in value.services)
    found = []
    for index, service in enumerate(value.services):
        if known[service.name, service.env] > 1:
            message = f"{service.name} in {service.env} stands twice"
            found.append(document.problem(("services", index, "name"), message, "duplicate_service"))
        for number, needed in enumerate(service.depends_on()):
            if (needed.name, needed.env) not in known:
                message = f"there is no service {needed.name} in {needed.env}"
                at = ("services", index, "dependencies", number)
                found.append(document.problem(at, message, "unknown_service"))
    return found


def connector(value: Connector, document: Document) -> list[Problem]:
    """Every tool's request, answers and way to settle doubles agree with its arguments."""
    found = _twice(document, "tools", [t.name for t in value.tools], "name", "duplicate_tool")
    for index, tool in enumerate(value.tools):
        for rule in _TOOL_RULES:
            found += rule(document, ("tools", index), tool)
    contracts = value.contracts()
    for index, tool in enumerate(value.tools):
        for flaw in model_flaws(contracts[tool.name], contracts):
            at: Path = ("tools", index, *flaw.path)
            at_key = flaw.column is None
            found.append(document.problem(at, flaw.message, flaw.code, key=at_key, column=flaw.column))
    return found


def fill_in_address(document: Document, env: Mapping[str, str]) -> Document:
    """Fill ``${NAME}`` of ``base_url`` in from ``env``; LoadError where that gives no address."""
    value, path = document.value, ("base_url",)
    written = value.get("base_url") if isinstance(value, dict) else None
    if not isinstance(written, str):
        return document  # the schema says what is wrong
    missing = sorted({name for name in _VARIABLE.findall(written) if not env.get(name)})
    if missing:
        message = f"{', '.join(missing)} is not set in the environment"
        raise LoadError([document.problem(path, message, "missing_variable")])
    address = _VARIABLE.sub(lambda found: env[found[1]], written)
    flaw = _address_flaw(address)
    if flaw:
        raise LoadError([document.problem(path, f"{flaw}: {address[:120]!r}", "bad_address")])
    return replace(document, value={**value, "base_url": address.rstrip("/")})


def _address_flaw(address: str) -> str | None:
    if not address.isascii() or not address.isprintable() or any(c in address for c in "\\ @?#$%"):
        return "an address holds no user, query, fragment, escape or variable that is not set"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "not an address"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "an address begins with http:// or https:// and names a host"
    if parts.hostname.endswith(".") or (port is not None and not 0 < port <= _PORT_MAX):
        return "not a host and port"
    return "an address holds no .. segment" if ".." in parts.path.split("/") else None


def _tool_templates(tool: HttpTool) -> Iterator[tuple[Path, str]]:
    yield ("request", "path"), tool.request.path
    for kind in ("query", "headers"):
        for name, text in getattr(tool.request, kind).items():
            yield ("request", kind, name), text
    yield from _texts(("request", "json"), tool.request.json_)
    if tool.resource is not None:
        yield ("resource",), tool.resource


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts((*path, name), item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts((*path, number), item)


def _tool_names(document: Document, path: Path, tool: HttpTool) -> Iterator[Problem]:
    yield from _specs(document, (*path, "arguments"), tool.arguments)
    used = set()
    for at, text in _tool_templates(tool):
        problems = list(_syntax(document, (*path, *at), text, template=True, roots=tuple(tool.arguments)))
        yield from problems
        if not problems and at != ("resource",):
            used |= {name.path for name in templates.parse(text).names()}
    for name in tool.arguments:
        if name not in used:
            yield document.problem((*path, "arguments", name), "is never sent", "unused_argument", key=True)


def _tool_effect(document: Document, path: Path, tool: HttpTool) -> Iterator[Problem]:
    if tool.effect is Effect.READ:
        if tool.request.method not in ("GET", "HEAD"):
            message = f"a read does not {tool.request.method}"
            yield document.problem((*path, "request", "method"), message, "read_that_writes")
        return
    if tool.resource is None:
        yield document.problem(path, "a write says what it writes: resource", "no_resource")
    if tool.effect is Effect.WRITE and tool.longest_request_ms == 0:
        message = "a write says how long a sent request may still land: longest_request"
        yield document.problem(path, message, "no_longest_request")


def _tool_dedupe(document: Document, path: Path, tool: HttpTool) -> Iterator[Problem]:
    dedupe, at = tool.dedupe, (*path, "dedupe")
    needed: tuple[str, ...] = {
        DedupeKind.NATIVE_KEY: ("header", "window_ms"),
        DedupeKind.CONDITIONAL_WRITE: ("condition",),
        DedupeKind.NATURAL_KEY: ("name",),
    }.get(dedupe.kind, ())
    for name in needed:
        if getattr(dedupe, name) is None:
            message = f"{dedupe.kind.value} needs {name.removesuffix('_ms')}"
            yield document.problem(at, message, "missing_field")
    for name in ("condition", "name"):
        argument = getattr(dedupe, name)
        if argument is not None and argument not in tool.arguments:
            yield document.problem((*at, name), f"{argument} is not an argument", "unknown_name")


def _tool_answers(document: Document, path: Path, tool: HttpTool) -> Iterator[Problem]:
    answers = tool.answers
    listed = Counter((*answers.succeeded, *answers.refused, *answers.not_applied))
    for status in (status for status, times in listed.items() if times > 1):
        yield document.problem((*path, "answers"), f"{status} stands twice", "answer_twice", key=True)
    for name in tool.request.headers:
        taken = {c.lower() for c in (tool.dedupe.header,) if c} | _OWN_HEADERS
        if name.lower() in taken:
            at = (*path, "request", "headers", name)
            yield document.problem(at, f"{name} is set by remit itself", "own_header", key=True)
    for name in tool.recorded or ():
        if name not in {field.removesuffix("?") for field in tool.result}:
            yield document.problem((*path, "recorded"), f"the result has no {name}", "unknown_name")


_TOOL_RULES: Final[tuple[Callable[[Document, Path, HttpTool], Iterator[Problem]], ...]] = (
    _tool_names,
    _tool_effect,
    _tool_dedupe,
    _tool_answers,
)


def _syntax(
    document: Document, path: Path, text: str, *, template: bool = False, roots: tuple[str, ...] | None = None
) -> Iterator[Problem]:
    try:
        if template:
            names = [(n.parts[0], n.path, n.column) for n in templates.parse(text).names()]
        else:
            names = [(n.parts[0], n.path, n.column) for n in compile_expression(text).names()]
    except TemplateError as error:
        yield document.problem(path, str(error), "bad_template", column=error.column)
        return
    except ExpressionError as error:
        yield document.problem(path, str(error), "bad_expression", column=error.column)
        return
    for root, name, column in names:
        if roots is not None and root not in roots:
            message = f"{name} is not known here; known are {', '.join(roots) or 'no names'}"
            yield document.problem(path, message, "unknown_name", column=column)


def _specs(document: Document, path: Path, specs: Specs) -> Iterator[Problem]:
    for name, spec in specs.items():
        if isinstance(spec, StringSpec) and spec.pattern is not None:
            yield from _pattern(document, (*path, name, "pattern"), spec.pattern)


def _pattern(document: Document, path: Path, pattern: str) -> Iterator[Problem]:
    flaw = pattern_flaw(pattern)
    if flaw is not None:
        yield document.problem(path, flaw, "bad_pattern")


def _twice(document: Document, kind: str, names: Iterable[str], field: str, code: str) -> list[Problem]:
    names = list(names)
    return [
        document.problem((kind, index, field), f"{name} stands twice", code)
        for index, name in enumerate(names)
        if names.index(name) != index
    ]
