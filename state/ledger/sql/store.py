"""The ledger on SQL, put together: appends through the writer, reads beside it, one file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from state import instants
from state.entry import Draft, Entry, Head
from state.errors import PayloadKeyError, StorageError
from state.ledger import audit, desk
from state.ledger.derived import instant
from state.ledger.port import (
    Append,
    Finding,
    Glance,
    Limit,
    Project,
    Query,
    Record,
    RunInfo,
    Signal,
    Stop,
    Worker,
)
from state.ledger.refusals import How, check_shape
from state.ledger.sql import reads
from state.ledger.sql.chains import Chains
from state.ledger.sql.database import Database
from state.ledger.sql.desk import Desk
from state.ledger.sql.glance import Glances
from state.ledger.sql.presence import MS, Presence
from state.ledger.sql.records import every_record
from state.ledger.sql.schema import payloads, stops, workers
from state.ledger.sql.standing import unreadable
from state.ledger.sql.tally import Tally
from state.ledger.sql.view import counting
from state.ledger.sql.writer import Job, WriteConnection, Writer
from state.ledger.stuck import row_to_end
from state.task import EMPTY

T = TypeVar("T")


def system_clock() -> str:
    """Return the present instant by the host's clock, which is that of an embedded database."""
    return instants.iso(datetime.now(UTC))


