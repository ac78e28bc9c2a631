"""The page that says for every stable code what remit does, made from ``policies.reasons.REASONS``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evals.docs import markdown
from policies.reasons import REASONS, Area, Reason

TITLES: Final[Mapping[Area, str]] = MappingProxyType(
    {
        Area.ADMISSION: "A request is not admitted",
        Area.GUARD: "A call is not sent",
        Area.OUTCOME: "How an attempt went",
        Area.WAIT: "A run waits",
        Area.ESCALATION: "A run stops for a human",
        Area.DECISION: "A decision is not taken",
        Area.END: "A run has ended",
        Area.COMMAND: "A command is not carried out",
        Area.EXIT: "How a command ends",
    }
)
_ENOUGH_TO_SHARE: Final = 4
_FOUR: Final = ("code", "what remit does", "what it means", "what to do")
_INTRO: Final = """
The codes that remit gives, by where they come up. A code is stable: it is never renamed and never gets
another meaning, so scripts may match it. Where a message, a record, a packet or `--json` gives a `code` or a
`reason`, search for it here.

Not here: HTTP statuses and fault numbers of a target, which stand for themselves; and what
[lint](writing-a-runbook.md#what-lint-says) says of a file.
"""


def page() -> str:
    """Text of the page."""
    parts = []
    for area, title in TITLES.items():
        parts.append(f"## {title}")
        parts.extend(_rows(REASONS[area]))
    return markdown.page("What happens when \u2026", "policies/reasons/", _INTRO, *parts)


def _rows(rows: Mapping[str, Reason]) -> list[str]:
    """Rows that share what remit does, under one sentence that says it; the rest in a last table."""
    shared: dict[str, list[tuple[str, str, str]]] = {}
    if all(code.isdigit() for code in rows):  # exit codes are looked up by their number
        in_order = [(markdown.code(code), row.does, row.see, row.do) for code, row in rows.items()]
        return [markdown.table(_FOUR, in_order)]
    for code, row in rows.items():
        shared.setdefault(row.does, []).append((markdown.code(code), row.see, row.do))
    parts, single = [], []
    for does, told in shared.items():
        if len(told) < _ENOUGH_TO_SHARE:
            single += [(code, does, see, do) for code, see, do in told]
        else:
            parts += [f"remit: {does}", markdown.table(("code", "what it means", "what to do"), told)]
    if single:
        parts.append(markdown.table(_FOUR, single))
    return parts
