"""What the ledger itself writes into chain ``desk``: stops, starts, erasures, raw ends, and what follows."""

from collections.abc import Iterable, Mapping
from typing import Any

from state.entry import Draft, Head, Kind, Role
from state.ledger.port import Stop
from state.task import EMPTY


def stopped(stop: Stop, *, who: Mapping[str, str] = EMPTY) -> Draft:
    """Say that the switch was set for a scope; ``who``: how its setter came to be known."""
    body = {"scope": stop.scope, "by": stop.by, "at": stop.at, "why": stop.why, **_known(who)}
    return Draft(kind=Kind.STOPPED, role=Role.HUMAN, actor=stop.by, body=body)


def started(scope: str, *, by: str, at: str, who: Mapping[str, str] = EMPTY) -> Draft:
    """Say that a stop was lifted."""
    body = {"scope": scope, "by": by, "at": at, **_known(who)}
    return Draft(kind=Kind.STARTED, role=Role.HUMAN, actor=by, body=body)


def erased(digest: str, *, by: str, at: str, why: str) -> Draft:
    """Say that the text behind a digest was erased."""
    body = {"payload": digest, "by": by, "at": at, "why": why}
    return Draft(kind=Kind.ERASED, role=Role.HUMAN, actor=by, body=body)


def closed_raw(
    *, run: str, by: str, at: str, why: str, unsound: str, head: Head, who: Mapping[str, str] = EMPTY
) -> Draft:
    """Say that a human ended a run that nobody can carry (``unsound``: why), and where its chain ends."""
    body = {
        "run": run, "by": by, "at": at, "why": why, "unsound": unsound, "head": head.seq, "hash": head.hash,
        **_known(who),
    }  # fmt: skip
    return Draft(kind=Kind.CLOSED_RAW, role=Role.HUMAN, actor=by, body=body)


def closings_of(entries: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """List the runs that were ended raw behind the (kind, body) of chain ``desk``: run to body."""
    return {body["run"]: body for kind, body in entries if kind == Kind.CLOSED_RAW}


def stops_of(entries: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Stop]:
    """List the stops in force behind the (kind, body) of chain ``desk``, by scope."""
    found: dict[str, Stop] = {}
    for kind, body in entries:
        if kind == Kind.STOPPED:
            stop = Stop(scope=body["scope"], by=body["by"], at=body["at"], why=body["why"])
            found[stop.scope] = stop
        elif kind == Kind.STARTED:
            found.pop(body["scope"], None)
    return found


def _known(who: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Who a name stands for; left out where nobody said, as in entries from before it was kept."""
    return {"who": dict(who)} if who else {}
