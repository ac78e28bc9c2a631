"""How a packet looks on a terminal: at most 45 lines of 100 columns, the decision on top."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from state.instants import parse

MAX_LINES: Final = 45
WIDTH: Final = 100
# part -> how many of its lines are shown; what is left out is counted
_SHOWN: Final = {"state": 8, "changed": 8, "remaining": 3, "tried": 4, "not_checked": 3, "claims": 3}
_MINUTE: Final = 60


def packet_text(packet: Mapping[str, Any]) -> str:
    """The packet for a terminal. Control characters cannot come through: what is shown is one line each.

    Where all does not fit, the lists are shortened; the top and the options never are.
    """
    lines: list[str] = []
    for share in (1, 2, 4, 8):
        body = _raw(packet) if packet.get("raw") else _parts(packet, share)
        lines = [_line(line) for line in (*_top(packet["top"]), *body)]
        if len(lines) <= MAX_LINES:
            break
    return "\n".join(lines[:MAX_LINES])


def _top(top: Mapping[str, Any]) -> Iterator[str]:
    yield f"{str(top['severity']).upper()}  {top['headline']}"
    yield f"  {top['stopped']}"
    by = f" (by {parse(top['respond_by']):%H:%M} UTC)" if top.get("respond_by") else ""
    yield f"  {top['decision']}{by}"
    yield f"  If nobody answers: {top['if_silent']}"


def _parts(packet: Mapping[str, Any], share: int) -> Iterator[str]:
    where = packet["where"]
    code = f" ({where['code']})" if where.get("code") else ""
    yield f"Where    {where['runbook']}, step {where['step']}, {where['reason']}{code}"
    yield from _section("State", packet["state"], _SHOWN["state"] // share, _state)
    yield from _section("Changed", packet["changed"], _SHOWN["changed"] // share, _changed)
    yield from _section(
        "Tried",
        packet["tried"],
        _SHOWN["tried"] // share,
        lambda t: f"{t['op']} #{t['attempt']}: {t['outcome']}",
    )
    yield from _section("Left", packet["remaining"], _SHOWN["remaining"] // share, _remaining)
    yield from _section("Unknown", packet["not_checked"], _SHOWN["not_checked"] // share, str)
    yield from _section(
        "Claims",
        packet["claims"],
        _SHOWN["claims"] // share,
        lambda c: f"[{c['kind']}] {c['text']} ({', '.join(c['evidence'])})",
    )
    yield f"Budgets  {_budgets(packet['budgets'])}"
    yield from _request(packet["context"])
    yield "Options"
    for option in packet["options"]:
        if option["allowed"]:
            needs = f" (needs {option['needs']})" if option.get("needs") else ""
            yield f"  + {option['id']:<11}{option.get('does', '')}{needs}"
            yield from _command(option["cli"])
        else:
            yield f"  - {option['id']:<11}not now: {option.get('why', '')}"


def _section(title: str, rows: Sequence[Any], limit: int, say: Callable[[Any], str]) -> Iterator[str]:
    shown = max(1, limit)
    for place, row in enumerate(rows[:shown]):
        more = f" (and {len(rows) - shown} more)" if place == shown - 1 and len(rows) > shown else ""
        yield f"{title if place == 0 else '':<9}{_cut(say(row), WIDTH - 9 - len(more))}{more}"


def _command(cli: str) -> Iterator[str]:
    """A command that can be copied: where it is too long for a line, it goes on in the next."""
    line = "     "
    for word in cli.split(" "):
        if len(line) + len(word) + 3 > WIDTH:
            yield f"{line} \\"
            line = "         "
        line = f"{line} {word}"
    yield line


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
    """One printable line of at most WIDTH columns."""
    return _cut("".join(c if c.isprintable() else " " for c in text), WIDTH)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
