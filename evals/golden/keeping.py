"""A golden folder: the ledger's export, and beside it what that version of the program read out of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policies.in_force import InForce, apply_desk
from policies.terms import terms_of
from remit.desk import payload_key, program
from state.entry import DESK, FOLD_VERSION, Entry
from state.fold import fold
from state.ledger.columns import COLUMNS
from state.ledger.derived import entry_from
from state.ledger.export import export
from state.record import record_of
from state.task import Task
from state.terms import Terms

if TYPE_CHECKING:
    from evals.golden.house import House

EXPORT: Final = "ledger.jsonl"
READ: Final = "read.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A golden folder as it is read by the present program. ``kept``: what the former one read."""

    entries: Mapping[str, list[Entry]]
    payloads: Mapping[str, str]
    kept: Mapping[str, Any]

    def task(self, run: str) -> Task:
        """A run, folded."""
        return fold(self.entries[run], run)

    def record(self, run: str) -> dict[str, Any]:
        """The record of a run, by the terms that its desk chain holds."""
        task = self.task(run)
        text = self.payloads.get(task.request.get("text") or "")
        return record_of(task, self.entries[run], self._terms(task), text=text)

    def packets(self, run: str) -> list[tuple[str, int]]:
        """The digest of every packet of a run, and the seq of the entry that names it."""
        task = self.task(run)
        found = [(e.packet, e.seq) for e in task.escalations]
        closing = task.closed_body.get("packet")
        return [*found, (closing, task.head.seq)] if closing else found

    def _terms(self, task: Task) -> Terms:
        view = InForce()
        for entry in self.entries[DESK]:
            view = apply_desk(view, entry)
        pinned = task.pins.get("bundle")
        return terms_of(view.pinned(pinned).runbook) if pinned else Terms()


def read(folder: Path) -> Golden:
    """Read a golden folder; OSError, and what broken lines raise."""
    entries: dict[str, list[Entry]] = {}
    payloads: dict[str, str] = {}
    for line in (folder / EXPORT).read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        row = found.get("row", {})
        if found.get("table") == "entries":
            entries.setdefault(row["run"], []).append(entry_from(row[name] for name in COLUMNS["entries"]))
        elif found.get("table") == "payloads":
            payloads[row["digest"]] = row["text"]
    kept = json.loads((folder / READ).read_text(encoding="utf-8"))
    return Golden(entries=entries, payloads=payloads, kept=kept)


def refusal(folder: Path) -> str:
    """Why ``folder`` may not be made; empty where it may."""
    if folder.name != f"fold-{FOLD_VERSION}":
        return f"this program writes fold-{FOLD_VERSION}, not {folder.name}"
    if folder.exists():
        return f"{folder} is there already, and golden ledgers are never made anew"
    if not folder.parent.is_dir():
        return f"there is no folder {folder.parent}"
    return ""


def keep(house: "House", folder: Path) -> int:
    """Write the folder, whole or not at all: the export, and the records as the house shows them.

    How many rows the export has; AssertionError where the export reads otherwise than the ledger.
    """
    part = folder.with_name(folder.name + ".part")
    part.mkdir()
    views = house.views()
    runs = {
        run: {"shows": shows, "record": views.record(views.show(run))} for shows, run in house.runs.items()
    }
    rows = export(house.app.ledger, part / EXPORT)
    kept = {
        "fold_version": FOLD_VERSION,
        "program": program(),
        "payload_key": payload_key(house.app.settings).hex(),
        "runs": runs,
    }
    text = json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=True)
    (part / READ).write_text(text + "\n", encoding="utf-8")
    (part / EXPORT).chmod(0o644)
    made = read(part)
    for run in runs:
        assert made.record(run) == json.loads(json.dumps(runs[run]["record"])), run
    part.rename(folder)
    return rows
