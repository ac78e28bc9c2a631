"""What a read shows once a write has been applied, by the model of the write's contract.

A write speaks of what a read shows where the arguments that both have by name are equal. It then gives the
fields that its model assigns their new values, all computed from what was shown before; the rest stays.
"""

from collections.abc import Mapping
from typing import Any

from policies.contract import ToolContract
from policies.contract_model import BEFORE
from policies.errors import ModelError
from policies.expressions import compile_expression

Values = Mapping[str, Any]


def speaks_of(write: ToolContract, arguments: Values, read: ToolContract, read_arguments: Values) -> bool:
    """Whether an applied write with these arguments may change what that read with those shows."""
    if read.name not in (write.model or {}):
        return False
    shared = write.arguments.keys() & read.arguments.keys()
    return all(arguments.get(name) == read_arguments.get(name) for name in shared)


def shown_after(write: ToolContract, arguments: Values, read: str, before: Values) -> dict[str, Any]:
    """What ``read`` shows after the write, once; ModelError where an assignment has no value."""
    values = {**arguments, BEFORE: dict(before)}
    after = dict(before)
    for field, text in (write.model or {}).get(read, {}).items():
        found = compile_expression(text).value(values)
        if not found.known:
            raise ModelError(f"the model of {write.name} says nothing of {read} {field}: {found.reason}")
        after[field] = found.value
    return after


def constants(write: ToolContract, read: str) -> dict[str, Any]:
    """What the model sets to the same value whatever was before and whatever is asked, by field."""
    assigned = (write.model or {}).get(read, {})
    compiled = {field: compile_expression(text) for field, text in assigned.items()}
    return {field: one.value({}).value for field, one in compiled.items() if not one.names()}
