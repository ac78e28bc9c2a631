"""How what pydantic found wrong with a document is said: at its place, in plain words, with a code."""

import difflib
import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.errors import Problem
from policies.yaml_tree import Document, Path

_PLAIN: Final = {
    "string_type": ("wrong_type", "must be text (in quotes where it looks like something else)"),
    "int_type": ("wrong_type", "must be a whole number"),
    "int_from_float": ("wrong_type", "must be a whole number"),
    "bool_type": ("wrong_type", "must be true or false"),
    "tuple_type": ("wrong_type", "must be a list"),
    "list_type": ("wrong_type", "must be a list"),
    "dict_type": ("wrong_type", "must be fields with values"),
    "model_type": ("wrong_type", "must be fields with values"),
    "model_attributes_type": ("wrong_type", "must be fields with values"),
    "union_tag_not_found": ("missing_field", "says no type: string, integer or boolean"),
    "missing": ("missing_field", "is missing"),
    "extra_forbidden": ("unknown_field", "unknown field"),
    "string_pattern_mismatch": ("bad_form", "is not of the form {pattern}"),
    "string_too_short": ("out_of_range", "is too short"),
    "string_too_long": ("out_of_range", "is longer than {max_length} characters"),
    "too_short": ("out_of_range", "needs at least {min_length}"),
    "too_long": ("out_of_range", "has more than {max_length}"),
    "greater_than": ("out_of_range", "must be more than {gt}"),
    "greater_than_equal": ("out_of_range", "must be at least {ge}"),
    "less_than_equal": ("out_of_range", "must be at most {le}"),
    "literal_error": ("not_allowed", "must be {expected}"),
    "enum": ("not_allowed", "must be {expected}"),
    "union_tag_invalid": ("not_allowed", "must be one of {expected_tags}"),
}
_CLOSE: Final = 0.6


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """List every problem once, in the order of the file."""
    found: dict[tuple[str, str, int], Problem] = {}
    for detail in error.errors(include_url=False):
        if _only_follows(detail):
            continue
        problem = _problem(detail, document, model)
        found.setdefault((problem.path, problem.code, problem.line), problem)
    return sorted(found.values(), key=lambda p: (p.line, p.column))


def _only_follows(detail: ErrorDetails) -> bool:
    """Whether a list counts as too short only because an item of it is wrong, which is said already."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _problem(detail: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    path = _path(detail["loc"], document.value, missing=detail["type"] == "missing")
    code, words = _PLAIN.get(detail["type"], (detail["type"], detail["msg"]))
    message = words.format(**detail.get("ctx", {})) if detail["type"] in _PLAIN else words
    message = message.replace("must be False", "must be false")
    at_key = detail["type"] in ("missing", "extra_forbidden", "one_of")
    if code == "unknown_field":
        near = difflib.get_close_matches(str(path[-1]), _fields(model, path[:-1]), n=1, cutoff=_CLOSE)
        message += f" (did you mean {near[0]}?)" if near else ""
    given = detail.get("ctx", {}).get("tag", detail["input"])
    if code == "not_allowed" and isinstance(given, str):
        choices = [
            c.strip("'\" ")
            for c in message.removeprefix("must be one of ")
            .removeprefix("must be ")
            .replace(" or ", ", ")
            .split(",")
        ]
        near = difflib.get_close_matches(given, choices, n=1, cutoff=_CLOSE)
        message += f" (did you mean {near[0]}?)" if near else ""
    return document.problem(path, message, code, key=at_key)


def _path(location: tuple[str | int, ...], value: Any, *, missing: bool) -> Path:
    """Leave out what pydantic adds to a location (tags of unions) and the document does not have."""
    path: list[str | int] = []
    for number, part in enumerate(location):
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if inside:
            path.append(part)
            value = value[part]
        elif missing and number == len(location) - 1:
            path.append(part)
    return tuple(path)


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """The names that fields may have at a path of a document."""
    at: list[Any] = [model]
    for part in path:
        at = [inner for kind in at for inner in _inside(kind, part)]
    return sorted({name for kind in at if _is_model(kind) for name in _names(kind)})


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    if _is_model(kind):
        for name, info in kind.model_fields.items():
            if (info.alias or name) == part:
                yield from _alternatives(info.annotation)
    elif get_origin(kind) is dict and isinstance(part, str):
        yield from _alternatives(get_args(kind)[1])
    elif get_origin(kind) in (tuple, list) and isinstance(part, int):
        yield from _alternatives(get_args(kind)[0])


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation
