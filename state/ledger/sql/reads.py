"""How the ledger is read: each question in a transaction of its own, on a connection that never waits."""

from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.engine import Connection

from state import canonical
from state.entry import Entry, Head
from state.errors import UnknownRunError
from state.ledger.derived import entry_from, row_from
from state.ledger.port import Query, RunInfo, Signal
from state.ledger.sql.schema import (
    attempts,
    claims,
    entries,
    heads,
    holds,
    outbox,
    runs,
    signals,
    touches,
    workers,
)

MOST_RUNS = 1_000

_INFO = (
    select(heads.c.seq, heads.c.hash, heads.c.epoch, claims.c.worker, claims.c.released_at, *runs.columns)
    .select_from(runs)
    .join(heads, heads.c.run == runs.c.run)
    .outerjoin(claims, claims.c.run == runs.c.run)
)


def _info(found: Any, **more: Any) -> RunInfo:
    seq, hashed, epoch, worker, released_at, *columns = found
    values = dict(zip(runs.columns.keys(), columns, strict=True))
    return RunInfo(
        run=values["run"],
        head=Head(seq=seq, hash=hashed),
        epoch=epoch,
        worker=worker if released_at is None else None,
        row=row_from(values, **more),
        released=released_at is not None,
    )


def chain(connection: Connection, run: str, after: int) -> list[Entry]:
    """Read the entries of ``run`` behind seq ``after``."""
    query = (
        select(*entries.columns).where(entries.c.run == run, entries.c.seq > after).order_by(entries.c.seq)
    )
    return [entry_from(found) for found in connection.execute(query)]


def info(connection: Connection, run: str) -> RunInfo:
    """Read one run, its attempts and outbox with it; UnknownRunError."""
    found = connection.execute(_INFO.where(runs.c.run == run)).one_or_none()
    if found is None:
        raise UnknownRunError(f"no run {run}")
    a = attempts.c
    sent = connection.execute(
        select(a.resource, a.op, a.attempt, a.at).where(a.run == run).order_by(a.position)
    )
    notices = connection.execute(
        select(outbox.c.notice).where(outbox.c.run == run).order_by(outbox.c.position)
    ).scalars()
    return _info(found, attempts=(tuple(row) for row in sent), outbox=(canonical.loads(n) for n in notices))


def listing(query: Query) -> Select[Any]:
    """Compose the list of runs that ``query`` asks for."""
    asked = _INFO.order_by(runs.c.run.desc()).limit(max(0, min(query.limit, MOST_RUNS)))
    for name in ("runbook", "target", "requester", "state"):
        wanted = getattr(query, name)
        if wanted is not None:
            asked = asked.where(runs.c[name] == wanted)
    if query.live is not None:
        asked = asked.where(runs.c.ended_at.is_(None) if query.live else runs.c.ended_at.is_not(None))
    if query.lanes:
        asked = asked.where(runs.c.lane.in_(query.lanes))
    if query.resource is not None:
        about = select(touches.c.run).where(touches.c.resource == query.resource)
        asked = asked.where(runs.c.run.in_(about))
    if query.before is not None:
        asked = asked.where(runs.c.run < query.before)
    return asked


def listed(connection: Connection, query: Select[Any]) -> list[RunInfo]:
    """Run a list of runs."""
    return [_info(found) for found in connection.execute(query)]


_FREE = or_(claims.c.run.is_(None), claims.c.released_at.is_not(None))  # where claims are joined to runs
_LIVE = runs.c.ended_at.is_(None)


def claimable(connection: Connection, now: str, limit: int) -> list[RunInfo]:
    """List what may be claimed at ``now``: three indexed questions, merged, oldest due first."""
    due = runs.c.due_at.is_not(None) & (runs.c.due_at <= now)
    waits = select(signals.c.run).where(signals.c.folded_seq.is_(None))
    lost = (
        select(claims.c.run)
        .outerjoin(workers, workers.c.id == claims.c.worker)
        .where(claims.c.released_at.is_(None), or_(workers.c.id.is_(None), workers.c.lease_until <= now))
    )
    limit = max(0, limit)
    questions = (
        _INFO.where(_FREE, due).order_by(runs.c.due_at).limit(limit),
        _INFO.where(_FREE, _LIVE, runs.c.run.in_(waits)).order_by(runs.c.run).limit(limit),
        _INFO.where(runs.c.run.in_(lost), or_(_LIVE, due)).order_by(runs.c.run).limit(limit),
    )
    found = {info.run: info for question in questions for info in listed(connection, question)}
    oldest = sorted(found.values(), key=lambda info: (min(info.row.due_at or now, now), info.run))
    return oldest[:limit]


def next_due(connection: Connection) -> str | None:
    """Find when the next run that nobody holds is due."""
    query = select(runs.c.due_at).outerjoin(claims, claims.c.run == runs.c.run)
    due = query.where(_FREE, runs.c.due_at.is_not(None)).order_by(runs.c.due_at).limit(1)
    return connection.execute(due).scalar()


def escalated_on(resource: str) -> Select[str]:
    """Compose the live runs with an open escalation that hold ``resource``."""
    return (
        select(runs.c.run)
        .join(holds, and_(holds.c.run == runs.c.run, holds.c.resource == resource))
        .where(_LIVE, runs.c.escalation.is_not(None))
        .order_by(runs.c.run)
    )


def waiting(connection: Connection, run: str) -> list[Signal]:
    """Read the signals of ``run`` not yet folded, in order of arrival."""
    s = signals.c
    query = select(s.id, s.run, s.kind, s.by, s.at, s.body).where(s.run == run, s.folded_seq.is_(None))
    return [
        Signal(id=f.id, run=f.run, kind=f.kind, by=f.by, at=f.at, body=canonical.loads(f.body))
        for f in connection.execute(query.order_by(s.arrival))
    ]


def undelivered(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Read the notices not yet delivered."""
    query = (
        select(outbox.c.run, outbox.c.notice)
        .where(outbox.c.delivered_at.is_(None))
        .order_by(outbox.c.run, outbox.c.position)
        .limit(max(0, limit))
    )
    return [{**canonical.loads(f.notice), "run": f.run} for f in connection.execute(query)]
