"""What a simulated desk can be asked for: runbooks of one to four writes, and the connector they go through.

A shape is a number. It says all of a runbook but its inputs, so that shapes are made once a process.
Step ``k`` writes to the thing ``{inputs.thing}-k``; a runbook brings each from 0 to its goal.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from policies import loader
from policies.connector import Connector
from policies.contract import DedupeKind
from policies.lint.rules import lint
from policies.loader import Loaded
from policies.runbook import Runbook

ADDRESS: Final = "http://things.sim:80"
SHAPES: Final = 240
KINDS: Final = ("native_key", "natural_key", "conditional_write", "read_back", "none", "set")
HORIZONS: Final = ((300, 0, "24h"), (3_000, 0, "2m"), (3_000, 2_000, "24h"), (20_000, 5_000, "24h"))
"""Longest request and read lag in milliseconds, and for how long a key is honoured."""

_VERBS: Final = {"natural_key": "create", "set": "set"}
_THING: Final = {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 1000}
_RESULT: Final = {"id": "string", "value": "integer", "version": "integer", "etag": "string"}
_ODD: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShape:
    """One write of a runbook, as far as whoever plays its world needs it."""

    id: str
    kind: str
    suffix: str
    undone: bool
    checked: bool
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One runbook that can be asked for. ``longest_ms`` and ``lag_ms``: what its contracts promise."""

    number: int
    steps: tuple[StepShape, ...]
    mode: str
    longest_ms: int
    lag_ms: int
    window_ms: int
    book: Loaded[Runbook]
    connector: Loaded[Connector]

    @property
    def ref(self) -> str:
        """``id@version``."""
        return f"{self.book.value.id}@{self.book.value.version}"


@cache
def shape(number: int) -> Shape:
    """Shape ``number``, from 0 to ``SHAPES`` - 1; every one of them passes lint."""
    rng = Random(f"shape {number}")
    longest_ms, lag_ms, window = rng.choice(HORIZONS)
    connector = loader.parse_connector(
        json.dumps(_connector(longest_ms, lag_ms, window)).encode(), {}, Path("things.yaml")
    )
    while True:
        document, steps = _book(number, rng)
        book = loader.parse_runbook(json.dumps(document).encode())
        if all(p.warning for p in lint(book.value, connector.value.contracts())):
            break
    return Shape(
        number=number, steps=steps, mode="confirm" if rng.random() < 0.15 else "delegated",  # noqa: PLR2004
        longest_ms=longest_ms, lag_ms=lag_ms, window_ms=120_000 if window == "2m" else 86_400_000, book=book,
        connector=connector,
    )  # fmt: skip


def delegation(one: Shape, **changes: Any) -> dict[str, Any]:
    """The entry that hands a runbook over; ``changes`` replace parts of it."""
    entry = {
        "runbook": one.ref,
        "mode": one.mode,
        "request": ["operator"],
        "decide": ["oncall"],
        "target": "things/{inputs.thing}",
        "targets": ["things/*"],
        "resources": {"things/*": ["thing/*"]},
        "concurrency": 10,
        "confirm_within": "2m" if one.number % 2 else "10m",
    }
    return {**entry, **changes}


# --- runbooks


