"""The runbook, the connector and the desk that the hand-made run of ``invariant_kit`` was approved on."""

import json
from pathlib import Path
from typing import Final

from evals.simulation.books import Shape
from evals.simulation.desk import PEOPLE, approved, candidates, opening
from evals.storm.desk import CONNECTOR, Terms, write_tool
from policies import loader
from policies.connector import Connector
from policies.loader import Loaded
from policies.runbook import Runbook
from state.entry import Entry
from state.ledger.memory import MemoryLedger
from state.projection import project

AT: Final = "2026-11-23T22:00:00.000000Z"
URL: Final = "http://things.sim:80"
TERMS: Final = Terms(patience_ms=1_500, longest_ms=3_500, budget=2)


def connector() -> Loaded[Connector]:
    """Of one tool that writes."""
    text = (CONNECTOR + write_tool("read_back", TERMS)).replace("longest_request: 3500ms", LAG)
    return loader.parse_connector(text.encode(), {"THINGS_URL": URL}, Path("things.yaml"))


LAG: Final = "longest_request: 3500ms\n    read_lag: 500ms"


def book() -> Loaded[Runbook]:
    """Add once, by a tool that can be read back."""
    retry = {
        "budget": TERMS.budget,
        "after": ["not_applied"],
        "backoff": {"initial": "100ms", "factor": 2, "max": "400ms", "jitter": "full"},
    }
    probe = {
        "observe": "seen",
        "applied_when": "seen.value == attempt.seen.value + inputs.goal",
        "absent_when": "seen.value == attempt.seen.value && seen.version == attempt.seen.version",
        "tries": {"max": 3, "every": "300ms"},
    }
    step = {
        "id": "add",
        "tool": "things.add_read_back",
        "with": {"thing": "{inputs.thing}", "number": "{inputs.goal}"},
        "timeout": "1500ms",
        "retry": retry,
        "verify": [{"id": "added", "expect": "seen.value == inputs.goal", "within": "1s", "every": "200ms"}],
        "probe": probe,
        "rollback": {"possible": False, "why": "A sum is not taken back without a word."},
    }
    made = {
        "schema": "remit/runbook/v1",
        "id": "hunt-read-back",
        "version": 1,
        "title": "Bring a thing to a number",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {
            "thing": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "goal": {"type": "integer", "minimum": 1, "maximum": 1000},
        },
        "observe": {"seen": {"tool": "things.get", "with": {"thing": "{inputs.thing}"}}},
        "authority": {"tools": ["things.get", "things.add_read_back"]},
        "limits": {
            "deadline": "10m",
            "writes": 3,
            "model": {"calls": 3, "tokens": 20_000},
            "attempts_on_resource": {"max": 6, "per": "1h"},
        },
        "preconditions": [{"id": "untouched", "expect": "seen.value == 0", "otherwise": "escalate"}],
        "steps": [step],
        "completion": [{"id": "at-goal", "expect": "seen.value == inputs.goal"}],
        "on_exhausted": "escalate",
        "escalation": {
            "levels": [{"to": "role:oncall", "within": "1h"}],
            "severity": "low",
            "grants": {"retry_once": 1},
        },
    }
    return loader.parse_runbook(json.dumps(made).encode(), Path("runbook.yaml"))


def desk(mode: str) -> tuple[Entry, ...]:
    """Chain ``desk`` that has approved it, in that mode."""
    one = Shape(
        number=-1, steps=(), mode=mode, longest_ms=3_500, lag_ms=500, window_ms=86_400_000, book=book(),
        connector=connector(),
    )  # fmt: skip
    made = candidates(one, PEOPLE["base"], {})
    ledger = MemoryLedger(clock=lambda: AT, code="test", project=project, payload_key=b"hand-made" * 4)
    drafts = [*opening(()), *approved(made[one.ref], one.ref, None)]
    return tuple(ledger.append_desk(drafts, at=AT, code="test"))
