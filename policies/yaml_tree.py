"""How the text of a YAML file becomes plain values that know where they stood.

A closed part of YAML 1.2: mappings, lists, text, whole numbers, ``true``, ``false``, ``null``. No tags,
anchors, aliases, merge keys, directives, second documents, fractions or other ways to write a number; ``on``
and ``yes`` are text. Every problem is collected, with its place; limits hold before anything is built.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from policies import text as texts
from policies.errors import LoadError, Problem
from state.wording import clipped

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 24
MAX_NODES: Final = 50_000
MAX_PROBLEMS: Final = 100
MAX_INTEGER: Final = 2**53 - 1
MAX_DIGITS: Final = 17
MAX_MESSAGE: Final = 600  # a message that lists names may have thousands of them to list

Path = tuple[str | int, ...]

_CONSTANTS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_OTHER_NUMBER: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|0[xob][0-9A-Fa-f_]+|[-+]?\.(inf|nan)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a value stands, and its key if it has one; lines and columns from 1.

    ``inset``: how far the first character of a text lies behind its column (1 for a quote); None where
    columns inside the text cannot be told (folded, block or escaped text).
    """

    line: int
    column: int
    key_line: int
    key_column: int
    inset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file's plain value and the marks of all of it."""

    file: str
    value: Any
    marks: dict[Path, Mark] = field(repr=False)

    def problem(
        self, path: Path, message: str, code: str, *, key: bool = False, column: int | None = None
    ) -> Problem:
        """Say what is wrong at ``path`` (or at its nearest known ancestor); ``key``: at the name.

        ``column`` counts from 1 inside the text that stands there.
        """
        known = path
        while known and known not in self.marks:
            known = known[:-1]
        mark = self.marks.get(known, Mark(line=1, column=1, key_line=1, key_column=1))
        exact = known == path
        at = (mark.key_line, mark.key_column) if key or not exact else (mark.line, mark.column)
        if exact and not key and column is not None and mark.inset is not None:
            at = (mark.line, mark.column + mark.inset + column - 1)
        return Problem(
            file=self.file,
            line=at[0],
            column=at[1],
            path=".".join(str(p) for p in path),
            message=message if len(message) <= MAX_MESSAGE else clipped(message, MAX_MESSAGE),
            code=code,
        )


def read(content: bytes, file: str) -> Document:
    """Read a file's bytes; LoadError with every problem found."""
    text = _decoded(content, file)
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        builder.note(line, column, f"not YAML: {error.problem or error.context}", "not_yaml")
    except (YAMLError, RecursionError, ValueError) as error:
        builder.note(1, 1, f"not YAML: {str(error).splitlines()[0]:.200}", "not_yaml")
    except _EnoughError:
        pass
    if builder.problems:
        raise LoadError(builder.problems)
    return Document(file=file, value=builder.root, marks=builder.marks)


def _decoded(content: bytes, file: str) -> str:
    def refuse(message: str, code: str, line: int = 1, column: int = 1) -> LoadError:
        return LoadError([Problem(file=file, line=line, column=column, path="", message=message, code=code)])

    if len(content) > MAX_BYTES:
        raise refuse(f"larger than {MAX_BYTES} bytes", "too_large")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse("not UTF-8", "not_utf8", line) from error
    text = text.replace("\r\n", "\n")
    flaw = texts.hidden(text, allowed="\n\t")  # comments too: what a reviewer cannot see is not approved
    if flaw is not None:
        before = text[: flaw.index]
        raise refuse(flaw.why, flaw.code, before.count("\n") + 1, flaw.index - before.rfind("\n"))
    return text


def _events(text: str) -> Iterator[Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yield from yaml.parse(text)


class _EnoughError(Exception):
    """A limit is passed; reading on would only cost."""


@dataclass(slots=True, kw_only=True)
class _Open:
    """A mapping or list that is being filled; ``skip``: its value is thrown away (a key given twice)."""

    value: Any
    path: Path
    key: str | None = None
    key_at: tuple[int, int] = (1, 1)
    skip: bool = False


class _Builder:
    """Builds the value from events, without recursion."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.marks: dict[Path, Mark] = {}
        self.root: Any = None
        self._file = file
        self._stack: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    def note(self, line: int, column: int, message: str, code: str, path: Path = ()) -> None:
        """Collect a problem; _EnoughError after MAX_PROBLEMS."""
        where = ".".join(str(p) for p in path)
        self.problems.append(
            Problem(file=self._file, line=line, column=column, path=where, message=message, code=code)
        )
        if len(self.problems) >= MAX_PROBLEMS:
            raise _EnoughError

    def take(self, event: Any) -> None:
        """Take the next event of the file."""
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            closed = self._stack.pop()
            if closed.key is not None:
                self.note(*closed.key_at, "a field without a value", "not_yaml", closed.path)
            return
        if isinstance(event, DocumentStartEvent):
            self._document(event)
            return
        if isinstance(event, AliasEvent | ScalarEvent | MappingStartEvent | SequenceStartEvent):
            self._node(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if self._documents > 1:
            self.note(line, column, "a second document in one file", "many_documents")
            raise _EnoughError
        if event.version or event.tags:
            self.note(line, column, "directives are not taken", "directive")

    def _node(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.note(line, column, f"more than {MAX_NODES} values", "too_large")
            raise _EnoughError
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(parent, event, line, column)
            return
        path = self._path(parent)
        self._refuse_references(event, line, column, path)
        value = self._value(event, line, column, path)
        self._put(parent, value, event, path)
        if isinstance(value, dict | list):
            if len(self._stack) >= MAX_DEPTH:
                self.note(line, column, f"nested deeper than {MAX_DEPTH}", "too_deep", path)
                raise _EnoughError
            self._stack.append(_Open(value=value, path=path))

    def _path(self, parent: _Open | None) -> Path:
        if parent is None:
            return ()
        return (*parent.path, len(parent.value) if isinstance(parent.value, list) else parent.key or "")

    def _refuse_references(self, event: Any, line: int, column: int, path: Path) -> None:
        if isinstance(event, AliasEvent):
            self.note(line, column, "aliases are not taken: write it out", "alias", path)
        elif event.anchor is not None:
            self.note(line, column, "anchors are not taken: write it out", "anchor", path)
        if getattr(event, "tag", None) is not None and getattr(event, "ctag", None) is not None:
            self.note(line, column, f"tags are not taken: {event.tag}", "tag", path)

    def _key(self, parent: _Open, event: Any, line: int, column: int) -> None:
        if not isinstance(event, ScalarEvent):
            self.note(line, column, "a field's name must be text", "bad_key", parent.path)
            raise _EnoughError
        self._refuse_references(event, line, column, parent.path)
        name, path = event.value, (*parent.path, event.value)
        if name == "<<" and event.style is None:
            self.note(line, column, "merge keys are not taken: write it out", "merge_key", path)
        elif not name or not name.isascii() or not name.isprintable():
            self.note(line, column, "a field's name is printable ASCII text", "bad_key", path)
        elif event.style is None and not isinstance(_plain(name), str):
            self.note(line, column, f"a field's name must be text: put {name} in quotes", "bad_key", path)
        parent.skip = name in parent.value
        if parent.skip:
            self.note(line, column, "given twice", "duplicate_key", path)
        parent.key, parent.key_at = name, (line, column)

    def _value(self, event: Any, line: int, column: int, path: Path) -> Any:
        if isinstance(event, MappingStartEvent):
            return {}
        if isinstance(event, SequenceStartEvent):
            return []
        if isinstance(event, AliasEvent):
            return None
        flaw = texts.flaw(event.value)
        if flaw is not None:
            self.note(line, column, flaw.why, flaw.code, path)
        if event.style is not None:
            return event.value
        value = _plain(event.value)
        if value is _NOT_TAKEN:
            message = "a number is a whole number below 2^53 in plain digits; anything else stands in quotes"
            self.note(line, column, message, "bad_number", path)
            return 0
        return value

    def _put(self, parent: _Open | None, value: Any, event: Any, path: Path) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        key_at = (line, column)
        if parent is None:
            self.root = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            key_at = parent.key_at
            if not parent.skip:
                parent.value[parent.key] = value
            parent.key = None
        self.marks.setdefault(
            path,
            Mark(line=line, column=column, key_line=key_at[0], key_column=key_at[1], inset=_inset(event)),
        )


_NOT_TAKEN: Final = object()


def _plain(text: str) -> Any:
    """Read an unquoted scalar; _NOT_TAKEN for a number in another form."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        small = len(text) <= MAX_DIGITS and abs(int(text)) <= MAX_INTEGER and text != "-0"
        return int(text) if small else _NOT_TAKEN
    return _NOT_TAKEN if _OTHER_NUMBER.fullmatch(text) else text


def _inset(event: Any) -> int | None:
    if not isinstance(event, ScalarEvent) or event.start_mark.line != event.end_mark.line:
        return None
    width = event.end_mark.column - event.start_mark.column
    inset = 0 if event.style is None else 1
    return inset if width == len(event.value) + 2 * inset else None