def _book(number: int, rng: Random) -> tuple[dict[str, Any], tuple[StepShape, ...]]:
    made = [_step(n, rng) for n in range(1, rng.choice((1, 1, 2, 2, 3, 4)) + 1)]
    steps, shapes = [document for document, _ in made], tuple(told for _, told in made)
    if all(told.optional for told in shapes):
        return _book(number, rng)
    tools = {s["tool"] for s in steps} | {s["rollback"]["tool"] for s in steps if "tool" in s["rollback"]}
    observe = {
        f"seen{told.suffix}": {"tool": "things.get", "with": {"thing": f"{{inputs.thing}}-{told.suffix}"}}
        for told in shapes
    }
    completion = [
        {
            "id": f"at-goal-{told.suffix}",
            "expect": f"seen{told.suffix}.value == inputs.goal",
            **({"of_step": told.id} if told.optional else {}),
            **_patience(rng),
        }
        for told in shapes
    ]
    all_undone = all(told.undone for told in shapes)
    document: dict[str, Any] = {
        "schema": "remit/runbook/v1",
        "id": f"book-{number}",
        "version": 1,
        "title": "Bring things to a number",
        "owner": "role:owner",
        "triggers": {},
        "inputs": {"thing": _THING, "goal": {**_NUMBER, "minimum": 1}},
        "observe": observe,
        "authority": {"tools": sorted({"things.get", *tools})},
        "limits": {
            "deadline": rng.choice(("30s", "1m", "5m", "10m", "30m")),
            "writes": sum(1 + s["retry"]["budget"] for s in steps),
            "model": {"calls": rng.choice((0, 2, 4)), "tokens": 20_000, "rereads": 2},
        },
        "preconditions": _preconditions(rng, shapes),
        "steps": steps,
        "completion": completion,
        "on_exhausted": "roll_back" if all_undone and rng.random() < _ODD else "escalate",
        "when_held": rng.choice(("wait", "wait", "refuse")),
        "escalation": {
            "levels": [{"to": "role:oncall", "within": "5m"}, {"to": "role:owner", "within": "30m"}],
            "severity": "low",
            "grants": {"retry_once": rng.choice((0, 1, 2))},
        },
    }
    if rng.random() < 0.2:  # noqa: PLR2004
        document["limits"]["attempts_on_resource"] = {"max": rng.choice((1, 2)), "per": "1h"}
    if rng.random() < 0.3:  # noqa: PLR2004
        document["once"] = {"key": ["inputs.thing"], "while": "live"}
    return document, shapes


def _preconditions(rng: Random, shapes: tuple[StepShape, ...]) -> list[dict[str, Any]]:
    """That nobody has been there; what only adds needs it, what sets a state may do without."""
    wanted = [told for told in shapes if told.kind != "set" or rng.random() < _ODD]
    otherwise = rng.choice(("reject", "escalate", "escalate"))
    strict = len(shapes) == 1 or rng.random() < 0.15  # noqa: PLR2004 - what is done is not untouched
    tries = {"max": rng.choice((1, 2)), "every": "1s"}
    return [
        {
            "id": f"untouched-{told.suffix}",
            "expect": f"seen{told.suffix}.value == 0"
            + ("" if strict else f" || seen{told.suffix}.value == inputs.goal"),
            "otherwise": otherwise,
            "tries": tries,
        }
        for told in wanted
    ]


def _step(number: int, rng: Random) -> tuple[dict[str, Any], StepShape]:
    kind, suffix, name = rng.choice(KINDS), str(number), f"s{number}"
    thing, seen = f"{{inputs.thing}}-{suffix}", f"seen{suffix}"
    given = {"thing": thing, "number": "{inputs.goal}"}
    if kind == "conditional_write":
        given["etag"] = f"{{attempt.{seen}.etag}}"
    undone = rng.random() < 0.6  # noqa: PLR2004
    after = ["not_applied", "unverified"] if kind == "set" and rng.random() < _ODD else ["not_applied"]
    checked = not (kind in ("none", "native_key") and rng.random() < 0.2)  # noqa: PLR2004
    optional = rng.random() < 0.15  # noqa: PLR2004
    document: dict[str, Any] = {
        "id": name,
        "tool": f"things.{kind}" if kind == "set" else f"things.add_{kind}",
        "with": given,
        "timeout": "5s",
        "retry": {"budget": rng.choice((0, 1, 2)), "after": after, "backoff": _backoff(rng)},
        "verify": [{"id": f"{name}-done", "expect": f"{seen}.value == inputs.goal", **_patience(rng)}]
        if checked
        else {"none": "The answer is all there is."},
        "rollback": _undo(rng, name, thing, seen)
        if undone
        else {"possible": False, "why": "A sum is not taken back."},
    }
    if kind != "none":
        document["probe"] = _probe(rng, seen, "inputs.goal", adds=kind != "set")
    if optional:
        document |= {"optional": True, "on_refused": "leave"}
    elif undone and rng.random() < 0.3:  # noqa: PLR2004
        document["on_refused"] = "roll_back"
    if rng.random() < 0.2:  # noqa: PLR2004
        document["conflict_if"] = f"{seen}.value > 900"
    told = StepShape(id=name, kind=kind, suffix=suffix, undone=undone, checked=checked, optional=optional)
    return document, told


