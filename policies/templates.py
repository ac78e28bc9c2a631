"""What a template such as ``{inputs.service}`` gives for given values.

A placeholder is a dotted path of plain fields: no index, no attribute, no call, no format specification.
A template that is one placeholder keeps the type of its value; otherwise text is built, and only from
strings, integers and booleans. Braces have no other meaning and cannot be escaped.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from policies.errors import TemplateError

MAX_LENGTH: Final = 4000
MAX_RENDERED: Final = 65_536
_PATH: Final = re.compile(r"[a-z][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_PIECE: Final = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")
_IN_RESOURCES: Final = ":@+,=!-._~"
_Encode = Callable[[str | int | bool], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """A dotted path and the column (from 1) of its first character in the template."""

    path: str
    column: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The fields, from the outermost in."""
        return tuple(self.path.split("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A parsed template: text and placeholders in order."""

    text: str
    pieces: tuple[str | Placeholder, ...]

    @property
    def whole(self) -> Placeholder | None:
        """The placeholder that is all of the template, if it is one."""
        only = self.pieces[0] if len(self.pieces) == 1 else None
        return only if isinstance(only, Placeholder) else None

    def names(self) -> tuple[Placeholder, ...]:
        """List the placeholders, in order."""
        return tuple(p for p in self.pieces if isinstance(p, Placeholder))


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Read a template, once; TemplateError where a brace does not belong to a placeholder."""
    if len(text) > MAX_LENGTH:
        raise TemplateError(f"longer than {MAX_LENGTH} characters")
    pieces: list[str | Placeholder] = []
    for found in _PIECE.finditer(text):
        path, literal, brace = found.groups()
        if brace is not None:
            raise TemplateError("a brace stands alone; braces hold names: {inputs.x}", found.start() + 1)
        if literal is not None:
            pieces.append(literal)
        elif _PATH.fullmatch(path):
            pieces.append(Placeholder(path=path, column=found.start() + 2))
        else:
            raise TemplateError(f"{{{path:.40}}} is not a name such as {{inputs.x}}", found.start() + 1)
    return Template(text=text, pieces=tuple(pieces))


def render(text: str, values: Mapping[str, Any]) -> str | int | bool:
    """Fill a template in, keeping the type where it is one placeholder; TemplateError.

    Values are strings, integers or booleans; anything else, and a name that is not there, is an error.
    """
    template = parse(text)
    if template.whole is not None:
        return _scalar(template.whole, values)
    return _joined(template, values, _plain_text)


def render_value(value: Any, values: Mapping[str, Any]) -> Any:
    """Fill in every text of a JSON value, field names excepted; TemplateError."""
    if isinstance(value, str):
        return render(value, values)
    if isinstance(value, Mapping):
        return {name: render_value(item, values) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [render_value(item, values) for item in value]
    return value


def render_path(text: str, values: Mapping[str, Any]) -> str:
    """Fill in a URL path, each value percent-encoded as (part of) one segment; TemplateError.

    A segment that comes out empty, ``.`` or ``..`` is an error; only a template may end in a slash.
    """
    return _segments(text, values, keep="")


def render_resource(text: str, values: Mapping[str, Any]) -> str:
    """Fill in the name of a resource or target: as ``render_path``, with ``:``, ``@`` and such kept."""
    return _segments(text, values, keep=_IN_RESOURCES)


def lookup(path: str, values: Mapping[str, Any]) -> Any:
    """Read a dotted path of plain fields; TemplateError where a part is not there."""
    found: Any = values
    for part in path.split("."):
        if not (type(found) is dict or isinstance(found, Mapping)) or part not in found:
            raise TemplateError(f"{path}: there is no {part}")
        found = found[part]
    return found


def _scalar(placeholder: Placeholder, values: Mapping[str, Any]) -> str | int | bool:
    value = lookup(placeholder.path, values)
    if type(value) not in (str, int, bool):
        raise TemplateError(f"{placeholder.path} is not text, a whole number, true or false")
    found: str | int | bool = value
    return found


def _plain_text(value: str | int | bool) -> str:  # noqa: FBT001 - one of three JSON kinds
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _joined(template: Template, values: Mapping[str, Any], encode: _Encode) -> str:
    built = "".join(p if isinstance(p, str) else encode(_scalar(p, values)) for p in template.pieces)
    if len(built) > MAX_RENDERED:
        raise TemplateError(f"longer than {MAX_RENDERED} characters once filled in")
    return built


def _segments(text: str, values: Mapping[str, Any], *, keep: str) -> str:
    path = _joined(parse(text), values, lambda value: quote(_plain_text(value), safe=keep))
    inner = path.removeprefix("/")
    for segment in (inner.removesuffix("/") if text.endswith("/") else inner).split("/"):
        if segment in ("", ".", ".."):
            raise TemplateError(f"a segment of {path!r:.80} would be {segment!r}")
    return path
