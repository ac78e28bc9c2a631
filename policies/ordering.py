"""In which order bindings and derived values are worked out: each after those that it needs.

The order of a file's fields means nothing (its canonical form sorts them), so it is told from the texts.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from policies import templates
from policies.errors import TemplateError

T = TypeVar("T")


def in_order_of_need(values: Mapping[str, T], needs: Callable[[T], Iterable[str]]) -> dict[str, T]:
    """Sort by need, then by name. What needs itself in a circle comes last, by name: lint refuses it."""
    left = dict(sorted(values.items()))
    wanted = {name: {n for n in needs(value) if n in values and n != name} for name, value in left.items()}
    found: dict[str, T] = {}
    while left:
        ready = next((name for name in left if wanted[name] <= found.keys()), next(iter(left)))
        found[ready] = left.pop(ready)
    return found


def needed_by_template(value: Any) -> set[str]:
    """Collect the first names of a template's placeholders; none for what is not a template."""
    try:
        return {n.parts[0] for n in templates.parse(value).names()} if isinstance(value, str) else set()
    except TemplateError:
        return set()


def needed_by_expression(text: str, after: str = "") -> set[str]:
    """Collect what may be first names (or names after ``after.``) in an expression, quoted text left out."""
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", " ", text)
    before = rf"\b{re.escape(after)}\s*\.\s*" if after else r"(?<![\w.])"
    return set(re.findall(before + r"([a-z][a-z0-9_]*)", bare))
