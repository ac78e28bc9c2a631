"""Which durations of the shipped files the demo shortens, so that a minute of proof takes seconds."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.durations import parse, text

# file -> key -> what its durations are divided by; everything else is shipped as it stands
SHORTER: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "service-recovery/runbook.yaml": {"every": 10, "hold": 30, "initial": 10},
        "quota-raise/runbook.yaml": {"every": 10, "timeout": 5, "initial": 10},
        "quota-raise/connector.yaml": {"timeout": 5, "longest_request": 10, "read_lag": 5},
    }
)
_DURATION: Final = re.compile(r"\b(?P<key>[a-z_]+): (?P<span>[0-9]+(?:ms|s|m|h|d))\b")


def shortened(source: str, by: Mapping[str, int]) -> str:
    """Divide the durations under the keys of ``by``, and leave every other character as it is."""

    def shorter(found: re.Match[str]) -> str:
        factor = by.get(found["key"], 1)
        return f"{found['key']}: {text(parse(found['span']) // factor)}" if factor > 1 else found[0]

    return _DURATION.sub(shorter, source)
