"""What a runbook could be made to send: said in sentences, and compared between two versions.

Authority is the set of calls that any model, input or fault could make a runbook send, and the conditions
under which it completes without them. Weaker verification is wider authority.
"""

from policies.authority.around import (
    addresses_changed,
    catalog_changed,
    connectors_changed,
    people_changed,
    tools_changed,
)
from policies.authority.change import ANOTHER_CONTRACT, Change, Direction, Remit, compare
from policies.authority.sentences import sentences

__all__ = [
    "ANOTHER_CONTRACT",
    "Change",
    "Direction",
    "Remit",
    "addresses_changed",
    "catalog_changed",
    "compare",
    "connectors_changed",
    "people_changed",
    "sentences",
    "tools_changed",
]
