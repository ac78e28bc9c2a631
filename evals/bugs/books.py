"""The runbooks and the connector of the worlds in which bugs are hunted."""

import json
from pathlib import Path
from typing import Any, Final

from evals.storm.desk import CONNECTOR, Terms, set_tool, write_tool
from policies import loader
from policies.connector import Connector
from policies.loader import Loaded
from policies.runbook import Runbook

URL: Final = "http://things.sim:80"
KEY_WINDOW_MS: Final = 180_000
TERMS: Final = Terms(patience_ms=1_500, longest_ms=3_500, budget=2)
GOAL: Final = 5
KINDS: Final = ("native_key", "natural_key", "conditional_write", "read_back", "none")
BOTH: Final = "set-and-add"


def connector() -> Connector:
    """The one connector: a tool a dedupe kind, and one that sets."""
    text = CONNECTOR + "".join(write_tool(kind, TERMS) for kind in KINDS) + set_tool(TERMS)
    text = text.replace("window: 24h", "window: 3m").replace("longest_request: 3500ms", LAG)
    return loader.parse_connector(text.encode(), {"THINGS_URL": URL}, Path("things.yaml")).value


LAG: Final = "longest_request: 3500ms\n    read_lag: 500ms"
_RETRY: Final = {
    "budget": TERMS.budget,
    "after": ["not_applied"],
    "backoff": {"initial": "100ms", "factor": 2, "max": "400ms", "jitter": "full"},
}


_WRITES: Final = {BOTH: 6, "native_key": 2}  # of one kind less than its tries, so that the limit is met


def _observed(suffix: str, changed: str) -> dict[str, Any]:
    seen = f"seen{suffix}"
    return {
        "observe": seen,
        "applied_when": f"{seen}.value == {changed}",
        "absent_when": f"{seen}.value == attempt.{seen}.value && {seen}.version == attempt.{seen}.version",
        "tries": {"max": 3, "every": "300ms"},
    }


def _check(name: str, expect: str) -> dict[str, Any]:
    return {"id": name, "expect": expect, "within": "1s", "every": "200ms"}


def _add(kind: str, thing: str, suffix: str = "") -> dict[str, Any]:
    seen = f"seen{suffix}"
    made: dict[str, Any] = {
        "id": "add",
        "tool": f"things.add_{kind}",
        "with": {"thing": thing, "number": "{inputs.goal}"},
        "timeout": "1500ms",
        "retry": _RETRY,
        "verify": [_check("added", f"{seen}.value == inputs.goal")],
        "rollback": {"possible": False, "why": "A sum is not taken back without a word."},
    }
    if kind == "conditional_write":
        made["with"]["etag"] = f"{{attempt.{seen}.etag}}"
    if kind != "none":
        made["probe"] = _observed(suffix, f"attempt.{seen}.value + inputs.goal")
    return made


def _set() -> dict[str, Any]:
    undo = {
        "tool": "things.set",
        "with": {"thing": "{inputs.thing}", "number": 0},
        "timeout": "1500ms",
        "probe": _observed("", "0"),
        "verify": [_check("unset", "seen.value == 0")],
    }
    again = {**_RETRY, "after": ["not_applied", "unverified"]}
    return {
        "id": "set", "tool": "things.set", "with": {"thing": "{inputs.thing}", "number": 7},
        "timeout": "1500ms", "probe": _observed("", "7"), "retry": again,
        "verify": [_check("is-set", "seen.value == 7")], "rollback": undo,
    }  # fmt: skip


def book(kind: str) -> Loaded[Runbook]:
    """Add once by a tool of a kind; ``set-and-add``: set, add elsewhere, set back where that is refused."""
    both = kind == BOTH
    steps = [_set(), _add("read_back", "{inputs.thing}-x", "_x")] if both else [_add(kind, "{inputs.thing}")]
    if both:
        steps[1]["on_refused"] = "roll_back"
    observe = {"seen": {"tool": "things.get", "with": {"thing": "{inputs.thing}"}}}
    if both:
        observe["seen_x"] = {"tool": "things.get", "with": {"thing": "{inputs.thing}-x"}}
    goal = "seen.value == 7 && seen_x.value == inputs.goal" if both else "seen.value == inputs.goal"
    made = {
        "schema": "remit/runbook/v1",
        "id": f"hunt-{kind.replace('_', '-')}",
        "version": 1,
        "title": "Bring a thing to a number",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {
            "thing": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "goal": {"type": "integer", "minimum": 1, "maximum": 1000},
        },
        "observe": observe,
        "authority": {"tools": ["things.get", *sorted({s["tool"] for s in steps})]},
        "limits": {
            "deadline": "10m", "writes": _WRITES.get(kind, 3), "model": {"calls": 3, "tokens": 20_000},
            "attempts_on_resource": {"max": 6, "per": "1h"},
        },
        "preconditions": [{"id": "untouched", "expect": "seen.value == 0", "otherwise": "escalate"}]
        if not both
        else [{"id": "readable", "expect": "seen.version >= 1", "otherwise": "escalate"}],
        "steps": steps,
        "completion": [{"id": "at-goal", "expect": goal}],
        "on_exhausted": "roll_back" if both else "escalate",
        "escalation": {
            "levels": [{"to": "role:oncall", "within": "1h"}],
            "severity": "low",
            "grants": {"retry_once": 1},
        },
    }  # fmt: skip
    return loader.parse_runbook(json.dumps(made).encode(), Path("runbook.yaml"))