def _undo(rng: Random, name: str, thing: str, seen: str) -> dict[str, Any]:
    return {
        "tool": "things.set",
        "with": {"thing": thing, "number": 0},
        "timeout": "5s",
        "probe": _probe(rng, seen, "0", adds=False),
        "retry": {"budget": 1, "after": ["not_applied"], "backoff": _backoff(rng)},
        "verify": [{"id": f"{name}-undone", "expect": f"{seen}.value == 0", **_patience(rng)}],
    }


def _probe(rng: Random, seen: str, goal: str, *, adds: bool) -> dict[str, Any]:
    """Whether a write was applied. The version says whose change it was, as far as a version can."""
    before, now = f"attempt.{seen}", seen
    wanted = f"{before}.value + {goal}" if adds else goal
    return {
        "observe": seen,
        "applied_when": f"{now}.value == {wanted} && {now}.version == {before}.version + 1",
        "absent_when": f"{now}.value == {before}.value && {now}.version == {before}.version",
        "tries": {"max": rng.choice((1, 2, 3)), "every": "1s"},
    }


def _backoff(rng: Random) -> dict[str, Any]:
    return {
        "initial": rng.choice(("100ms", "1s", "5s")),
        "factor": 2,
        "max": "10s",
        "jitter": rng.choice(("full", "none")),
    }


def _patience(rng: Random) -> dict[str, Any]:
    return rng.choice(({}, {}, {"within": "4s", "every": "1s"}, {"within": "5s", "hold": "2s"}))


# --- the connector


def _connector(longest_ms: int, lag_ms: int, window: str) -> dict[str, Any]:
    def write(kind: str) -> dict[str, Any]:
        room = "read_back" if kind == "set" else kind
        arguments, request = {"thing": _THING, "number": _NUMBER}, dict[str, Any]()
        if kind == "conditional_write":
            arguments["etag"] = {"type": "string", "pattern": "^v[0-9]+$"}
            request["headers"] = {"If-Match": "{etag}"}
        return {
            "name": f"things.{kind}" if kind == "set" else f"things.add_{kind}",
            "effect": "write",
            "resource": "thing/{thing}",
            "arguments": arguments,
            "request": {
                "method": "POST",
                "path": f"/{room}/{{thing}}/{_VERBS.get(kind, 'add')}",
                "json": {"number": "{number}"},
                **request,
            },
            "timeout": "5s",
            "dedupe": _dedupe(kind, window),
            "repeatable": kind == "set",
            "longest_request": f"{longest_ms}ms",
            "read_lag": f"{lag_ms}ms",
            "answers": {"succeeded": [200], "refused": [400, 422], "not_applied": [429, 503]},
            "result": _RESULT,
        }

    read = {
        "name": "things.get",
        "effect": "read",
        "arguments": {"thing": _THING},
        "request": {"method": "GET", "path": "/things/{thing}"},
        "timeout": "5s",
        "answers": {"succeeded": [200]},
        "result": {**_RESULT, "exists": "boolean"},
    }
    return {
        "schema": "remit/connector/v1",
        "connector": "things",
        "kind": "http",
        "base_url": ADDRESS,
        "credentials": {
            "executor": {"header": "Authorization", "secret": "things_write"},
            "verifier": {"header": "Authorization", "secret": "things_read"},
        },
        "tools": [read, *map(write, KINDS)],
    }


def _dedupe(kind: str, window: str) -> Mapping[str, Any]:
    keyed = {"kind": kind, "header": "Idempotency-Key", "window": window, "on_mismatch": "error"}
    named = {
        "native_key": keyed,
        "natural_key": {"kind": kind, "name": "thing"},
        "conditional_write": {"kind": kind, "condition": "etag"},
        "set": {"kind": DedupeKind.READ_BACK.value},
    }
    return named.get(kind, {"kind": kind})
