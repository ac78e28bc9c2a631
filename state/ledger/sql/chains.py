"""How an append is stored: head, entries, derived rows, all in the transaction it is given."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state.entry import Entry, Head
from state.errors import HeadMovedError
from state.ledger.derived import attempt_rows, delivery_rows, entry_row, folded_by, outbox_rows, run_row
from state.ledger.port import Append, Row
from state.ledger.refusals import How, Present, check_append
from state.ledger.seals import CHAINS, seal_of
from state.ledger.sql import schema
from state.ledger.sql.statement import RowUpdate, Statement, inserting
from state.ledger.sql.tally import Tally
from state.ledger.sql.view import SqlView, ViewStatements
from state.ledger.stuck import check_end, is_ended_raw

Values = dict[str, Any]
_RUN_COLUMNS = tuple(column.name for column in schema.runs.columns)


class Chains:
    """Stores appends. Everything that may refuse is asked before anything is written."""

    def __init__(self, dialect: Dialect, *, key: bytes | None, tally: Tally) -> None:
        """Compile the statements for ``dialect``; ``key`` is what seals are made with."""
        s = schema
        self._key, self._tally = key, tally
        of_run: BindParameter[str] = bindparam("of_run")
        self._asks = ViewStatements(dialect)
        self._begin = Statement(inserting(s.heads), dialect)
        self._move = Statement(
            update(s.heads)
            .where(s.heads.c.run == of_run, s.heads.c.seq == bindparam("old_seq"))
            .where(s.heads.c.hash == bindparam("old_hash"), s.heads.c.epoch == bindparam("old_epoch"))
            .values(seq=bindparam("seq"), hash=bindparam("hash"), epoch=bindparam("epoch")),
            dialect,
        )
        self._head = Statement(select(s.heads.c.seq, s.heads.c.hash).where(s.heads.c.run == of_run), dialect)
        self._enter = Statement(inserting(s.entries), dialect)
        self._present = Statement(
            select(
                s.heads.c.seq,
                s.heads.c.hash,
                s.heads.c.epoch,
                s.claims.c.worker,
                s.claims.c.released_at,
                *s.runs.columns,
            )
            .select_from(s.heads)
            .join(s.runs, s.runs.c.run == s.heads.c.run)
            .outerjoin(s.claims, s.claims.c.run == s.heads.c.run)
            .where(s.heads.c.run == of_run),
            dialect,
        )
        self._new_run = Statement(inserting(s.runs), dialect)
        self._set_run = RowUpdate(s.runs, s.runs.c.run == of_run, dialect)
        self._claim = Statement(inserting(s.claims), dialect)
        claim: dict[str, Any] = {name: bindparam(name) for name in ("epoch", "worker", "released_at", "seal")}
        self._reclaim = Statement(update(s.claims).where(s.claims.c.run == of_run).values(claim), dialect)
        held = s.claims.c.run == of_run
        self._held = Statement(
            select(s.claims.c.epoch, s.claims.c.worker).where(held, s.claims.c.released_at.is_(None)), dialect
        )
        self._leased = Statement(
            select(s.workers.c.id, s.workers.c.lease_until)
            .join(s.claims, s.claims.c.worker == s.workers.c.id)
            .where(s.claims.c.run == of_run, s.claims.c.released_at.is_(None)),
            dialect,
        )
        self._tables = {
            table.name: (
                Statement(delete(table).where(table.c.run == of_run), dialect),
                Statement(inserting(table), dialect),
            )
            for table in (s.holds, s.touches, s.attempts)
        }
        own = s.deliveries.c.source == bindparam("old_source")
        self._undeliver = Statement(
            delete(s.deliveries).where(own, s.deliveries.c.delivery == bindparam("old_delivery")), dialect
        )
        self._deliver = Statement(inserting(s.deliveries), dialect)
        self._put_notice = Statement(inserting(s.outbox), dialect)
        notice = s.outbox.c.id == bindparam("of_id")
        self._place_notice = Statement(
            update(s.outbox).where(notice).values(position=bindparam("place")), dialect
        )
        self._drop_notice = Statement(delete(s.outbox).where(notice), dialect)
        signal = s.signals.c.id == bindparam("of_id")
        self._signal = Statement(select(*s.signals.columns).where(signal), dialect)
        self._fold = Statement(
            update(s.signals).where(signal).values(folded_seq=bindparam("folded"), seal=bindparam("seal")),
            dialect,
        )

    def head(self, cursor: DBAPICursor, run: str) -> Head | None:
        """Where the chain ends now; None where it has not begun."""
        found = self._head.row(cursor, of_run=run)
        return Head(seq=found[0], hash=found[1]) if found else None

    def extend(self, cursor: DBAPICursor, entries: Sequence[Entry], *, head: Head | None, epoch: int) -> None:
        """Move the head from ``head`` (None: begin) under ``epoch`` behind ``entries``, and enter them."""
        last = entries[-1]
        if head is None:
            self._begin.run(cursor, run=last.run, seq=last.seq, hash=last.hash, epoch=last.epoch)
            self._tally.count(cursor, CHAINS, last.run)
        else:
            moved = self._move.run(
                cursor, of_run=last.run, old_seq=head.seq, old_hash=head.hash, old_epoch=epoch,
                seq=last.seq, hash=last.hash, epoch=last.epoch,
            )  # fmt: skip
            if moved != 1:
                raise HeadMovedError(f"run {last.run} does not end at {head.seq}")
        self._enter.many(cursor, [entry_row(entry) for entry in entries])

    def store(self, cursor: DBAPICursor, append: Append, how: How, *, now: str, worker: str | None) -> Head:
        """Store ``append`` with all that follows from it, or raise why it is refused."""
        present, before = self._stands(cursor, append.run)
        after = run_row(append.run, append.row)
        notices = outbox_rows(append.run, append.row)
        attempts = attempt_rows(append.run, append.row, after=before["attempts"] if before else 0)
        check_append(append, how, present=present, view=SqlView(self._asks, cursor), now=now)
        self.extend(
            cursor,
            append.entries,
            head=present.head if present else None,
            epoch=present.epoch if present else 0,
        )
        self._derive(cursor, append.row, before=before, after=after, attempts=attempts)
        self._notify(cursor, notices, before=json.loads(before["notices"]) if before else [])
        if worker is not None:
            known = present is not None and present.claimed
            self.hold(cursor, append.run, append.epoch, worker, released_at=None, known=known)
        last = append.entries[-1]
        for signal, seq in folded_by(append.entries, append.folds).items():
            self._fold_in(cursor, signal, seq)
        return Head(seq=last.seq, hash=last.hash)

    def hold(
        self, cursor: DBAPICursor, run: str, epoch: int, worker: str, *, released_at: str | None, known: bool
    ) -> None:
        """Write who holds ``run``, or held it until ``released_at``; ``known``: it was claimed before."""
        seal = seal_of(run, epoch, worker, released_at, key=self._key)
        values = {"epoch": epoch, "worker": worker, "released_at": released_at, "seal": seal}
        if known:
            self._reclaim.run(cursor, of_run=run, **values)
        else:
            self._claim.run(cursor, run=run, **values)

    def release(self, cursor: DBAPICursor, run: str, *, epoch: int | None = None, now: str) -> None:
        """Mark the claim that is in force (of ``epoch`` alone, if given) as given back, if there is one."""
        found = self._held.row(cursor, of_run=run)
        if found is not None and epoch in (None, found[0]):
            self.hold(cursor, run, found[0], found[1], released_at=now, known=True)

    def end(self, cursor: DBAPICursor, run: str, row: Row, *, head: Head, now: str) -> None:
        """Make ``row`` the last of a stuck run and free what it had, or raise why it is refused."""
        present, before = self._stands(cursor, run)
        after, notices = run_row(run, row), outbox_rows(run, row)
        attempts = attempt_rows(run, row, after=before["attempts"] if before else 0)
        leased = self._leased.row(cursor, of_run=run)
        check_end(run, present=present, head=head, holder=(leased[0], leased[1]) if leased else None, now=now)
        self._derive(cursor, row, before=before, after=after, attempts=attempts)
        self._notify(cursor, notices, before=json.loads(before["notices"]) if before else [])
        self.release(cursor, run, now=now)

    def _stands(self, cursor: DBAPICursor, run: str) -> tuple[Present | None, Values | None]:
        """A run as it is now, and the columns of its row; None where it has not begun."""
        found = self._present.row(cursor, of_run=run)
        if found is None:
            return None, None
        before: Values = dict(zip(_RUN_COLUMNS, found[5:], strict=True))
        present = Present(
            head=Head(seq=found[0], hash=found[1]),
            epoch=found[2],
            held=found[3] is not None and found[4] is None,
            claimed=found[3] is not None,
            holds=_listed(before["holds"]),
            notices=_listed(before["notices"]),
            once_key=before["once_key"],
            delivery=before["delivery"],
            ended_raw=is_ended_raw(before["state"], before["reason"]),
        )
        return present, before

    def _derive(
        self, cursor: DBAPICursor, row: Row, *, before: Values | None, after: Values, attempts: list[Values]
    ) -> None:
        run = after["run"]
        if before is None:
            self._new_run.run(cursor, **after)
        else:
            self._set_run.run(cursor, {n: v for n, v in after.items() if v != before[n]}, of_run=run)
        old: Mapping[str, Any] = before or {"holds": "[]", "touches": "[]", "attempts": 0, "delivery": None}
        for table in ("holds", "touches"):
            if after[table] != old[table]:
                rows = [{"resource": resource, "run": run} for resource in sorted(_listed(after[table]))]
                self._replace(cursor, table, run, rows)
        if after["attempts"] < old["attempts"]:
            self._replace(cursor, "attempts", run, attempt_rows(run, row))
        elif attempts:
            self._tables["attempts"][1].many(cursor, attempts)
        if any(after[name] != old.get(name) for name in ("source", "delivery", "delivery_digest")):
            if old.get("delivery") is not None:  # its own alone: others may have joined it
                self._undeliver.run(cursor, old_source=old["source"], old_delivery=old["delivery"])
            self._deliver.many(cursor, delivery_rows(run, row))

    def _replace(self, cursor: DBAPICursor, table: str, run: str, rows: list[Values]) -> None:
        clear, insert = self._tables[table]
        clear.run(cursor, of_run=run)
        if rows:
            insert.many(cursor, rows)

    def _notify(self, cursor: DBAPICursor, notices: list[Values], *, before: list[str]) -> None:
        wanted = [notice["id"] for notice in notices]
        if wanted == before:
            return
        for gone in sorted(set(before) - set(wanted)):
            self._drop_notice.run(cursor, of_id=gone)
        for notice in notices:
            if notice["id"] in before:
                self._place_notice.run(cursor, of_id=notice["id"], place=notice["position"])
            else:
                seal = seal_of(notice["id"], None, key=self._key)
                self._put_notice.run(cursor, **notice, delivered_at=None, seal=seal)

    def _fold_in(self, cursor: DBAPICursor, signal: str, seq: int) -> None:
        found = self._signal.row(cursor, of_id=signal)
        if found is not None:
            self._fold.run(cursor, of_id=signal, folded=seq, seal=seal_of(*found[:-2], seq, key=self._key))


@lru_cache(maxsize=1024)
def _listed(text: str) -> frozenset[str]:
    return frozenset(json.loads(text)) if text != "[]" else frozenset()
