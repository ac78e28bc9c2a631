"""The page on the guards, made from ``policies.guards.GUARDS``."""

from typing import Final

from evals.docs import markdown
from policies.guards import GUARDS, Guard

_INTRO: Final = """
A guard that raises counts as a no (`guard_error`). So does one that answers a code which it does not declare.
The first no counts. No setting turns a guard off.

They are asked in this order, on the frozen call that will be sent. A write that passes is not yet sent: the
intent is stored in one transaction that asks the stop switch again, and deadline and claim are asked once
more just before the send.

Codes marked \u231b pass by themselves: the run waits. Every other code of a write ends in an escalation
`denied`. A read that is denied is not made, and what needs it is unknown.
[What happens when](../what-happens-when.md#a-call-is-not-sent) says for each code what to do.
"""


def page() -> str:
    """Text of the page."""
    return markdown.page(
        "Guards",
        "policies/guards/table.py",
        _INTRO,
        "## Before a write",
        _table(GUARDS.write),
        "## Before a read",
        _table(GUARDS.read),
        "Reads are judged by the pinned policy alone, so that a run whose delegation was withdrawn can still "
        "find out what it has done ([why](../decisions/0005-reads-are-judged-by-the-pinned-policy.md)).",
    )


def _table(guards: tuple[Guard, ...]) -> str:
    rows = [
        (str(number), markdown.code(guard.name), markdown.first_sentence_of(guard.check), _codes(guard))
        for number, guard in enumerate(guards, 1)
    ]
    return markdown.table(("", "guard", "asks for", "else answers"), rows)


def _codes(guard: Guard) -> str:
    return ", ".join(markdown.code(c) + (" \u231b" if c in guard.passing else "") for c in guard.codes)
