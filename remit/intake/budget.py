"""How many times a requester's words may be put to a model: counted from chain ``desk``."""

from typing import Final

from agents.interpreter import RESERVED_TOKENS
from state import bodies
from state.entry import DESK, Entry, Kind
from state.instants import seconds_between
from state.ledger.port import Ledger

SPAN_S: Final = 3600


class ModelBudget:
    """At most ``most`` model calls a requester in any hour."""

    def __init__(self, ledger: Ledger, *, most: int, code: str) -> None:
        """``code`` is the version of the program that reserves."""
        self._ledger, self._most, self._code = ledger, most, code

    def reserve(self, requester: str) -> bool:
        """Reserve one call, durably, before it is made; False where the hour's calls are used up.

        A call that then fails is used all the same. What is refused costs nothing, so that whoever waits may
        ask again.
        """
        if len(self._recent(requester)) >= self._most:
            return False
        draft = bodies.model_asked(actor=requester, tokens=RESERVED_TOKENS)
        (mine,) = self._ledger.append_desk([draft], at=self._ledger.now(), code=self._code)
        earlier = [entry for entry in self._recent(requester) if entry.seq < mine.seq]
        return len(earlier) < self._most  # another request of theirs may have come between

    def _recent(self, requester: str) -> list[Entry]:
        now = self._ledger.now()
        return [
            entry
            for entry in self._ledger.read(DESK)
            if entry.kind is Kind.RESERVED
            and entry.actor == requester
            and seconds_between(entry.at, now) < SPAN_S
        ]
