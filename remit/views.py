"""What is shown of a run: its record, its packet, its entries; by what it was approved as."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from policies.in_force import InForce
from policies.terms import terms_of
from remit.errors import UsageError
from state.entry import Entry
from state.errors import UnknownRunError
from state.ledger.port import Ledger, Query, RunInfo
from state.ledger.stuck import STUCK
from state.packet import raw_packet
from state.reading import read_run
from state.record import record_of
from state.task import Task
from state.terms import Terms
from tools.scrub import one_line

LEAST_DIGITS: Final = 8
_PAGE: Final = 500
_FULL_ID: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run with its entries, folded once. ``unsound``: why it cannot be, though it may be ended since."""

    task: Task
    entries: Sequence[Entry]
    folded: Sequence[Entry]
    unsound: str = ""


class Views:
    """Reads runs of one desk."""

    def __init__(self, ledger: Ledger, in_force: InForce) -> None:
        """``in_force`` holds every policy that a run can be pinned to."""
        self._ledger, self._in_force = ledger, in_force

    def run_id(self, given: str) -> str:
        """Find the run that is meant: its id, or eight or more characters of its beginning or end."""
        wanted = given.partition("/")[0].upper()
        if len(wanted) == _FULL_ID:
            try:
                return self._ledger.info(wanted).run
            except UnknownRunError:
                raise _unknown(given) from None
        if len(wanted) < LEAST_DIGITS:
            raise UsageError(
                f"{given[:40]!r} is too short for a run's id: at least {LEAST_DIGITS} characters",
                code="unknown_run",
            )
        found = [i.run for i in self.runs(Query()) if i.run.startswith(wanted) or i.run.endswith(wanted)]
        if len(found) > 1:
            raise UsageError(f"{given} fits {len(found)} runs", code="ambiguous_run", hint="give more of it")
        if not found:
            raise _unknown(given)
        return found[0]

    def runs(self, query: Query, *, most: int | None = None) -> list[RunInfo]:
        """Runs newest first, all pages; at ``most`` so many."""
        found: list[RunInfo] = []
        before = query.before
        while most is None or len(found) < most:
            size = _PAGE if most is None else min(_PAGE, most - len(found))
            page = self._ledger.runs(replace(query, before=before, limit=size))
            found += page
            if len(page) < size:
                break
            before = page[-1].run
        return found

    def as_folded(self, infos: Sequence[RunInfo]) -> list[RunInfo]:
        """The same runs, those that cannot be folded in lane *stuck*: others wrote their rows."""
        return [
            replace(info, row=replace(info.row, lane=STUCK))
            if info.row.ended_at is None and self.show(info.run).unsound
            else info
            for info in infos
        ]

    def show(self, run: str) -> Shown:
        """Read and fold a run."""
        read = read_run(self._ledger, run)
        return Shown(task=read.task, entries=read.entries, folded=read.folded, unsound=read.unsound)

    def record(self, shown: Shown) -> dict[str, Any]:
        """Completion record of a run, provisional while it lives."""
        digest = shown.task.request.get("text")
        text = self._ledger.payload(digest) if isinstance(digest, str) else None
        return record_of(shown.task, shown.folded, self.terms(shown.task), text=text)

    def terms(self, task: Task) -> Terms:
        """Terms of the runbook that a run is pinned to; empty ones where there is none to be read."""
        pinned = task.pins.get("bundle")
        if pinned is None or self.unreadable_policy(task):
            return Terms()
        return terms_of(self._in_force.pinned(pinned).runbook)

    def unreadable_policy(self, task: Task) -> str:
        """Why what a run was admitted under cannot be read, so that nobody can carry it; empty: it can."""
        pinned = task.pins.get("bundle")
        if pinned is None:
            return ""
        try:
            self._in_force.pinned(pinned)
        except Exception as error:  # noqa: BLE001 - whatever an approval of another version holds
            return f"its approved policy cannot be read: {one_line(f'{type(error).__name__}: {error}')}"
        return ""

    def packet(self, shown: Shown, escalation: str | None = None) -> dict[str, Any] | None:
        """Packet of an escalation (the newest, if none is named) as it was written; None if there is none."""
        if shown.unsound:
            return raw_packet(shown.entries, run=shown.task.run, at=self._ledger.now(), why=shown.unsound)
        digest = shown.task.closed_body.get("packet") if escalation is None else None
        if digest is None:
            found = [e for e in shown.task.escalations if escalation in (None, e.id)]
            digest = found[-1].packet if found else None
        text = self._ledger.payload(digest) if digest else None
        packet: dict[str, Any] | None = json.loads(text) if text else None
        return packet


def _unknown(given: str) -> UsageError:
    return UsageError(f"no run {given[:40]} in this ledger", code="unknown_run", hint="remit runs list --all")
