"""Which faults a test file can name, what each does, and which further words it takes.

The accidents of one call are those of ``tools.sim.faults``; the three others change the world itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

STANDING: Final = frozenset({"status"})  # lasts until the case says otherwise, where ``times`` is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A kind of fault. ``takes``: words beside tool, kind, target, nth and after; ``needs``: of these."""

    says: str
    takes: frozenset[str] = frozenset({"times"})
    needs: frozenset[str] = frozenset()


def _late(says: str) -> Word:
    return Word(says=says, takes=frozenset({"times", "delay"}), needs=frozenset({"delay"}))


WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "not_sent": Word(says="nobody is reached, and nothing is applied"),
        "not_applied": Word(
            says="a definite answer that nothing was applied, as the connector lists it (supervisor: fault 6)"
        ),
        "refused": Word(says="a definite refusal, as the connector lists it (supervisor: fault 10)"),
        "forbidden": Word(says="403: the credential is not taken"),
        "error_before": Word(says="500, and nothing is applied"),
        "error_after": Word(says="it is applied, and then 500"),
        "lost_reply": Word(says="it is applied, and the answer is lost"),
        "late": _late("it is applied after the delay; nobody waits longer than the timeout for the answer"),
        "late_dropped": _late("the connection is lost at once, and it is applied after the delay"),
        "hang": Word(says="no answer within the timeout, and nothing is applied"),
        "claimed": Word(says="a success that is none: nothing is applied"),
        "garbage": Word(says="it is applied, and the answer is no answer"),
        "truncated": Word(says="it is applied, and the answer breaks off"),
        "status": Word(
            says="every such call is answered with the HTTP status in value, and nothing is applied",
            takes=frozenset({"times", "value"}),
            needs=frozenset({"value"}),
        ),
        "flap": Word(
            says="a service that was well is ill from then on, or for the span in for",
            takes=frozenset({"at", "for"}),
        ),
        "changed_by_others": Word(
            says="somebody else changes what the call reads or writes, just before it",
            takes=frozenset({"at", "value"}),
        ),
    }
)
