"""How a packet looks on a terminal: the decision on top, as of when, each fact once, in 45 lines of 100."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from state.instants import parse, seconds_between
from state.wording import WIDTH, count_text, wrapped

MAX_LINES: Final = 45
# part -> how many of its rows are shown; what is left out is counted
_SHOWN: Final = {
    "state": 8, "changed": 8, "without": 4, "remaining": 3, "tried": 4, "not_checked": 3, "claims": 3,
}  # fmt: skip
_INDENT: Final = 9
_MINUTE: Final = 60
_REFUTED: Final = "refuted"
_RAW_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """How much is shown: rows of a list divided by ``share``, at most ``lines`` lines of each row.

    ``later_s``: seconds that have gone by since the packet was written.
    """

    width: int
    share: int
    lines: int
    later_s: int

    def row(self, text: str, *, hang: int, most: int | None = None) -> list[str]:
        """A row in lines; what does not fit into them ends in an ellipsis."""
        lines = wrapped(text, self.width, hang=hang)
        kept = lines[: most or self.lines]
        if len(kept) < len(lines):
            kept[-1] = kept[-1][: self.width - 1].rstrip() + "…"
        return kept


_FORMS: Final = ((1, 3), (2, 3), (2, 2), (4, 2), (4, 1), (8, 1))  # share, lines


def packet_text(
    packet: Mapping[str, Any], *, now: str | None = None, width: int = WIDTH, over: str = ""
) -> str:
    """The packet for a terminal, with ages as of ``now`` (else as of when it was written).

    ``over``: why nothing can be decided any more; it then stands first, and no option with its command does.
    No control character comes through. Where all does not fit into MAX_LINES of WIDTH (more lines of a
    narrower terminal), the lists are shortened; the top and the options never are.
    """
    later_s = max(0, int(seconds_between(packet["created_at"], now))) if now else 0
    most = MAX_LINES * max(WIDTH, width) // min(width, WIDTH)
    lines: list[str] = []
    for share, rows in _FORMS:
        page = _Page(width=width, share=share, lines=rows, later_s=later_s)
        clean = _clean(packet)
        body = _raw(clean, page) if clean.get("raw") else _parts(clean, page, options=not over)
        head = wrapped(_clean(over), width, hang=2) if over else []
        lines = [*head, *_top(clean, page, told_age=now is not None), *body]
        if len(lines) <= most:
            break
    return "\n".join(lines[:most])


def _clean(value: Any) -> Any:
    """The same without characters that are not printable."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, Mapping):
        return {name: _clean(inner) for name, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def _top(packet: Mapping[str, Any], page: _Page, *, told_age: bool) -> Iterator[str]:
    top = packet["top"]
    yield from wrapped(f"{top['severity'].upper()}  {top['headline']}", page.width, hang=2)
    age = f", {age_text(page.later_s)} ago" if told_age else ""
    by = f" (by {parse(top['respond_by']):%H:%M} UTC)" if top.get("respond_by") else ""
    for line in (
        f"  As of {parse(packet['created_at']):%H:%M:%S} UTC{age}",
        f"  {top['stopped']}",
        f"  {top['decision']}{by}",
        f"  If nobody answers: {top['if_silent']}",
    ):
        yield from wrapped(line, page.width, hang=4)


def _parts(packet: Mapping[str, Any], page: _Page, *, options: bool) -> Iterator[str]:
    where, state = packet["where"], packet["state"]
    code = f" ({where['code']})" if where.get("code") else ""
    yield from _titled("Where", f"{where['runbook']}, step {where['step']}, {where['reason']}{code}", page)
    if where.get("detail") and where["detail"] not in packet["top"]["headline"]:
        yield from _titled("Because", where["detail"], page)
    changed = [row for row in packet["changed"] if row["effect"] != _REFUTED]
    without = [row for row in packet["changed"] if row["effect"] == _REFUTED]
    yield from _section("State", state, "state", lambda row: _state(row, page), page)
    yield from _section("Changed", changed, "changed", _changed, page)
    yield from _section("No effect", without, "without", _without, page)
    yield from _section("Tried", _tried_beside(packet), "tried", _tried, page)
    yield from _section("Left", packet["remaining"], "remaining", _remaining, page)
    yield from _section("Unknown", _unknown_beside(packet), "not_checked", str, page)
    yield from _section("Claims", _claims_beside(packet), "claims", _claim, page)
    yield from _titled("Budgets", _budgets(packet["budgets"]), page)
    yield from _request(packet, page)
    if options:
        yield "Options"
    for option in packet["options"] if options else ():
        yield from _option(option, page)


# What another part says already is not said again.


def _tried_beside(packet: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = tuple(f"check {s['check']} {s['verdict']}: " for s in packet["state"])
    return [row for row in packet["tried"] if not (told and row["outcome"].startswith(told))]


def _unknown_beside(packet: Mapping[str, Any]) -> list[str]:
    told = tuple(f"{s['check']} (not readable: " for s in packet["state"])
    doubtful = {f"whether {row['op']} was applied" for row in packet["changed"]}
    return [u for u in packet["not_checked"] if u not in doubtful and not (told and u.startswith(told))]


def _claims_beside(packet: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = tuple(f"{s['check']}: {s['verdict']}, observed " for s in packet["state"])
    return [c for c in packet["claims"] if not (told and c["text"].startswith(told))]


def _titled(title: str, text: str, page: _Page) -> Iterator[str]:
    yield from wrapped(f"{title:<{_INDENT}}{text}", page.width, hang=_INDENT)


def _section(
    title: str, rows: Sequence[Any], part: str, say: Callable[[Any], str], page: _Page
) -> Iterator[str]:
    shown = max(1, _SHOWN[part] // page.share)
    for place, row in enumerate(rows[:shown]):
        head = f"{title:<{_INDENT - 1}} " if place == 0 else " " * _INDENT
        lines = page.row(f"{head}{say(row)}", hang=_INDENT + 2)
        if place == shown - 1 and len(rows) > shown:
            more = f" (and {len(rows) - shown} more)"
            room = page.width - len(more)
            lines[-1] = (lines[-1] if len(lines[-1]) <= room else lines[-1][: room - 1] + "…") + more
        yield from lines


def _option(option: Mapping[str, Any], page: _Page) -> Iterator[str]:
    if not option["allowed"]:
        yield from page.row(f"  - {option['id']:<11}not now: {option.get('why', '')}", hang=15)
        return
    needs = f" (needs {option['needs']})" if option.get("needs") else ""
    yield from page.row(f"  + {option['id']:<11}{option.get('does', '')}{needs}", hang=15)
    yield from command_lines(option["cli"], page.width)


def command_lines(cli: str, width: int = WIDTH) -> Iterator[str]:
    """A command that can be copied: where it is too long for a line, it goes on in the next."""
    line = "     "
    for word in cli.split(" "):
        if len(line) + len(word) + 3 > width and line.strip():
            yield f"{line} \\"
            line = "         "
        line = f"{line} {word}"
    yield line


def _state(row: Mapping[str, Any], page: _Page) -> str:
    age = age_text(row["age_s"] + page.later_s)
    expected = "" if row["verdict"] == "pass" else f"; expected {row['expected']}"
    return f"{row['verdict']:<8}{row['check']} ({age} ago): {row['observed']}{expected}"


def _changed(row: Mapping[str, Any]) -> str:
    undo = "can be undone" if row["reversible"] else "cannot be undone"
    effect = "whether it was applied is not known" if row["effect"] == "unknown" else row["effect"]
    return f"{_write(row)}: {effect}, {undo}{_note(row)}"


def _without(row: Mapping[str, Any]) -> str:
    return f"{_write(row)}: tried, not applied{_note(row)}"


def _write(row: Mapping[str, Any]) -> str:
    return f"{row['op']} {row['tool']} {row['resource']}"


def _note(row: Mapping[str, Any]) -> str:
    return f"; {row['note']}" if row.get("note") else ""


def _tried(row: Mapping[str, Any]) -> str:
    return f"{row['op']} #{row['attempt']}: {row['outcome']}"


def _claim(row: Mapping[str, Any]) -> str:
    return f"[{row['kind']}] {row['text']} ({', '.join(row['evidence'])})"


def _remaining(row: Mapping[str, Any]) -> str:
    item = "" if row["item"] is None else f"[{row['item']}]"
    return f"{row['step']}{item}: {row['why']}"


def _budgets(budgets: Mapping[str, Any]) -> str:
    said = [f"{name} {b['used']}/{b['of']}" for name, b in budgets.items() if isinstance(b, Mapping)]
    left = budgets.get("deadline_left_s")
    return ", ".join(said) + ("" if left is None else f", {left} s were left when it stopped")


def _request(packet: Mapping[str, Any], page: _Page) -> Iterator[str]:
    context = packet["context"]
    request = context["request"]
    words = f": {request['text']}" if request["text"] else ""
    yield from page.row(f"Asked    by {request['by']} through {request['source']}{words}", hang=_INDENT)
    owner = f", system owner {context['system_owner']}" if context["system_owner"] else ""
    runs = count_text(context["resource_runs_7d"], "run")
    yield from _titled("Owner", f"{context['owner']}{owner}; {runs} on this resource in 7 days", page)
    if packet.get("seen_by"):
        yield from _titled("Seen", f"by {packet['seen_by']}; that decides nothing", page)


def _raw(packet: Mapping[str, Any], page: _Page) -> Iterator[str]:
    for row in packet["changed"][-_RAW_SHOWN:]:
        yield from page.row(f"Written  {_write(row)}: effect not known", hang=_INDENT)
    for row in _newest(packet["newest"], page):
        yield from page.row(f"Entry    {row['seq']} {row['at']} {row['kind']}", hang=_INDENT)


def _newest(rows: Sequence[Mapping[str, Any]], page: _Page) -> Iterable[Mapping[str, Any]]:
    return rows[-max(1, len(rows) // page.share) :] if rows else ()


def age_text(seconds: int) -> str:
    """``14 s``, ``6 min``, ``3 h``, ``2 d``; up to two minutes in seconds."""
    for size, unit in ((86_400, "d"), (3600, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
