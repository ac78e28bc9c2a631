"""How workers, claims, signals and notices are written: what no chain explains, each row under its seal."""

from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from state import canonical, instants
from state.errors import FencedError, UnknownRunError
from state.ledger.derived import joined_rows
from state.ledger.port import Signal, Worker
from state.ledger.refusals import is_known
from state.ledger.seals import SIGNALS, seal_of
from state.ledger.sql.chains import Chains
from state.ledger.sql.schema import deliveries, outbox, runs, signals, workers
from state.ledger.sql.statement import Statement, inserting
from state.ledger.sql.tally import Tally
from state.ledger.sql.view import SqlView, ViewStatements

MS = 1000


class Presence:
    """Writes who works, who holds, what waits and what was delivered, inside a transaction of the writer."""

    def __init__(self, dialect: Dialect, chains: Chains, *, key: bytes | None, tally: Tally) -> None:
        """Compile the statements for ``dialect``; ``key`` is what seals are made with."""
        self._chains, self._key, self._tally = chains, key, tally
        worker = workers.c.id == bindparam("of_id")
        notice = outbox.c.id == bindparam("of_id")
        of_run = bindparam("of_run", type_=runs.c.run.type)
        self._worker = Statement(select(*workers.columns).where(worker), dialect)
        self._remove = Statement(delete(workers).where(worker), dialect)
        self._enrol = Statement(inserting(workers), dialect)
        self._run = Statement(select(runs.c.run).where(runs.c.run == of_run), dialect)
        self._known = Statement(select(signals.c.id).where(signals.c.id == bindparam("of_id")), dialect)
        self._arrival = Statement(select(func.max(signals.c.arrival)).where(signals.c.run == of_run), dialect)
        self._post = Statement(inserting(signals), dialect)
        self._join = Statement(inserting(deliveries), dialect)
        self._asks = ViewStatements(dialect)
        self._notice = Statement(select(outbox.c.delivered_at).where(notice), dialect)
        delivered: dict[str, Any] = {"delivered_at": bindparam("now"), "seal": bindparam("sealed")}
        self._deliver = Statement(update(outbox).where(notice).values(delivered), dialect)

    def register(self, cursor: DBAPICursor, worker: Worker, now: str) -> None:
        """Enrol ``worker``, or enrol it anew, with a lease from ``now``."""
        lease_ms = round(worker.lease_s * MS)
        columns = (
            worker.id, worker.boot_id, worker.pid_ns, worker.pid, worker.start_time, worker.uid,
            worker.lock_file, instants.after(now, lease_ms / MS), lease_ms,
        )  # fmt: skip
        self._replace(cursor, columns)

    def renew(self, cursor: DBAPICursor, worker: str, now: str) -> str:
        """Begin the lease again at ``now``; FencedError where the worker was removed."""
        found = self._worker.row(cursor, of_id=worker)
        if found is None:
            raise FencedError(f"worker {worker} was removed: its runs may have other holders")
        lease_ms = int(found[8])
        until = instants.after(now, lease_ms / MS)
        self._replace(cursor, (*found[:7], until, lease_ms))
        return until

    def _replace(self, cursor: DBAPICursor, columns: tuple[str | int, ...]) -> None:
        self._remove.run(cursor, of_id=columns[0])
        values = dict(zip(workers.columns.keys(), (*columns, seal_of(*columns, key=self._key)), strict=True))
        self._enrol.run(cursor, **values)

    def forget(self, cursor: DBAPICursor, worker: str) -> None:
        """Remove a worker; what it holds can be claimed from then on."""
        self._remove.run(cursor, of_id=worker)

    def release(self, cursor: DBAPICursor, run: str, epoch: int, *, now: str) -> None:
        """Give the claim of that epoch back, if it is in force; UnknownRunError."""
        self._exists(cursor, run)
        self._chains.release(cursor, run, epoch=epoch, now=now)

    def _exists(self, cursor: DBAPICursor, run: str) -> None:
        if self._run.row(cursor, of_run=run) is None:
            raise UnknownRunError(f"no run {run}")

    def post(self, cursor: DBAPICursor, signal: Signal) -> bool:
        """Store ``signal`` behind those that came before; False where its id is known."""
        body = canonical.dumps(signal.body)
        self._exists(cursor, signal.run)
        joined = joined_rows(signal.run, [(signal.kind, signal.body)])
        view = SqlView(self._asks, cursor)
        known = any(is_known(view, row) for row in joined)
        if known or self._known.row(cursor, of_id=signal.id) is not None:
            return False
        found = self._arrival.row(cursor, of_run=signal.run)
        arrival = (found[0] or 0) + 1 if found else 1
        columns = (signal.id, signal.run, arrival, signal.kind, signal.by, signal.at, body, None)
        values = dict(zip(signals.columns.keys(), (*columns, seal_of(*columns, key=self._key)), strict=True))
        self._post.run(cursor, **values)
        self._tally.count(cursor, SIGNALS, signal.id)
        self._join.many(cursor, joined)
        return True

    def deliver(self, cursor: DBAPICursor, notice: str, now: str) -> None:
        """Mark a notice as delivered, once."""
        found = self._notice.row(cursor, of_id=notice)
        if found is not None and found[0] is None:
            self._deliver.run(cursor, of_id=notice, now=now, sealed=seal_of(notice, now, key=self._key))
