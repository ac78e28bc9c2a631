"""Whether a value is what a specification declares: exact types, whole-text ASCII patterns, no coercion."""

import functools
import re
from dataclasses import dataclass
from typing import Any, assert_never

from policies.contract import BooleanSpec, IntegerSpec, StringSpec, ValueSpec
from policies.runbook import Bound
from state.canonical import MAX_INTEGER


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFault:
    """Why a value is refused; ``code`` is stable, the message does not repeat the value."""

    code: str
    message: str


def fault_of(spec: ValueSpec, value: Any) -> ValueFault | None:
    """What is wrong with ``value`` under ``spec``; None where it fits. Nothing is converted."""
    match spec:
        case StringSpec():
            return _string_fault(spec, value)
        case IntegerSpec():
            if type(value) is not int:  # exactly: True is no integer
                return ValueFault(code="argument_type", message="is not a whole number")
            return _range_fault(value, spec.minimum, spec.maximum)
        case BooleanSpec():
            if type(value) is not bool:
                return ValueFault(code="argument_type", message="is neither true nor false")
            return None
    assert_never(spec)


def bound_fault(bound: Bound, value: Any) -> ValueFault | None:
    """What takes one derived value out of its ``bound``; None where it lies inside."""
    if bound.pattern is not None or bound.enum is not None:
        if type(value) is not str:
            return ValueFault(code="argument_type", message="is not text")
        if bound.pattern is not None and not full_match(bound.pattern, value):
            return ValueFault(code="argument_pattern", message=f"does not match {bound.pattern}")
        if bound.enum is not None and value not in bound.enum:
            return ValueFault(code="argument_enum", message=f"is none of {', '.join(bound.enum)}")
    if bound.minimum is not None or bound.maximum is not None:
        if type(value) is not int:
            return ValueFault(code="argument_type", message="is not a whole number")
        return _range_fault(value, bound.minimum, bound.maximum)
    return None


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def full_match(pattern: str, text: str) -> bool:
    r"""Whether ``pattern`` matches all of ``text``; ``\d`` and ``\w`` are ASCII."""
    return _compiled(pattern).fullmatch(text) is not None


def _string_fault(spec: StringSpec, value: Any) -> ValueFault | None:
    if type(value) is not str:
        return ValueFault(code="argument_type", message="is not text")
    if len(value) > spec.max_length:
        return ValueFault(code="argument_length", message=f"is longer than {spec.max_length} characters")
    if spec.enum is not None and value not in spec.enum:
        return ValueFault(code="argument_enum", message=f"is none of {', '.join(spec.enum)}")
    if spec.pattern is not None and not full_match(spec.pattern, value):
        return ValueFault(code="argument_pattern", message=f"does not match {spec.pattern}")
    return None


def _range_fault(value: int, minimum: int | None, maximum: int | None) -> ValueFault | None:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        return ValueFault(code="argument_range", message="does not fit into 53 bits")
    if minimum is not None and value < minimum:
        return ValueFault(code="argument_range", message=f"is less than {minimum}")
    if maximum is not None and value > maximum:
        return ValueFault(code="argument_range", message=f"is more than {maximum}")
    return None
