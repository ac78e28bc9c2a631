"""Every parser that others' words come through: what it may raise, what must hold of what it takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from evals.fuzz import taken
from evals.fuzz.mutate import as_json
from evals.fuzz.work import within_work
from policies import loader
from policies.errors import ExpressionError, LoadError, TemplateError
from policies.expressions import compile_expression
from policies.templates import parse as parse_template
from policies.yaml_tree import read
from remit.errors import DoorError
from remit.rehearsal import reading
from remit.settings import FILE, load
from state import canonical
from state.errors import CanonicalError
from state.ledger.export import verify_export
from state.projection import project

ROOT: Final = Path(__file__).resolve().parents[2]
_MOST_SAID: Final = 4_000  # characters of one problem
EXAMPLES: Final = ROOT / "tests" / "fixtures" / "examples"


class UnclearError(AssertionError):
    """A parser refused, and its error does not say what, where and by which code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One parser. ``examples``: valid documents; ``texts``: the same as files are written, or more;
    ``render``: how a spoilt document becomes the bytes that are read;
    ``ready``: what has to be there first, whose work does not count."""

    name: str
    parse: Callable[[bytes], Any] = field(repr=False)
    refuses: tuple[type[Exception], ...]
    examples: Callable[[], Sequence[Any]] = field(repr=False)
    texts: Callable[[], Sequence[bytes]] = field(repr=False, default=tuple)
    render: Callable[[Any], bytes] = field(repr=False, default=as_json)
    holds: Callable[[Any], None] = field(repr=False, default=taken.anything)
    ready: Callable[[], object] = field(repr=False, default=tuple)

    def knock(self, content: bytes) -> bool:
        """Whether ``content`` is taken. Anything but a clear refusal of this parser's own kind is raised."""
        self.ready()
        try:
            value = within_work(self.parse, content)
        except self.refuses as error:
            clear(error)
            return False
        within_work(lambda _: self.holds(value), content)
        return True


def clear(error: Exception) -> None:
    """See to it that a refusal says what is wrong and, where there is a file, where; UnclearError."""
    said = str(error)
    if not said.strip():
        raise UnclearError(f"{type(error).__name__} says nothing")
    if isinstance(error, LoadError):
        if not error.problems:
            raise UnclearError("a refusal without a problem")
        for problem in error.problems:
            if problem.line < 1 or problem.column < 1 or not problem.code or not problem.file:
                raise UnclearError(f"no place or no code: {problem!r}")
            if len(problem.message) > _MOST_SAID or not problem.message.strip():
                raise UnclearError(f"not to be read: {problem.message[:200]!r}")
    if isinstance(error, DoorError) and not error.code:
        raise UnclearError(f"{type(error).__name__} without a code")


def _files(*paths: Path) -> list[bytes]:
    return [path.read_bytes() for path in paths]


@cache
def _documents(*paths: Path) -> tuple[Any, ...]:
    return tuple(read(path.read_bytes(), path.name).value for path in paths)


def _yaml(
    name: str, parse: Callable[[bytes], Any], paths: Sequence[Path], holds: Callable[[Any], None]
) -> Door:
    return Door(
        name=name,
        parse=parse,
        refuses=(LoadError,),
        examples=partial(_documents, *paths),
        texts=partial(_files, *paths),
        holds=holds,
    )


def _json_of(parse: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """Parse JSON values: what is no JSON is none of that parser's business."""

    def parsed(content: bytes) -> Any:
        try:
            value = json.loads(content)
            canonical.dumps(value)
        except (ValueError, RecursionError, CanonicalError):
            return None
        return parse(value)

    return parsed


def _text_of(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda content: parse(content.decode("utf-8", "surrogateescape"))


def _settings(content: bytes) -> Any:
    with TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(content)
        return load(Path(folder))


def _export(content: bytes) -> Any:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        path.write_bytes(content)
        return list(verify_export(path, project=project))


_RUNBOOKS: Final = sorted((ROOT / "runbooks").glob("*/runbook.yaml"))
_CONNECTORS: Final = [
    *sorted((ROOT / "runbooks").glob("*/connector*.yaml")),
    EXAMPLES / "connector-http.yaml",
]
_TESTS: Final = sorted((ROOT / "runbooks").glob("*/*.test.yaml"))
_WORLDS: Final = sorted((ROOT / "runbooks").glob("*/*.world.yaml"))
_CATALOG: Final = {
    "schema": "remit/catalog/v1",
    "services": [
        {
            "name": "shop", "env": "prod", "supervisor": "prod-1", "program": "shop",
            "health_url": "http://127.0.0.1:8080/health",
            "dependencies": ["pay", {"name": "pay", "env": "prod"}],
            "system_owner": "team shop",
        },
        {
            "name": "pay", "env": "prod", "supervisor": "prod-1", "program": "pay",
            "health_url": "http://127.0.0.1:8081/health", "system_owner": "team pay",
        },
    ],
}  # fmt: skip
_ENV: Final = dict.fromkeys(
    ("SEATS_URL", "QUOTA_URL", "SCIM_URL", "DIRECTORY_URL", "TICKET_URL"), "http://127.0.0.1:1"
)
_EXPRESSIONS: Final = (
    "!health.answered || health.status != 200",
    'proc.state in ["STOPPED", "EXITED"] && proc.pid != attempt.proc.pid',
    "should.values.filter(v, !(v in has.values))",
    'timestamp("2026-11-23T21:08:40Z") + duration("1h30m") < now',
    "size(derive.add) + size(derive.remove) > 0", "x[0].y[-1] % 3 == -(2 - 1)",
)  # fmt: skip
_TEMPLATES: Final = (
    "restart {service} in {env}",
    "{inputs.env}/{inputs.service}",
    "{attempt.has.etag}",
    "plain",
)

DOORS: Final[Mapping[str, Door]] = {
    door.name: door
    for door in (
        _yaml("runbook", loader.parse_runbook, _RUNBOOKS, taken.runbook),
        _yaml("connector", lambda c: loader.parse_connector(c, _ENV), _CONNECTORS, taken.connector),
        _yaml("delegation", loader.parse_delegation, [EXAMPLES / "delegation.yaml"], taken.delegation),
        Door(
            name="catalog", parse=loader.parse_catalog, refuses=(LoadError,),
            examples=lambda: [_CATALOG], holds=taken.catalog,
        ),
        _yaml("test_file", lambda c: reading.parse_test(c, Path("a.test.yaml")), _TESTS, taken.anything),
        _yaml("world", lambda c: reading.parse_world(c, Path("a.world.yaml")), _WORLDS, taken.anything),
        Door(
            name="request", parse=_json_of(taken.request), refuses=(), examples=lambda: taken.REQUESTS,
            ready=taken.house,
        ),
        Door(name="packet", parse=_json_of(taken.packet), refuses=(), examples=taken.packets),
        Door(
            name="export", parse=_export, refuses=(), examples=taken.exports, render=taken.as_export,
            holds=taken.findings,
        ),
        Door(
            name="settings", parse=_settings, refuses=(DoorError,), examples=tuple,
            texts=lambda: _files(ROOT / "remit" / "sample" / "remit.toml"),
        ),
        Door(
            name="expression", parse=_text_of(compile_expression), refuses=(ExpressionError,), examples=tuple,
            texts=lambda: [text.encode() for text in _EXPRESSIONS], holds=taken.expression,
        ),
        Door(
            name="template", parse=_text_of(parse_template), refuses=(TemplateError,), examples=tuple,
            texts=lambda: [text.encode() for text in _TEMPLATES], holds=taken.template,
        ),
    )
}  # fmt: skip
