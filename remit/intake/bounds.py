"""Whether a request is small and flat enough to be looked at: asked before anything reads or keeps it.

What is too large or no value of an input is cut to a mark, so that the rest can be kept with the refusal.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policies.admission import Rejected
from state import canonical
from tools.scrub import CUT

if TYPE_CHECKING:
    from remit.intake.requests import Request

MAX_TEXT: Final = 64 * 1024
MAX_VALUE: Final = 128 * 1024
MAX_INPUTS: Final = 100
MAX_CRITERIA: Final = 100
MAX_LABEL: Final = 2_000
_KEPT: Final = 2_000
_SHOWN: Final = 60


def within_bounds(request: "Request") -> tuple["Request", Rejected | None]:
    """Give the request as it can be looked at, and why it is refused; None where nothing was cut."""
    inputs, flaw = _inputs(request.inputs)
    long = [
        name
        for name, said in (("a criterion", max(request.criteria, key=len, default="")),
                           ("the delivery id", request.delivery or ""),
                           ("the name of the runbook", request.runbook), ("the reference", request.ref))
        if len(said) > MAX_LABEL
    ]  # fmt: skip
    if len(request.criteria) > MAX_CRITERIA:
        long.append(f"more than {MAX_CRITERIA} criteria")
    refused = flaw
    if long:
        refused = Rejected(code="oversized", message=f"longer than is read: {', '.join(long)}")
    if len(request.text) > MAX_TEXT:
        refused = Rejected(code="request_too_long", message=f"a request has at most {MAX_TEXT} characters")
    if refused is None:
        return request, None
    cut = replace(
        request, text=_beginning(request.text), runbook=_beginning(request.runbook),
        ref=_beginning(request.ref),
        criteria=tuple(_beginning(one) for one in request.criteria[:MAX_CRITERIA]), inputs=inputs,
        delivery=None if request.delivery and len(request.delivery) > MAX_LABEL else request.delivery,
    )  # fmt: skip
    return cut, refused


def _beginning(text: str) -> str:
    """What is kept of a text; the ellipsis tells the scrubber that a secret may have been cut in two."""
    return text if len(text) <= _KEPT else text[: _KEPT - 1] + CUT


def _inputs(given: Mapping[str, Any]) -> tuple[dict[str, Any], Rejected | None]:
    kept: dict[str, Any] = {}
    refused = None
    if len(given) > MAX_INPUTS:
        refused = Rejected(code="oversized", message=f"more than {MAX_INPUTS} inputs")
    for name, value in list(given.items())[:MAX_INPUTS]:
        shown = str(name)[:_SHOWN]
        if isinstance(value, str) and len(value) > MAX_VALUE:
            refused = Rejected(code="oversized", message=f"input {shown} is longer than {MAX_VALUE}")
            kept[shown] = _beginning(value)
        elif _is_value(value):
            kept[name] = value
        else:
            kind = type(value).__name__
            why = "does not fit into 53 bits" if kind == "int" else f"is a {kind}, which no input is"
            refused = Rejected(code="bad_input", message=f"input {shown} {why}")
            kept[shown] = kind
    return kept, refused


def _is_value(value: Any) -> bool:
    """Whether some runbook might take it; a fraction is left to say by itself what it is."""
    if type(value) is int:
        return abs(value) <= canonical.MAX_INTEGER
    return value is None or type(value) in (str, bool, float)
