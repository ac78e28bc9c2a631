"""Whether a case came out as it was to: what was expected beside what was got; and what a packet lacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from remit.rehearsal.form import ExpectForm
from remit.rehearsal.play import Played
from state.entry import Entry
from state.packet import check_packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that came out otherwise."""

    what: str
    expected: str
    got: str


def judge(expected: ExpectForm, played: Played) -> list[Difference]:
    """Everything that came out otherwise than the case says; nothing where it passes."""
    found = [
        Difference(what="play", expected="a case that plays to its end", got=why) for why in played.trouble
    ]
    if played.state != expected.state:
        found.append(Difference(what="state", expected=expected.state, got=played.state))
    if expected.reason is not None and played.reason != expected.reason:
        found.append(Difference(what="reason", expected=expected.reason, got=played.reason or "none"))
    for what, wanted, got in (
        ("effects", expected.effects, played.effects),
        ("requests", expected.requests, played.requests),
    ):
        if wanted is not None and {t: n for t, n in wanted.items() if n} != got:
            found.append(Difference(what=what, expected=counted(wanted), got=counted(got)))
    if expected.packet is not None:
        found += _packet(expected, played)
    return found


def lacks(packet: Mapping[str, Any] | None, entries: Sequence[Entry]) -> list[str]:
    """What a packet lacks for somebody to carry on without looking anything up; ``entries``: those before it.

    It is enough where it is fit (its shape, its size, its evidence, its claims, every write in the ledger and
    no other) and answers every question of the fixed list.
    """
    if packet is None:
        return ["there is no packet"]
    faults = check_packet(packet, entries)
    return faults or [
        f"it does not say {question}" for question, answers in _QUESTIONS.items() if not answers(packet)
    ]


def counted(effects: Mapping[str, int]) -> str:
    """Effects on one line."""
    return ", ".join(f"{tool} {count}" for tool, count in effects.items() if count) or "no effect"


def _packet(expected: ExpectForm, played: Played) -> Iterator[Difference]:
    assert expected.packet is not None  # noqa: S101 - the caller has looked
    if expected.packet.enough is not None:
        missing = lacks(played.packet, [e for e in played.entries if e.seq < played.packet_seq])
        if expected.packet.enough is bool(missing):
            wanted = "enough to carry on" if expected.packet.enough else "not enough to carry on"
            got = "; ".join(missing) or "it answers every question"
            yield Difference(what="packet", expected=wanted, got=got)
    if expected.packet.offers is not None:
        options = played.packet["options"] if played.packet else []
        offered = [str(option["id"]) for option in options if option["allowed"]]
        if sorted(offered) != sorted(expected.packet.offers):
            wanted = ", ".join(expected.packet.offers) or "nothing"
            yield Difference(what="offers", expected=wanted, got=", ".join(offered) or "nothing")


_ANSWERED: Final = ("pass", "fail", "unknown", "pending")
# What a responder asks first, each answered from the packet alone. What changed, and whether it still moves,
# is held against the ledger by ``check_packet``.
_QUESTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = MappingProxyType(
    {
        "what has stopped": lambda p: bool(p["top"]["headline"] and p["top"]["stopped"]),
        "where": lambda p: bool(p["where"]["runbook"] and p["where"]["digest"]),
        "of what kind it is": lambda p: bool(p["where"]["reason"] and p["where"]["error_class"]),
        "at which step": lambda p: bool(p["where"]["step"]) or not p["changed"],
        "how many attempts were made": lambda p: p["where"]["attempt"] >= 0,
        "how each check stands, and since when": lambda p: all(
            row["verdict"] in _ANSWERED and row["expected"] and row["age_s"] >= 0 for row in p["state"]
        ),
        "what each write has done, and whether it can be undone": lambda p: all(
            row["effect"] for row in p["changed"]
        ),
        "what is asked": lambda p: bool(p["top"]["decision"]),
        "until when": lambda p: p["top"]["respond_by"] is not None or bool(p["top"]["if_silent"]),
        "what happens if nobody answers": lambda p: bool(p["top"]["if_silent"]),
        "what is allowed now, and what each option would do": lambda p: len(p["options"]) == 5,  # noqa: PLR2004
        "who asked, and whose it is": lambda p: bool(p["context"]["request"] and p["context"]["owner"]),
    }
)
