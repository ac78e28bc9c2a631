"""Whether given inputs are what a runbook asks for, by the door that they came through.

Text doors (``-i``, phrases, ticket and label fields) hold text and say integers and booleans in one way each;
JSON doors take JSON types only. Nothing is coerced or repaired.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.contract import BooleanSpec, IntegerSpec, StringSpec, ValueSpec
from policies.text import flaw
from policies.value_spec import fault_of

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_MAX_DIGITS: Final = 17
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One input that is not as the runbook asks: its name, a stable code, and why."""

    name: str
    code: str
    why: str


def read_inputs(
    specs: Mapping[str, ValueSpec], given: Mapping[str, Any], *, text_door: bool
) -> tuple[dict[str, Any], list[Wrong]]:
    """Give the typed inputs and everything that is wrong with them."""
    wrong = [
        Wrong(name=name[:_SHOWN], code="unknown_input", why="the runbook has no such input")
        for name in given
        if name not in specs
    ]
    typed: dict[str, Any] = {}
    for name, spec in specs.items():
        if name not in given:
            wrong.append(Wrong(name=name, code="missing_input", why=f"it is not given ({described(spec)})"))
            continue
        value = _from_text(spec, given[name]) if text_door else given[name]
        why = value_flaw(spec, value)
        if why:
            wrong.append(Wrong(name=name, code="bad_input", why=why))
        else:
            typed[name] = value
    return typed, wrong


def value_flaw(spec: ValueSpec, value: Any) -> str | None:
    """Say why a value is not of ``spec``; None where it is."""
    fault = fault_of(spec, value)
    if fault is not None:
        shown = f"{value[:_SHOWN]!r} " if isinstance(value, str) else ""
        return f"{shown}{fault.message}"
    found = flaw(value, allowed="") if isinstance(value, str) else None
    return f"it holds {found.why}" if found else None


def described(spec: ValueSpec) -> str:
    """Say in words what a spec asks for."""
    match spec:
        case BooleanSpec():
            return "true or false"
        case IntegerSpec():
            low = "" if spec.minimum is None else f" from {spec.minimum}"
            high = "" if spec.maximum is None else f" to {spec.maximum}"
            return f"a whole number{low}{high}"
        case StringSpec():
            if spec.enum is not None:
                return f"one of {', '.join(spec.enum)}"
            return f"text like {spec.pattern}" if spec.pattern else "text"


def _from_text(spec: ValueSpec, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if (
        isinstance(spec, IntegerSpec)
        and len(value) <= _MAX_DIGITS
        and _INTEGER.fullmatch(value)
        and value != "-0"
    ):
        return int(value)
    if isinstance(spec, BooleanSpec) and value in ("true", "false"):
        return value == "true"
    return value
