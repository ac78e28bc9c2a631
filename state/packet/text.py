"""How a packet looks on a terminal: at most 45 lines of 100 columns, the decision on top."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from state.instants import parse

MAX_LINES: Final = 45
WIDTH: Final = 100
# part -> how many of its lines are shown; what is left out is counted
_SHOWN: Final = {"state": 8, "changed": 8, "remaining": 3, "tried": 4, "not_checked": 3, "claims": 3}
_MINUTE: Final = 60


def packet_text(packet: Mapping[str, Any]) -> str:
    """The packet for a terminal. Control characters cannot come through: what is shown is one line each."""
    lines = [*_top(packet["top"]), *(_raw(packet) if packet.get("raw") else _parts(packet))]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], "… more in the packet: --json"]
    return "\n".join(_line(line) for line in lines)


def _top(top: Mapping[str, Any]) -> Iterator[str]:
    yield f"{str(top['severity']).upper()}  {top['headline']}"
    yield f"  {top['stopped']}"
    by = f" (by {parse(top['respond_by']):%H:%M} UTC)" if top.get("respond_by") else ""
    yield f"  {top['decision']}{by}"
    yield f"  If nobody answers: {top['if_silent']}"


def _parts(packet: Mapping[str, Any]) -> Iterator[str]:
    where = packet["where"]
    code = f" ({where['code']})" if where.get("code") else ""
    yield f"Where    {where['runbook']}, step {where['step']}, {where['reason']}{code}"
    yield from _section("State", "state", packet, _state)
    yield from _section("Changed", "changed", packet, _changed)
    yield from _section("Tried", "tried", packet, lambda t: f"{t['op']} #{t['attempt']}: {t['outcome']}")
    yield from _section("Left", "remaining", packet, _remaining)
    yield from _section("Unknown", "not_checked", packet, str)
    yield from _section(
        "Claims", "claims", packet, lambda c: f"[{c['kind']}] {c['text']} ({', '.join(c['evidence'])})"
    )
    yield f"Budgets  {_budgets(packet['budgets'])}"
    yield from _request(packet["context"])
    yield "Options"
    for option in packet["options"]:
        if option["allowed"]:
            needs = f" (needs {option['needs']})" if option.get("needs") else ""
            yield f"  + {option['id']:<11}{option.get('does', '')}{needs}"
            yield f"      {option['cli']}"
        else:
            yield f"  - {option['id']:<11}not now: {option.get('why', '')}"


def _section(title: str, part: str, packet: Mapping[str, Any], say: Any) -> Iterator[str]:
    rows = packet[part]
    limit = _SHOWN[part]
    for place, row in enumerate(rows[:limit]):
        yield f"{title if place == 0 else '':<9}{say(row)}"
    if len(rows) > limit:
        yield f"{'':<9}and {len(rows) - limit} more"


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['verdict']:<8}{row['check']} ({age_text(row['age_s'])} ago): {row['observed']}"


def _changed(row: Mapping[str, Any]) -> str:
    undo = "can be undone" if row["reversible"] else "cannot be undone"
    note = f"; {row['note']}" if row.get("note") else ""
    return f"{row['op']} {row['tool']} {row['resource']}: {row['effect']}, {undo}{note}"


def _remaining(row: Mapping[str, Any]) -> str:
    item = "" if row["item"] is None else f"[{row['item']}]"
    return f"{row['step']}{item}: {row['why']}"


def _budgets(budgets: Mapping[str, Any]) -> str:
    said = [f"{name} {b['used']}/{b['of']}" for name, b in budgets.items() if isinstance(b, Mapping)]
    left = budgets.get("deadline_left_s")
    return ", ".join(said) + ("" if left is None else f", {left} s left")


def _request(context: Mapping[str, Any]) -> Iterator[str]:
    request = context["request"]
    words = f": {request['text']}" if request["text"] else ""
    yield f"Asked    by {request['by']} through {request['source']}{words}"
    owner = f", system owner {context['system_owner']}" if context["system_owner"] else ""
    yield f"Owner    {context['owner']}{owner}; {context['resource_runs_7d']} runs on this resource in 7 days"


def _raw(packet: Mapping[str, Any]) -> Iterator[str]:
    for row in packet["changed"][-_SHOWN["changed"] :]:
        yield f"Written  {row['op']} {row['tool']} {row['resource']}: effect not known"
    for row in packet["newest"]:
        yield f"Entry    {row['seq']} {row['at']} {row['kind']}"


def age_text(seconds: int) -> str:
    """``14 s``, ``6 min``, ``3 h``, ``2 d``; up to two minutes in seconds."""
    for size, unit in ((86_400, "d"), (3600, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _line(text: str) -> str:
    """One printable line of at most WIDTH columns; its indent stays."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    words = "".join(c if c.isprintable() else " " for c in text.strip())
    line = indent + words
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
