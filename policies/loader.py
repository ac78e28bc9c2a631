"""How a file that an owner approves is read: to a frozen value, or to every problem with its place.

Load means valid: the schema, and the syntax of every expression, template and pattern. Whether it can be run
safely is ``lint``'s question. The digest is that of the document as written, comments, order and layout
aside, so one file has one digest in every version of remit; what is left out means what the schema's
version says.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from policies import file_rules, yaml_tree
from policies.catalog import Catalog
from policies.connector import Connector
from policies.delegation import Delegation
from policies.errors import LoadError, Problem
from policies.explain import explain
from policies.runbook import Runbook
from policies.yaml_tree import Document
from state import canonical

T = TypeVar("T", bound=BaseModel)
Rules = Callable[[T, Document], list[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[T]):
    """A file that was taken. ``content``: its canonical JSON, from which ``revive`` makes the value again."""

    value: T
    digest: str
    path: Path
    content: str = field(repr=False)
    document: Document = field(repr=False)


def load_runbook(path: Path) -> Loaded[Runbook]:
    """Read a runbook file; LoadError with every problem, OSError where it cannot be read."""
    return parse_runbook(_content(path), path)


def parse_runbook(content: bytes, path: Path = Path("runbook.yaml")) -> Loaded[Runbook]:
    """Read a runbook from the bytes of its file; LoadError."""
    return _load(Runbook, yaml_tree.read(content, path.name), path, file_rules.runbook)


def load_delegation(path: Path) -> Loaded[Delegation]:
    """Read a delegation file; LoadError, OSError."""
    return parse_delegation(_content(path), path)


def parse_delegation(content: bytes, path: Path = Path("delegation.yaml")) -> Loaded[Delegation]:
    """Read a delegation from the bytes of its file; LoadError."""
    return _load(Delegation, yaml_tree.read(content, path.name), path, file_rules.delegation)


def load_catalog(path: Path) -> Loaded[Catalog]:
    """Read a catalog file; LoadError, OSError."""
    return parse_catalog(_content(path), path)


def parse_catalog(content: bytes, path: Path = Path("catalog.yaml")) -> Loaded[Catalog]:
    """Read a catalog from the bytes of its file; LoadError."""
    return _load(Catalog, yaml_tree.read(content, path.name), path, file_rules.catalog)


def load_connector(path: Path, env: Mapping[str, str]) -> Loaded[Connector]:
    """Read a connector file, ``${NAME}`` in its base address filled in from ``env``; LoadError, OSError.

    The digest binds the address that came out.
    """
    return parse_connector(_content(path), env, path)


def parse_connector(
    content: bytes, env: Mapping[str, str], path: Path = Path("connector.yaml")
) -> Loaded[Connector]:
    """Read a connector from the bytes of its file, as ``load_connector`` does; LoadError."""
    document = yaml_tree.read(content, path.name)
    return _load(Connector, file_rules.fill_in_address(document, env), path, file_rules.connector)


def parse_as(model: type[T], content: bytes, path: Path, rules: Rules[T]) -> Loaded[T]:
    """Read a file of another kind, with a ``schema`` of its own, from its bytes; LoadError."""
    return _load(model, yaml_tree.read(content, path.name), path, rules)


def revive(model: type[T], content: str) -> T:
    """Make a value again from the ``content`` of an earlier load; LoadError."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        document = Document(file="content", value=canonical.loads(content), marks={})
        raise LoadError(explain(error, document, model)) from error


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read; OSError where it is none: whoever reads a pipe may wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(yaml_tree.MAX_BYTES + 1)


def _load(model: type[T], document: Document, path: Path, rules: Rules[T]) -> Loaded[T]:
    _expect_schema(model, document)
    content = canonical.dumps(document.value)
    try:
        value = model.model_validate_json(content)
    except ValidationError as error:
        raise LoadError(explain(error, document, model)) from error
    problems = rules(value, document)
    if problems:
        raise LoadError(sorted(problems, key=lambda p: (p.line, p.column)))
    return Loaded(
        value=value,
        digest=canonical.digest_text(content),
        path=path,
        content=content,
        document=document,
    )


def _expect_schema(model: type[BaseModel], document: Document) -> None:
    (expected,) = model.model_fields["schema_"].annotation.__args__  # type: ignore[union-attr]
    value: Any = document.value
    if not isinstance(value, dict):
        raise LoadError(
            [document.problem((), f"must be fields with values, first schema: {expected}", "wrong_type")]
        )
    given = value.get("schema")
    if given != expected:
        why = f"must be {expected}" if given is not None else f"is missing: schema: {expected}"
        raise LoadError([document.problem(("schema",), why, "wrong_schema")])