class SqlLedger:
    """The ledger in one database; see ``state.ledger.port.Ledger``. Made by ``open_ledger``."""

    def __init__(
        self,
        database: Database,
        connection: WriteConnection,
        *,
        code: str,
        project: Project | None,
        payload_key: bytes | None,
        clock: Callable[[], str] | None,
        locked: str | None = None,
    ) -> None:
        """Take over ``connection``, open on ``database``; ``locked``: why nothing may be written."""
        self._database, self._locked = database, locked
        self._code, self._project, self._payload_key = code, project, payload_key
        dialect = database.dialect
        tally = Tally(dialect, key=payload_key)
        self._chains = Chains(dialect, key=payload_key, tally=tally)
        self._desk = Desk(dialect, self._chains)
        self._presence = Presence(dialect, self._chains, key=payload_key, tally=tally)
        self._engine, self._lenient = database.reading(), database.reading(lenient=True)
        self._glances = Glances(database)
        self._writer = Writer(connection)
        its = system_clock if database.clock is None else self._glances.now
        self.now: Callable[[], str] = clock or its  # the database's clock, as an instant

    @contextmanager
    def _reading(self, engine: Engine | None = None) -> Iterator[Connection]:
        """Read leniently, so that one bad row hides no other; ``engine``: a stricter one, and faster."""
        try:
            with (engine or self._lenient).connect() as connection:
                yield connection
        except DBAPIError as error:
            raise StorageError(f"the database could not be read: {error.orig}") from error

    def _write(self, job: Job[T]) -> T:
        if self._locked is not None:
            raise PayloadKeyError(self._locked)
        return self._writer.run(job)

    # runs
    def create(self, append: Append) -> Head:
        """Begin the chain of a new run."""
        return self._store(append, How.CREATE, None)

    def claim(self, append: Append, *, worker: str) -> Head:
        """Append ``claimed`` under the next epoch, and make ``worker`` the holder."""
        return self._store(append, How.CLAIM, worker)

    def append(self, append: Append) -> Head:
        """Append as the holder."""
        return self._store(append, How.APPEND, None)

    def _store(self, append: Append, how: How, worker: str | None) -> Head:
        check_shape(append, how)

        def job(cursor: Any) -> Head:
            head = self._chains.store(cursor, append, how, now=self.now(), worker=worker)
            for payload in append.payloads:
                self._desk.keep(cursor, payload.digest, payload.text)
            return head

        return self._write(job)

    def read(self, run: str, *, after: int = 0) -> list[Entry]:
        """Read the entries of a chain in order."""
        try:
            with self._reading(self._engine) as connection:
                return reads.chain(connection, run, after)
        except StorageError:  # perhaps for one bad text, which is then the run's alone
            with self._reading() as connection:
                return reads.chain(connection, run, after)

    def glance(self, run: str) -> Glance:
        """Read what is asked at every move."""
        return self._glances.glance(run)

    def length(self, run: str) -> int:
        """Read the seq of a chain's last entry."""
        return self._glances.length(run)

    def info(self, run: str) -> RunInfo:
        """Read the derived row of a run."""
        with self._reading() as connection:
            return reads.info(connection, run)

    def runs(self, query: Query) -> list[RunInfo]:
        """List runs, newest first."""
        with self._reading() as connection:
            return reads.listed(connection, reads.listing(query))

    def count_runs(self, limit: Limit) -> int:
        """Count the runs that count against a limit now."""
        with self._reading() as connection:
            return connection.execute(counting(limit)).scalar_one()

    def release(self, run: str, epoch: int) -> None:
        """Give the claim back."""
        self._write(lambda cursor: self._presence.release(cursor, run, epoch, now=self.now()))

    def claimable(self, *, limit: int = 100) -> list[RunInfo]:
        """List runs that a worker may claim now, oldest due first."""
        with self._reading() as connection:
            return reads.claimable(connection, self.now(), limit)

    def next_due(self) -> str | None:
        """Find when the next run that nobody holds is due."""
        with self._reading() as connection:
            return reads.next_due(connection)

    # resources
    def holder(self, resource: str) -> str | None:
        """Find the run that holds a resource."""
        return self._glances.holder(resource)

    def attempts_on(self, resource: str, *, since: str) -> int:
        """Count write intents on a resource since an instant, over all runs."""
        return self._glances.attempts_on(resource, instant(since))

    def escalated_on(self, resource: str) -> list[str]:
        """List live runs with an open escalation that hold the resource."""
        with self._reading() as connection:
            return list(connection.execute(reads.escalated_on(resource)).scalars())

    # signals
    def post(self, signal: Signal) -> bool:
        """Store a signal; False when its id is known already."""
        return self._write(lambda cursor: self._presence.post(cursor, signal))

    def signals(self, run: str) -> list[Signal]:
        """Read the signals of a run not yet folded, in order of arrival."""
        with self._reading() as connection:
            return reads.waiting(connection, run)

    # workers
    def register(self, worker: Worker) -> None:
        """Make a worker known, with a lease from the database's now."""
        self._write(lambda cursor: self._presence.register(cursor, worker, self.now()))

    def renew(self, worker: str) -> str:
        """Renew the lease; return until when."""
        return self._write(lambda cursor: self._presence.renew(cursor, worker, self.now()))

    def workers(self) -> list[Worker]:
        """List registered workers."""
        w = workers.c
        with self._reading() as connection:
            return [
                Worker(
                    id=f.id, boot_id=f.boot_id, pid_ns=f.pid_ns, pid=f.pid, start_time=f.start_time,
                    uid=f.uid, lock_file=f.lock_file, lease_until=f.lease_until, lease_s=f.lease_ms / MS,
                )
                for f in connection.execute(select(*w).order_by(w.id))
            ]  # fmt: skip

    def forget(self, worker: str) -> None:
        """Remove a worker that left or was seen dead."""
        self._write(lambda cursor: self._presence.forget(cursor, worker))

    # the switch, the desk
    def stop(self, stop: Stop, *, who: Mapping[str, str] = EMPTY) -> None:
        """Set the switch for a scope, with its entry in chain ``desk``."""
        draft = desk.stopped(stop, who=who)
        self._write(lambda cursor: self._desk.stop(cursor, stop, draft, code=self._code))

    def start(self, scope: str, *, by: str, at: str, who: Mapping[str, str] = EMPTY) -> bool:
        """Lift a stop, with its entry; False where none was set."""
        draft = desk.started(scope, by=by, at=at, who=who)
        return self._write(lambda cursor: self._desk.start(cursor, scope, draft, at=at, code=self._code))

    def stops(self) -> list[Stop]:
        """List stops in force."""
        with self._reading() as connection:
            found = connection.execute(select(*stops.columns).order_by(stops.c.scope))
            return [Stop(scope=f.scope, by=f.by, at=f.at, why=f.why) for f in found]

    def append_desk(self, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Append to chain ``desk``, behind whoever came first."""
        return self._write(lambda cursor: self._desk.append(cursor, drafts, at=at, code=code))

    def close_raw(
        self, run: str, *, by: str, at: str, why: str, unsound: str, who: Mapping[str, str] = EMPTY,
        without_policy: bool = False,
    ) -> Entry:  # fmt: skip
        """End a run whose entries cannot be folded, with its entry in chain ``desk``."""
        info = self.info(run)  # first, so that whatever is read behind it has this head or is refused
        row = row_to_end(
            run, info.row, lambda: self.read(run), self._project, at=at, without_policy=without_policy
        )
        draft = desk.closed_raw(run=run, by=by, at=at, why=why, unsound=unsound, head=info.head, who=who)

        def job(cursor: Any) -> Entry:
            self._chains.end(cursor, run, row, head=info.head, now=self.now())
            (entry,) = self._desk.append(cursor, [draft], at=at, code=self._code)
            return entry

        return self._write(job)

    # payloads, outbox
    def payload(self, digest: str) -> str | None:
        """Read the text behind a digest."""
        with self._reading() as connection:
            return connection.execute(select(payloads.c.text).where(payloads.c.digest == digest)).scalar()

    def erase(self, digest: str, *, by: str, at: str, why: str) -> bool:
        """Erase the text behind a digest, with its entry in chain ``desk``."""
        return self._write(
            lambda cursor: self._desk.erase(cursor, digest, by=by, at=at, why=why, code=self._code)
        )

    def outbox(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """Read the notices not yet delivered."""
        with self._reading() as connection:
            return reads.undelivered(connection, limit)

    def delivered(self, notice: str) -> None:
        """Mark a notice as delivered."""
        self._write(lambda cursor: self._presence.deliver(cursor, notice, self.now()))

    # proof
    def verify(self) -> Iterator[Finding]:
        """Check every chain, and every table against the chains, as of one moment."""
        with self._reading() as connection:
            found = list(self._database.check_schema(connection))
        yield from found
        try:
            yield from audit.findings(self.records(), project=self._project, payload_key=self._payload_key)
        except StorageError as error:
            if not found:
                raise
            yield unreadable(error)

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Read every row of every table as of one moment, grouped by run."""
        with self._reading() as connection:
            yield from every_record(connection, run)

    def close(self) -> None:
        """Finish what is queued and close every connection."""
        self._engine.dispose()
        self._lenient.dispose()
        self._glances.close()
        self._writer.close()
