"""Every stable reason code: what remit does, what you see, what to do. One table, from which a page is made.

A code is stable: scripts may match it, so it is never renamed and never gets another meaning. The same
code may stand in two areas (``stopped`` at the door and before a write) where it means the same.
``guards``, ``intake``, ``stops``, ``answers``, ``decisions``, ``ends`` and ``commands`` hold the rows, each
beside the law that they belong to.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.reasons.answers import ANSWERS
from policies.reasons.commands import COMMANDS
from policies.reasons.decisions import DECISIONS
from policies.reasons.ends import ENDS, EXITS
from policies.reasons.guards import GUARDS
from policies.reasons.intake import ADMISSION
from policies.reasons.row import Area, Reason, table
from policies.reasons.stops import ESCALATIONS, OUTCOMES, WAITS

__all__ = ["REASONS", "Area", "Reason", "reason"]

REASONS: Final[Mapping[Area, Mapping[str, Reason]]] = MappingProxyType(
    {
        Area.ADMISSION: ADMISSION,
        Area.GUARD: GUARDS,
        Area.OUTCOME: table(OUTCOMES, ANSWERS),
        Area.WAIT: WAITS,
        Area.ESCALATION: ESCALATIONS,
        Area.DECISION: DECISIONS,
        Area.END: ENDS,
        Area.COMMAND: COMMANDS,
        Area.EXIT: EXITS,
    }
)


def reason(area: Area, code: str) -> Reason:
    """The row of a code; KeyError where it has none."""
    return REASONS[area][code]
