"""The desk that golden ledgers are made on: three runbooks, and Python tools that answer at once."""

import json
from pathlib import Path
from typing import Any, Final

import remit.desk
from policies.proof.prover import Depth
from remit.intake.principal import Asker
from remit.proving.spread import AT_ONCE
from remit.settings import Settings, load

# What a cell does is in its name: again-* and twice-* answer one write and two with *not applied*, lost-*
# never says what became of a write and cannot be read any more, full-* refuses to be marked. Cells of other
# names than those in _KINDS are not delegated.
_TOOLS: Final = '''"""Cells in memory: a number, and a mark."""

from collections import Counter

from remit import PermanentError, TransientError, UnknownOutcomeError, tool

NUMBERS, MARKS, ASKED = {}, set(), Counter()


@tool(name="cell.read", effect="read", result={"number": "integer", "marked": "boolean"})
def read(cell: str) -> dict[str, object]:
    """Read a cell."""
    if cell.startswith("lost-") and ASKED[cell]:
        raise TransientError("the cell does not answer")
    return {"number": NUMBERS.get(cell, 0), "marked": cell in MARKS}


@tool(
    name="cell.set", effect="write", result={"number": "integer"}, resource="cell:{cell}",
    dedupe="read_back", repeatable=True, longest_request_s=0.1,
)
def set_number(cell: str, number: int) -> dict[str, int]:
    """Set a cell."""
    ASKED[cell] += 1
    if ASKED[cell] <= {"again": 1, "twice": 2}.get(cell.partition("-")[0], 0):
        raise TransientError("busy")
    if cell.startswith("lost-"):
        raise UnknownOutcomeError("the line went dead")
    NUMBERS[cell] = number
    return {"number": number}


@tool(
    name="cell.mark", effect="write", result={"marked": "boolean"}, resource="cell:{cell}",
    dedupe="read_back", repeatable=True, longest_request_s=0.1,
)
def mark(cell: str) -> dict[str, bool]:
    """Mark a cell."""
    if cell.startswith("full-"):
        raise PermanentError("no room for a mark")
    MARKS.add(cell)
    return {"marked": True}
'''

_QUICK: Final = {"initial": "1ms", "factor": 1, "max": "1ms", "jitter": "none"}
_RETRY: Final = {"budget": 1, "after": ["not_applied"], "backoff": _QUICK}


def _set(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "set",
        "tool": "cell.set",
        "with": {"cell": "{inputs.cell}", "number": "{inputs.number}"},
        "timeout": "1s",
        "probe": {
            "observe": "cell",
            "applied_when": "cell.number == inputs.number",
            "absent_when": "cell.number != inputs.number",
            "tries": {"max": 2, "every": "100ms"},
        },
        "retry": _RETRY,
        "verify": [{"id": "is-set", "expect": "cell.number == inputs.number"}],
        "rollback": {
            "tool": "cell.set",
            "with": {"cell": "{inputs.cell}", "number": 0},
            "timeout": "1s",
            "probe": {
                "observe": "cell",
                "applied_when": "cell.number == 0",
                "absent_when": "cell.number != 0",
            },
            "verify": [{"id": "is-unset", "expect": "cell.number == 0"}],
        },
    }
    return {**made, **changes}


def _mark(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "mark",
        "tool": "cell.mark",
        "with": {"cell": "{inputs.cell}"},
        "timeout": "1s",
        "probe": {"observe": "cell", "applied_when": "cell.marked", "absent_when": "!cell.marked"},
        "verify": [{"id": "is-marked", "expect": "cell.marked"}],
        "rollback": {"possible": False, "why": "A mark stays."},
    }
    return {**made, **changes}


def _book(name: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "schema": "remit/runbook/v1",
        "id": name,
        "version": 1,
        "title": "Set a cell to a number",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {
            "cell": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "number": {"type": "integer", "minimum": 1, "maximum": 1000},
        },
        "observe": {"cell": {"tool": "cell.read", "with": {"cell": "{inputs.cell}"}}},
        "authority": {"tools": sorted({"cell.read", *(step["tool"] for step in steps)})},
        "limits": {"deadline": "10m", "writes": 6, "model": {"calls": 3, "tokens": 20_000}},
        "preconditions": [
            {
                "id": "not-otherwise",
                "expect": "cell.number == 0 || cell.number == inputs.number",
                "otherwise": "escalate",
            }
        ],
        "steps": list(steps),
        "completion": [{"id": "at-number", "expect": "cell.number == inputs.number"}],
        "on_exhausted": "escalate",
        "escalation": {
            "levels": [{"to": "role:oncall", "within": "1h"}],
            "severity": "low",
            "grants": {"retry_once": 1},
        },
    }
    return {**made, **changes}


_BOOKS: Final = (
    _book(
        "set-cell",
        _set(),
        triggers={"chat": ["set {cell} to {number}"]},
        once={"key": ["inputs.cell"], "while": "live"},
    ),
    _book("set-and-mark", _set(), _mark(on_refused="roll_back"), on_exhausted="roll_back"),
    _book("set-and-perhaps-mark", _set(), _mark(optional=True, on_refused="leave")),
    _book(
        "ask-and-set",
        _set(),
        preconditions=[{"id": "unset", "expect": "cell.number == 0", "otherwise": "reject"}],
    ),
)

_KINDS: Final = ("plain", "again", "twice", "lost", "full")
_PEOPLE: Final = {"ann": "operator", "bob": "oncall", "sue": "owner"}


def make(folder: Path) -> Settings:
    """Write the desk into ``folder`` and approve all of it."""
    (folder / "runbooks").mkdir(parents=True)
    (folder / "connectors").mkdir()
    (folder / "golden_cells.py").write_text(_TOOLS)
    (folder / "remit.toml").write_text('model = "rules"\n\n[tools]\nmodules = ["golden_cells"]\n')
    for book in _BOOKS:  # JSON is YAML
        (folder / "runbooks" / f"{book['id']}.yaml").write_text(json.dumps(book))
    delegation = {
        "schema": "remit/delegation/v1",
        "principals": {name: {"roles": [role], "os": [name]} for name, role in _PEOPLE.items()},
        "delegate": [_entry(book["id"]) for book in _BOOKS],
        "approval": {"approvers": ["owner"], "not_author": False},
    }
    (folder / "delegation.yaml").write_text(json.dumps(delegation))
    settings = load(folder)
    desk = remit.desk.Desk.open(settings, environ={})
    try:
        prover = desk.prover(depth=Depth.QUICK, bounds=AT_ONCE)
        done = desk.approve(desk.changes(), asker("sue"), prover=prover, accepted="kept runs of old versions")
        refused = [d for d in done if d.state != "approved"]
        problems = (*desk.proposed.problems, *refused)
        if problems:
            raise RuntimeError("\n".join(map(str, problems)))
    finally:
        desk.close()
    return settings


def asker(name: str) -> Asker:
    """One of the desk's people, by no account of this machine."""
    return Asker(name=name, how="as", os_user=name)


def _entry(book: str) -> dict[str, Any]:
    return {
        "runbook": f"{book}@1",
        "mode": "confirm" if book == "ask-and-set" else "delegated",
        "request": ["operator"],
        "decide": ["oncall"],
        "target": "cells/{inputs.cell}",
        "targets": ["cells/*"],
        "resources": {"cells/*": [f"cell:{kind}-*" for kind in _KINDS]},
        "concurrency": 100,
    }
