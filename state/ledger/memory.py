"""The ledger in memory: the same contract, for fast tests and simulation. Nothing outlives the process."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from state import canonical, instants
from state.entry import DESK, Draft, Entry, Head, head_of, seal
from state.errors import FencedError, UnknownRunError
from state.ledger import audit, desk
from state.ledger.derived import attempt_rows, folded_by, instant, joined_rows, row_from, run_row
from state.ledger.memory_tables import Held, Posted, Tables
from state.ledger.port import (
    Append,
    Finding,
    Glance,
    Limit,
    Project,
    Query,
    Record,
    Row,
    RunInfo,
    Signal,
    Stop,
    Worker,
)
from state.ledger.refusals import How, check_append, check_shape, is_known
from state.ledger.stuck import check_end, row_to_end
from state.task import EMPTY

MOST_RUNS = 1_000


def _system_clock() -> str:
    return instants.iso(datetime.now(UTC))


class MemoryLedger:
    """See ``state.ledger.port.Ledger``. Threads may share it; ``close`` leaves it as it is."""

    def __init__(
        self,
        *,
        clock: Callable[[], str] = _system_clock,
        code: str = "",
        project: Project | None = None,
        payload_key: bytes | None = None,
    ) -> None:
        """``clock`` is the database's; ``project`` and ``payload_key`` are what ``verify`` needs."""
        self.now = clock  # the database's clock, as an instant
        self._code, self._project, self._payload_key = code, project, payload_key
        self._lock = threading.RLock()
        self._tables = Tables(key=payload_key)

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
        run, row = append.run, append.row
        listed = row_from(run_row(run, row))  # refuses what SQL could not store
        attempt_rows(run, row)
        with self._lock:
            before = self._tables.rows.get(run)
            present = self._tables.present(run, before)
            check_append(append, how, present=present, view=self._tables, now=self.now())
            self._tables.enter(append.entries)
            self._tables.epochs[run] = append.epoch
            self._tables.derive(run, before, row, listed)
            if worker is not None:
                self._tables.claims[run] = Held(epoch=append.epoch, worker=worker)
            for signal, seq in folded_by(append.entries, append.folds).items():
                self._tables.posted[signal].folded_seq = seq
            for payload in append.payloads:
                if self._tables.texts.get(payload.digest) is None:
                    self._tables.texts[payload.digest] = payload.text
            return head_of(self._tables.chains[run])

    def read(self, run: str, *, after: int = 0) -> list[Entry]:
        """Read the entries of a chain in order."""
        with self._lock:
            return self._tables.chains.get(run, [])[after:]

    def info(self, run: str) -> RunInfo:
        """Read the derived row of a run."""
        with self._lock:
            row = self._row(run)
            notices = sorted(
                (n for n in self._tables.notices.values() if n.run == run), key=lambda n: n.position
            )
            sent = tuple((r["resource"], r["op"], r["attempt"], r["at"]) for r in attempt_rows(run, row))
            listed = self._tables.listed[run]
            if sent or notices:
                listed = replace(listed, attempts=sent, outbox=tuple(dict(n.body) for n in notices))
            return self._info(run, listed)

    def _row(self, run: str) -> Row:
        if run not in self._tables.rows:
            raise UnknownRunError(f"no run {run}")
        return self._tables.rows[run]

    def _info(self, run: str, row: Row | None = None) -> RunInfo:
        held = self._tables.held_by(run)
        return RunInfo(
            run=run,
            head=head_of(self._tables.chains[run]),
            epoch=self._tables.epochs[run],
            worker=held.worker if held is not None else None,
            row=row or self._tables.listed[run],
            released=held is None and run in self._tables.claims,
        )

    def runs(self, query: Query) -> list[RunInfo]:
        """List runs, newest first."""
        with self._lock:
            newest = sorted(self._tables.rows, reverse=True)
            listed = self._tables.listed
            before = (run for run in newest if query.before is None or run < query.before)
            found = (self._info(run) for run in before if _asked(listed[run], query))
            return list(islice(found, max(0, min(query.limit, MOST_RUNS))))

    def count_runs(self, limit: Limit) -> int:
        """Count the runs that count against a limit now."""
        with self._lock:
            return self._tables.count(limit, "")

    def release(self, run: str, epoch: int) -> None:
        """Give the claim back."""
        with self._lock:
            self._row(run)
            self._tables.release(run, epoch=epoch, now=self.now())

    def claimable(self, *, limit: int = 100) -> list[RunInfo]:
        """List runs that a worker may claim now, oldest due first."""
        with self._lock:
            now = self.now()
            waiting = {p.signal.run for p in self._tables.posted.values() if p.folded_seq is None}
            found = [self._info(run) for run in self._tables.rows if self._may_be_claimed(run, now, waiting)]
            return sorted(found, key=lambda info: (min(info.row.due_at or now, now), info.run))[
                : max(0, limit)
            ]

    def _may_be_claimed(self, run: str, now: str, waiting: set[str]) -> bool:
        row = self._tables.rows[run]
        live = row.ended_at is None
        due = row.due_at is not None and instant(row.due_at) <= now
        held = self._tables.held_by(run)
        if held is None:
            return due or (live and run in waiting)
        worker = self._tables.crew.get(held.worker)
        lost = worker is None or worker[0].lease_until <= now
        return lost and (live or due)

    def next_due(self) -> str | None:
        """Find when the next run that nobody holds is due."""
        with self._lock:
            due = [
                instant(row.due_at)
                for run, row in self._tables.rows.items()
                if row.due_at and self._tables.held_by(run) is None
            ]
            return min(due, default=None)

    # resources
    def glance(self, run: str) -> Glance:
        """Read what is asked at every move."""
        return Glance(signals=len(self.signals(run)), stops=tuple(s.scope for s in self.stops()))

    def length(self, run: str) -> int:
        """Read the seq of a chain's last entry."""
        with self._lock:
            return head_of(self._tables.chains.get(run, [])).seq

    def holder(self, resource: str) -> str | None:
        """Find the run that holds a resource."""
        with self._lock:
            return self._tables.held.get(resource)

    def attempts_on(self, resource: str, *, since: str) -> int:
        """Count write intents on a resource since an instant, over all runs."""
        first = instant(since)
        with self._lock:
            sent = [attempt for row in self._tables.rows.values() for attempt in row.attempts]
            return sum(at >= first for on, _, _, at in sent if on == resource)

    def escalated_on(self, resource: str) -> list[str]:
        """List live runs with an open escalation that hold the resource."""
        with self._lock:
            run = self._tables.held.get(resource)
            if run is None or self._tables.rows[run].ended_at or self._tables.rows[run].escalation is None:
                return []
            return [run]

    # signals
    def post(self, signal: Signal) -> bool:
        """Store a signal; False when its id is known already."""
        body = canonical.loads(canonical.dumps(signal.body))
        joined = joined_rows(signal.run, [(signal.kind, body)])
        with self._lock:
            self._row(signal.run)
            if signal.id in self._tables.posted or any(is_known(self._tables, row) for row in joined):
                return False
            for row in joined:
                self._tables.came[row["source"], row["delivery"]] = (signal.run, row["digest"])
            arrival = sum(p.signal.run == signal.run for p in self._tables.posted.values()) + 1
            self._tables.posted[signal.id] = Posted(signal=replace(signal, body=body), arrival=arrival)
            return True

    def signals(self, run: str) -> list[Signal]:
        """Read the signals of a run not yet folded, in order of arrival."""
        with self._lock:
            return [
                p.signal for p in self._tables.posted.values() if p.signal.run == run and p.folded_seq is None
            ]

    # workers
    def register(self, worker: Worker) -> None:
        """Make a worker known, with a lease from the database's now."""
        with self._lock:
            lease_ms = round(worker.lease_s * 1000)
            until = instants.after(self.now(), lease_ms / 1000)
            self._tables.crew[worker.id] = (
                replace(worker, lease_until=until, lease_s=lease_ms / 1000),
                lease_ms,
            )

    def renew(self, worker: str) -> str:
        """Renew the lease; return until when."""
        with self._lock:
            if worker not in self._tables.crew:
                raise FencedError(f"worker {worker} was removed: its runs may have other holders")
            self.register(self._tables.crew[worker][0])
            return self._tables.crew[worker][0].lease_until

    def workers(self) -> list[Worker]:
        """List registered workers."""
        with self._lock:
            return [self._tables.crew[worker][0] for worker in sorted(self._tables.crew)]

    def forget(self, worker: str) -> None:
        """Remove a worker that left or was seen dead."""
        with self._lock:
            self._tables.crew.pop(worker, None)

    # the switch, the desk
    def stop(self, stop: Stop, *, who: Mapping[str, str] = EMPTY) -> None:
        """Set the switch for a scope, with its entry in chain ``desk``."""
        with self._lock:
            self.append_desk([desk.stopped(stop, who=who)], at=stop.at, code=self._code)
            self._tables.stopping[stop.scope] = stop

    def start(self, scope: str, *, by: str, at: str, who: Mapping[str, str] = EMPTY) -> bool:
        """Lift a stop, with its entry; False where none was set."""
        with self._lock:
            if scope not in self._tables.stopping:
                return False
            self.append_desk([desk.started(scope, by=by, at=at, who=who)], at=at, code=self._code)
            del self._tables.stopping[scope]
            return True

    def stops(self) -> list[Stop]:
        """List stops in force."""
        with self._lock:
            return [self._tables.stopping[scope] for scope in sorted(self._tables.stopping)]

    def append_desk(self, drafts: Sequence[Draft], *, at: str, code: str) -> list[Entry]:
        """Append to chain ``desk``, behind whoever came first."""
        with self._lock:
            head = head_of(self._tables.chains.get(DESK, []))
            entries: list[Entry] = []
            for draft in drafts:
                entry = seal(draft, run=DESK, head=head, at=at, epoch=0, code=code)
                head = Head(seq=entry.seq, hash=entry.hash)
                entries.append(entry)
            if entries:
                self._tables.enter(entries)
            return entries

    def close_raw(
        self, run: str, *, by: str, at: str, why: str, unsound: str, who: Mapping[str, str] = EMPTY,
        without_policy: bool = False,
    ) -> Entry:  # fmt: skip
        """End a run whose entries cannot be folded, with its entry in chain ``desk``."""
        with self._lock:
            before = self._row(run)
            row = row_to_end(
                run, before, lambda: self.read(run), self._project, at=at, without_policy=without_policy
            )
            head = head_of(self._tables.chains[run])
            check_end(
                run,
                present=self._tables.present(run, before),
                head=head,
                holder=self._tables.leased(run),
                now=self.now(),
            )
            draft = desk.closed_raw(run=run, by=by, at=at, why=why, unsound=unsound, head=head, who=who)
            (entry,) = self.append_desk([draft], at=at, code=self._code)
            self._tables.derive(run, before, row)
            self._tables.release(run, now=self.now())
            return entry

    # payloads, outbox
    def payload(self, digest: str) -> str | None:
        """Read the text behind a digest."""
        with self._lock:
            return self._tables.texts.get(digest)

    def erase(self, digest: str, *, by: str, at: str, why: str) -> bool:
        """Erase the text behind a digest, with its entry in chain ``desk``."""
        with self._lock:
            if self._tables.texts.get(digest) is None:
                return False
            self.append_desk([desk.erased(digest, by=by, at=at, why=why)], at=at, code=self._code)
            self._tables.texts[digest] = None
            return True

    def outbox(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """Read the notices not yet delivered."""
        with self._lock:
            waiting = [notice for notice in self._tables.notices.values() if notice.delivered_at is None]
            waiting.sort(key=lambda notice: (notice.run, notice.position))
            return [{**notice.body, "run": notice.run} for notice in waiting[: max(0, limit)]]

    def delivered(self, notice: str) -> None:
        """Mark a notice as delivered."""
        with self._lock:
            found = self._tables.notices.get(notice)
            if found is not None and found.delivered_at is None:
                found.delivered_at = self.now()

    # proof
    def verify(self) -> Iterator[Finding]:
        """Check every chain, and every table against the chains, as of one moment."""
        yield from audit.findings(self.records(), project=self._project, payload_key=self._payload_key)

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Read every row of every table as of one moment, grouped by run."""
        with self._lock:
            found = list(self._tables.records(run))
        yield from found

    def close(self) -> None:
        """Leave it as it is: there is nothing to finish."""


def _asked(row: Row, query: Query) -> bool:
    for name in ("runbook", "target", "requester", "state"):
        wanted = getattr(query, name)
        if wanted is not None and getattr(row, name) != wanted:
            return False
    if query.live is not None and (row.ended_at is None) is not query.live:
        return False
    if query.lanes and row.lane not in query.lanes:
        return False
    return query.resource is None or query.resource in row.resources
