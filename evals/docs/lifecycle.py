"""The page on the lifecycle, made from ``state.lifecycle.NEXT``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evals.docs import markdown
from state.lifecycle import ENDED, LIVE, NEXT

MEANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requested": "Somebody has asked. Nothing is read into it yet.",
        "interpreted": "Read as one runbook with its inputs. Nobody has said that it may run.",
        "admitted": "May run, under pinned digests. No worker has it yet.",
        "live/observing": "Reads what the inputs stand for, and the first facts. Has written nothing.",
        "live/acting": "A write is due, or has just been sent.",
        "live/resolving": "A write had no definite answer. Nothing else is written until that is settled.",
        "live/verifying": "A write is settled, and its checks are read.",
        "live/rolling_back": "Undoes its effects, the newest first.",
        "live/completing": "Only looks whether the goal is reached. Sends nothing more.",
        "live/waiting_timer": "Waits for a time: a backoff, a quarantine, a read lag, a check.",
        "live/waiting_human": "Mode `confirm`: waits for a yes or a no to one write.",
        "live/waiting_window": "Waits for the target's window, before its first write.",
        "live/waiting_hold": "Waits for a resource that another run holds.",
        "live/waiting_stop": "Waits until the stop switch is lifted.",
        "live/waiting_pause": "Waits until somebody unpauses it.",
        "live/escalated": "Stopped. Waits for a human's decision. Its record is provisional.",
        "live/stuck": "Its entries do not add up. Leaves only by `remit esc abort --raw`.",
        "ended/completed": "Every completion check was seen to pass after the last write.",
        "ended/partially_completed": "As above, but an optional step was left.",
        "ended/rolled_back": "Every effect was undone, and seen to be.",
        "ended/closed_by_human": "A human ended it. The record lists what is unresolved.",
        "ended/cancelled": "Cancelled before it had any effect.",
        "ended/rejected": "Not admitted, or ended before any effect because it should not act.",
    }
)
_INTRO: Final = """
Where a run is, follows from its entries; it is computed, never stored on its own. A run has exactly one lane.
`remit runs list` shows it.

A run leaves `live/escalated` only by a human's decision. Nothing leaves an end.
"""


def page() -> str:
    """Text of the page."""
    rows = [(markdown.code(lane), MEANS[lane], _after(NEXT[lane])) for lane in MEANS]
    return markdown.page(
        "Lifecycle of a run",
        "state/lifecycle.py",
        _INTRO,
        _diagram(),
        "## The lanes",
        markdown.table(("lane", "means", "may be followed by"), rows),
    )


def _after(lanes: frozenset[str]) -> str:
    if not lanes:
        return "nothing"
    parts = []
    left = set(lanes)
    for prefix, names in (("live", LIVE), ("ended", ENDED)):
        every = {f"{prefix}/{name}" for name in names}
        if every <= left:
            parts.append(f"any `{prefix}/…`")
            left -= every
    return ", ".join([*parts, *(markdown.code(lane) for lane in sorted(left))])


def _diagram() -> str:
    """A state diagram of the lanes, those with the same way on drawn as one."""
    groups: dict[tuple[str, frozenset[str]], list[str]] = {}
    for lane in MEANS:
        groups.setdefault((lane.partition("/")[0], NEXT[lane]), []).append(lane)
    names = {}
    for (prefix, _), lanes in groups.items():
        name = prefix if len(lanes) > 1 else lanes[0].replace("/", "_")
        names.update(dict.fromkeys(lanes, name))
    edges = {(names[lane], names[after]): None for lane in NEXT for after in sorted(NEXT[lane])}
    drawn = "\n".join(f"    {a} --> {b}" for a, b in sorted(edges) if a != b)
    return f"```mermaid\nstateDiagram-v2\n    [*] --> {names['requested']}\n{drawn}\n```"
