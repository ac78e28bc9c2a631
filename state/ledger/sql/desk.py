"""What stands in chain ``desk`` and beside it: appended by anyone, one at a time, stops and erasures too."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.entry import DESK, Draft, Entry, Head, seal
from state.ledger import desk
from state.ledger.port import Stop
from state.ledger.sql.chains import Chains
from state.ledger.sql.schema import payloads, stops
from state.ledger.sql.statement import Statement, inserting


class Desk:
    """Writes to chain ``desk``, each inside a transaction of the writer: nobody can come between."""

    def __init__(self, dialect: Dialect, chains: Chains) -> None:
        """Compile the statements for ``dialect``."""
        scope = stops.c.scope == bindparam("of_scope")
        digest = payloads.c.digest == bindparam("of_digest")
        self._chains = chains
        self._stop = Statement(select(stops.c.scope).where(scope), dialect)
        self._set = Statement(inserting(stops), dialect)
        self._lift = Statement(delete(stops).where(scope), dialect)
        self._text = Statement(select(payloads.c.text).where(digest), dialect)
        self._store = Statement(inserting(payloads), dialect)
        self._change = Statement(update(payloads).where(digest).values(text=bindparam("text")), dialect)

    def append(self, cursor: DBAPICursor, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Seal ``drafts`` behind the head and store them; CanonicalError before anything is stored."""
        head = self._chains.head(cursor, DESK)
        begins = head is None
        first = head or Head()
        entries: list[Entry] = []
        end = first
        for draft in drafts:
            entry = seal(draft, run=DESK, head=end, at=at, epoch=0, code=code)
            end = Head(seq=entry.seq, hash=entry.hash)
            entries.append(entry)
        if entries:
            self._chains.extend(cursor, entries, head=None if begins else first, epoch=0)
        return entries

    def stop(self, cursor: DBAPICursor, stop: Stop, draft: Draft, *, code: str) -> None:
        """Set the switch for a scope; a newer word for the same scope replaces the older one."""
        self.append(cursor, [draft], at=stop.at, code=code)
        self._lift.run(cursor, of_scope=stop.scope)
        self._set.run(cursor, scope=stop.scope, by=stop.by, at=stop.at, why=stop.why)

    def start(self, cursor: DBAPICursor, scope: str, draft: Draft, *, at: str, code: str) -> bool:
        """Lift a stop; False where none is set."""
        if self._stop.row(cursor, of_scope=scope) is None:
            return False
        self.append(cursor, [draft], at=at, code=code)
        self._lift.run(cursor, of_scope=scope)
        return True

    def keep(self, cursor: DBAPICursor, digest: str, text: str) -> None:
        """Store the text behind a digest, anew where it was erased before."""
        found = self._text.row(cursor, of_digest=digest)
        if found is None:
            self._store.run(cursor, digest=digest, text=text)
        elif found[0] is None:
            self._change.run(cursor, of_digest=digest, text=text)

    def erase(self, cursor: DBAPICursor, digest: str, *, by: str, at: str, why: str, code: str) -> bool:
        """Erase the text behind a digest; False where there is none."""
        found = self._text.row(cursor, of_digest=digest)
        if found is None or found[0] is None:
            return False
        self.append(cursor, [desk.erased(digest, by=by, at=at, why=why)], at=at, code=code)
        self._change.run(cursor, of_digest=digest, text=None)
        return True
