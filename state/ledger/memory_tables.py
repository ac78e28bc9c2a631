"""The tables of the ledger in memory, and what the law asks of them; whoever calls holds the lock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from state import canonical
from state.entry import DESK, Entry, head_of
from state.ledger.derived import entry_row, instant, joined_rows, notice_id, row_from, rows_of, run_row
from state.ledger.payload import references
from state.ledger.port import Limit, Record, Row, Signal, Stop, Worker
from state.ledger.refusals import Present, matches
from state.ledger.seals import CHAINS, SIGNALS, key_mark, seal_of, tally_row
from state.ledger.stuck import is_ended_raw


@dataclass(slots=True, kw_only=True)
class Posted:
    """A signal as it waits: its place in the order of arrival, and the seq under which it was folded."""

    signal: Signal
    arrival: int
    folded_seq: int | None = None


@dataclass(slots=True, kw_only=True)
class Notice:
    """A notice as it waits."""

    run: str
    position: int
    body: dict[str, Any]
    delivered_at: str | None = None


@dataclass(slots=True, kw_only=True)
class Held:
    """Who holds a run, or held it until ``released_at``."""

    epoch: int
    worker: str
    released_at: str | None = None


class Tables:
    """Chains, and everything beside them, as one process knows it."""

    def __init__(self, *, key: bytes | None) -> None:
        """Begin with nothing; ``key`` is what seals are made with."""
        self._key = key
        self.chains: dict[str, list[Entry]] = {}
        self.epochs: dict[str, int] = {}
        self.rows: dict[str, Row] = {}
        self.listed: dict[str, Row] = {}  # what table ``runs`` alone says of each
        self.claims: dict[str, Held] = {}
        self.held: dict[str, str] = {}
        self.came: dict[tuple[str, str], tuple[str, str | None]] = {}
        self.needs: dict[str, set[str]] = {}
        self.notices: dict[str, Notice] = {}
        self.posted: dict[str, Posted] = {}
        self.crew: dict[str, tuple[Worker, int]] = {}
        self.stopping: dict[str, Stop] = {}
        self.texts: dict[str, str | None] = {}

    # what the law asks (state.ledger.refusals.View)
    def stopped(self, scopes: Sequence[str]) -> str | None:
        """Return the first of ``scopes`` that is stopped."""
        return next((scope for scope in scopes if scope in self.stopping), None)

    def desk_seq(self) -> int:
        """Return the seq of the last entry of chain ``desk``."""
        return head_of(self.chains.get(DESK, [])).seq

    def holder(self, resource: str) -> str | None:
        """Return the run that holds ``resource``."""
        return self.held.get(resource)

    def needed_by(self, once_key: str, now: str) -> str | None:
        """Return the run for which ``once_key`` counts at ``now``."""
        for run in sorted(self.needs.get(once_key, ())):
            until = self.rows[run].once_until
            if not until or instant(until) > now:
                return run
        return None

    def delivered_as(self, source: str, delivery: str) -> tuple[str, str | None] | None:
        """Return the run and the body's digest under which a delivery came before."""
        return self.came.get((source, delivery))

    def count(self, limit: Limit, but: str) -> int:
        """Count the runs that count against ``limit``, other than ``but``."""
        return sum(run != but and _counts(row, limit) for run, row in self.rows.items())

    def notice_of(self, notice: str) -> str | None:
        """Return the run whose outbox holds a notice of that id."""
        return self.notices[notice].run if notice in self.notices else None

    def waits(self, run: str, signal: str) -> bool:
        """Tell whether ``signal`` waits for ``run``."""
        posted = self.posted.get(signal)
        return posted is not None and posted.signal.run == run and posted.folded_seq is None

    def held_by(self, run: str) -> Held | None:
        """Return the claim on ``run`` that is in force."""
        claim = self.claims.get(run)
        return claim if claim is not None and claim.released_at is None else None

    def release(self, run: str, *, epoch: int | None = None, now: str) -> None:
        """Mark the claim that is in force (of ``epoch`` alone, if given) as given back, if there is one."""
        held = self.held_by(run)
        if held is not None and epoch in (None, held.epoch):
            held.released_at = now

    def leased(self, run: str) -> tuple[str, str] | None:
        """Return the worker that holds ``run`` and until when its lease is; None where none is registered."""
        held = self.held_by(run)
        worker = self.crew.get(held.worker) if held is not None else None
        return (worker[0].id, worker[0].lease_until) if worker is not None else None

    def present(self, run: str, row: Row | None) -> Present | None:
        """Describe the run as it is now; None where it has not begun."""
        if row is None:
            return None
        return Present(
            head=head_of(self.chains[run]),
            epoch=self.epochs[run],
            held=self.held_by(run) is not None,
            claimed=run in self.claims,
            holds=frozenset(row.holds),
            notices=frozenset(notice_id(notice) for notice in row.outbox),
            once_key=row.once_key,
            delivery=row.delivery,
            ended_raw=is_ended_raw(row.state, row.reason),
        )

    def enter(self, entries: Sequence[Entry]) -> None:
        """Enter entries, their bodies parsed from the text that was sealed."""
        chain = self.chains.setdefault(entries[0].run, [])
        chain.extend(replace(entry, body=canonical.loads(entry.body_text)) for entry in entries)

    def derive(self, run: str, before: Row | None, row: Row, listed: Row | None = None) -> None:
        """Replace what followed from ``before`` by what follows from ``row`` (``listed``, if known)."""
        if before is not None:
            for resource in before.holds:
                self.held.pop(resource, None)
            if before.once_key is not None:
                self.needs[before.once_key].discard(run)
            if before.delivery is not None:
                self.came.pop((before.source, before.delivery), None)
        self.rows[run] = row
        self.listed[run] = listed or row_from(run_row(run, row))
        self.held.update(dict.fromkeys(row.holds, run))
        if row.once_key is not None:
            self.needs.setdefault(row.once_key, set()).add(run)
        if row.delivery is not None:
            self.came[row.source, row.delivery] = (run, row.delivery_digest)
        wanted = {notice_id(notice) for notice in row.outbox}
        for gone in [i for i, notice in self.notices.items() if notice.run == run and i not in wanted]:
            del self.notices[gone]
        for position, notice in enumerate(row.outbox, 1):
            body = canonical.loads(canonical.dumps(dict(notice)))
            kept = self.notices.setdefault(notice_id(notice), Notice(run=run, position=position, body=body))
            kept.position = position

    def records(self, run: str | None) -> Iterator[Record]:
        """Yield every row of every table as SQL would hold it, by run; or those of ``run`` alone."""
        wanted: set[str] = set()
        for name in sorted(self.chains) if run is None else [run]:
            for table, row in self._of_run(name):
                if run is not None and table == "entries":
                    wanted.update(references(canonical.loads(row["body"])))
                yield table, row
        if run is None:
            for scope, stop in sorted(self.stopping.items()):
                yield "stops", {"scope": scope, "by": stop.by, "at": stop.at, "why": stop.why}
            for worker, lease_ms in self.crew.values():
                yield "workers", self._worker_row(worker, lease_ms)
            yield "payload_key", {"mark": key_mark(self._key)}
            for name, members in ((CHAINS, self.chains), (SIGNALS, self.posted)):
                yield "tallies", tally_row(name, members, key=self._key)
        for digest, text in sorted(self.texts.items()):
            if run is None or digest in wanted:
                yield "payloads", {"digest": digest, "text": text}

    def _of_run(self, run: str) -> Iterator[Record]:
        chain = self.chains.get(run, [])
        for entry in chain:
            yield "entries", entry_row(entry)
        if chain:
            head = head_of(chain)
            epoch = self.epochs.get(run, 0)
            yield "heads", {"run": run, "seq": head.seq, "hash": head.hash, "epoch": epoch}
        if run not in self.rows:
            return
        for table, rows in rows_of(run, self.rows[run]).items():
            for row in rows:
                yield table, self._delivery_of(row) if table == "outbox" else row
        said = [(p.signal.kind, p.signal.body) for p in self.posted.values() if p.signal.run == run]
        for row in joined_rows(run, said):
            yield "deliveries", row
        if run in self.claims:
            held = self.claims[run]
            columns = {
                "run": run, "epoch": held.epoch, "worker": held.worker, "released_at": held.released_at,
            }  # fmt: skip
            yield "claims", self._sealed(columns)
        for posted in self.posted.values():
            if posted.signal.run == run:
                yield "signals", self._signal_row(posted)

    def _delivery_of(self, row: dict[str, Any]) -> dict[str, Any]:
        at = self.notices[row["id"]].delivered_at
        return {**row, "delivered_at": at, "seal": seal_of(row["id"], at, key=self._key)}

    def _signal_row(self, posted: Posted) -> dict[str, Any]:
        s = posted.signal
        row: dict[str, Any] = {
            "id": s.id, "run": s.run, "arrival": posted.arrival, "kind": s.kind, "by": s.by, "at": s.at,
            "body": canonical.dumps(s.body), "folded_seq": posted.folded_seq,
        }  # fmt: skip
        return self._sealed(row)

    def _worker_row(self, worker: Worker, lease_ms: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": worker.id, "boot_id": worker.boot_id, "pid_ns": worker.pid_ns, "pid": worker.pid,
            "start_time": worker.start_time, "uid": worker.uid, "lock_file": worker.lock_file,
            "lease_until": worker.lease_until, "lease_ms": lease_ms,
        }  # fmt: skip
        return self._sealed(row)

    def _sealed(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "seal": seal_of(*row.values(), key=self._key)}


def _counts(row: Row, limit: Limit) -> bool:
    if row.runbook != limit.runbook or row.state == "rejected" or not matches(row.target, limit.targets):
        return False
    if limit.kind == "concurrency":
        return row.ended_at is None
    return bool(row.created_at) and instant(row.created_at) >= instant(limit.since)
