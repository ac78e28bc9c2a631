"""The desk of the storm: one runbook a dedupe kind, and one connector to the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.storm.cases import BUDGET, GOAL, KINDS, LONGEST_MS, PATIENCE_MS
from evals.storm.processes import remit
from remit.intake.principal import os_user

WRITE_TOKEN: Final = "storm-writes"  # noqa: S105 - the test target's own
READ_TOKEN: Final = "storm-reads"  # noqa: S105
STOPPED: Final = 7
ATTEMPTS_ON_THING: Final = BUDGET + 2  # over all runs: one more than a single run may make
VERBS: Final = {"natural_key": "create"}
DEDUPE: Final = {
    "native_key": "{kind: native_key, header: Idempotency-Key, window: 24h, on_mismatch: error}",
    "natural_key": "{kind: natural_key, name: thing}",
    "conditional_write": "{kind: conditional_write, condition: etag}",
    "read_back": "{kind: read_back}",
    "none": "{kind: none}",
}

# A desk that is made anew for each test or storm is not proved each time.
AT_ONCE: Final = ("--quick", "--seconds", "0", "--accept-not-exhausted", "a desk of a test")

CONNECTOR: Final = """\
schema: remit/connector/v1
connector: things
kind: http
base_url: "${THINGS_URL}"
credentials:
  executor: {header: Authorization, secret: things_write}
  verifier: {header: Authorization, secret: things_read}
tools:
  - name: things.get
    effect: read
    arguments: {thing: {type: string, pattern: "^[a-z0-9-]{1,64}$"}}
    request: {method: GET, path: "/things/{thing}"}
    timeout: 5s
    answers: {succeeded: [200]}
    result: {id: string, exists: boolean, value: integer, version: integer, etag: string}
"""

WRITE_TOOL: Final = """\
  - name: things.add_%(kind)s
    effect: write
    resource: "thing/{thing}"
    arguments:
      thing: {type: string, pattern: "^[a-z0-9-]{1,64}$"}
      number: {type: integer, minimum: 1, maximum: 1000}
      %(etag_argument)s
    request: {method: POST, path: "/%(kind)s/{thing}/%(verb)s", json: {number: "{number}"}%(etag_header)s}
    timeout: %(patience)dms
    dedupe: %(dedupe)s
    longest_request: %(longest)dms
    answers: {succeeded: [200], refused: [400, 422], not_applied: [429, 503]}
    result: {id: string, value: integer, version: integer, etag: string}
"""

RUNBOOK: Final = """\
schema: remit/runbook/v1
id: %(id)s
version: 1
title: Add a number to a thing, once
owner: role:owner
triggers: {chat: ["%(id)s {thing} to {goal}"]}
inputs:
  thing: {type: string, pattern: "^[a-z0-9-]{1,64}$"}
  goal: {type: integer, minimum: 1, maximum: 1000}
observe:
  seen: {tool: things.get, with: {thing: "{inputs.thing}"}}
authority: {tools: [things.get, things.add_%(kind)s]}
limits: {deadline: 10m, writes: %(writes)d, attempts_on_resource: {max: %(attempts)d, per: 1h}}
preconditions:
  - {id: untouched, expect: seen.value == 0, otherwise: escalate}
steps:
  - id: add
    tool: things.add_%(kind)s
    with: {thing: "{inputs.thing}", number: "{inputs.goal}"%(etag)s}
    timeout: %(patience)dms%(probe)s
    retry:
      budget: %(budget)d
      after: [not_applied]
      backoff: {initial: 100ms, factor: 2, max: 400ms, jitter: full}
    verify: [{id: added, expect: seen.value == inputs.goal, within: 1s, every: 200ms}]
    rollback: {possible: false, why: A sum is not taken back without a word.}
completion:
  - {id: at-goal, expect: seen.value == inputs.goal}
on_exhausted: escalate
escalation:
  levels: [{to: role:oncall, within: 1h}]
  severity: low
  grants: {retry_once: 1}
"""

SET_TOOL: Final = """\
  - name: things.set
    effect: write
    resource: "thing/{thing}"
    repeatable: true
    arguments:
      thing: {type: string, pattern: "^[a-z0-9-]{1,64}$"}
      number: {type: integer, minimum: 0, maximum: 1000}
    request: {method: POST, path: "/read_back/{thing}/set", json: {number: "{number}"}}
    timeout: %(patience)dms
    dedupe: {kind: read_back}
    longest_request: %(longest)dms
    answers: {succeeded: [200], refused: [400, 422], not_applied: [429, 503]}
    result: {id: string, value: integer, version: integer, etag: string}
"""

RESTART: Final = """\
schema: remit/runbook/v1
id: storm-restart
version: 1
title: Stop a thing and start it
owner: role:owner
triggers: {chat: ["storm-restart {thing} to {goal}"]}
inputs:
  thing: {type: string, pattern: "^[a-z0-9-]{1,64}$"}
  goal: {type: integer, minimum: 1, maximum: 1000}
observe:
  seen: {tool: things.get, with: {thing: "{inputs.thing}"}}
authority: {tools: [things.get, things.set]}
limits: {deadline: 10m, writes: %(writes)d}
preconditions:
  - {id: not-running, expect: seen.value != inputs.goal, otherwise: complete}
steps:
  - id: stop
    tool: things.set
    with: {thing: "{inputs.thing}", number: %(stopped)d}
    timeout: %(patience)dms
    probe:
      observe: seen
      applied_when: seen.value == %(stopped)d
      absent_when: >-
        seen.value != %(stopped)d && seen.value == attempt.seen.value && seen.version == attempt.seen.version
      tries: {max: 3, every: 300ms}
    retry: {budget: %(budget)d, after: [not_applied], backoff: {initial: 100ms, max: 400ms, jitter: full}}
    verify: [{id: stopped, expect: seen.value == %(stopped)d, within: 1s, every: 200ms}]
    rollback: {possible: false, why: It was down.}
  - id: start
    tool: things.set
    with: {thing: "{inputs.thing}", number: "{inputs.goal}"}
    timeout: %(patience)dms
    probe:
      observe: seen
      applied_when: seen.value == inputs.goal
      absent_when: seen.value == attempt.seen.value && seen.version == attempt.seen.version
      tries: {max: 3, every: 300ms}
    retry: {budget: %(budget)d, after: [not_applied], backoff: {initial: 100ms, max: 400ms, jitter: full}}
    verify: [{id: started, expect: seen.value == inputs.goal, within: 1s, every: 200ms}]
    rollback: {possible: false, why: It was down.}
completion:
  - {id: running, expect: seen.value == inputs.goal}
on_exhausted: escalate
escalation: {levels: [{to: role:oncall, within: 1h}], severity: low}
"""

PROBE: Final = """
    probe:
      observe: seen
      applied_when: seen.value == attempt.seen.value + inputs.goal
      absent_when: seen.value == attempt.seen.value
      tries: {max: 3, every: 300ms}"""

DELEGATION: Final = """\
schema: remit/delegation/v1
principals:
  %(user)s: {roles: [operator, oncall, owner], os: [%(user)s]}
delegate:
%(entries)s
approval: {approvers: [owner], not_author: false, solo: true}
"""

ENTRY: Final = """\
  - runbook: %(id)s@1
    mode: delegated
    request: [operator]
    decide: [oncall]
    target: "things/{inputs.thing}"
    targets: ["things/*"]
    resources: {"things/*": ["thing/*"]}
    concurrency: 1000"""

SETTINGS: Final = """\
[worker]
lease_s = %(lease_s)s
threads = 16
poll_s = 0.05
"""


def runbook_id(kind: str) -> str:
    """The runbook for a dedupe kind."""
    return f"storm-{kind.replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a contract and a runbook say of time and tries. ``budget``: sends of a step after the first."""

    patience_ms: int = PATIENCE_MS
    longest_ms: int = LONGEST_MS
    budget: int = BUDGET


STORM: Final = Terms()


def write_desk(folder: Path, *, lease_s: float = 15.0) -> None:
    """Write all files of the storm's desk into ``folder``; nothing of it is approved yet."""
    books = {runbook_id(kind): runbook(kind) for kind in KINDS}
    tools = [write_tool(kind) for kind in KINDS]
    write_files(folder, {**books, runbook_id("restart"): restart()}, [*tools, set_tool()], lease_s=lease_s)


def write_files(
    folder: Path, runbooks: Mapping[str, str], tools: Sequence[str], *, lease_s: float = 15.0
) -> None:
    """Write a desk that delegates ``runbooks`` (text by id) over one connector with ``tools`` into it."""
    for name, text in runbooks.items():
        place = folder / "runbooks" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "runbook.yaml").write_text(text)
    connectors = folder / "connectors"
    connectors.mkdir(exist_ok=True)
    (connectors / "things.yaml").write_text(CONNECTOR + "".join(tools))
    entries = "\n".join(ENTRY % {"id": name} for name in runbooks)
    (folder / "delegation.yaml").write_text(DELEGATION % {"user": os_user(), "entries": entries})
    (folder / "remit.toml").write_text(SETTINGS % {"lease_s": lease_s})


def runbook(kind: str, terms: Terms = STORM) -> str:
    """Write the runbook that adds a number once by a tool of that dedupe kind."""
    conditional = kind == "conditional_write"
    return RUNBOOK % {
        "id": runbook_id(kind),
        "kind": kind,
        "writes": terms.budget + 1,
        "attempts": terms.budget + 2,
        "budget": terms.budget,
        "patience": terms.patience_ms,
        "etag": ', etag: "{attempt.seen.etag}"' if conditional else "",
        "probe": "" if kind == "none" else PROBE,
    }


def restart(terms: Terms = STORM) -> str:
    """Write the runbook that sets a state and then another."""
    writes = 2 * (terms.budget + 1)
    return RESTART % {
        "stopped": STOPPED, "patience": terms.patience_ms, "budget": terms.budget, "writes": writes
    }  # fmt: skip


def write_tool(kind: str, terms: Terms = STORM) -> str:
    """Write the tool that adds under that dedupe kind."""
    conditional = kind == "conditional_write"
    return WRITE_TOOL % {
        "kind": kind,
        "verb": VERBS.get(kind, "add"),
        "dedupe": DEDUPE[kind],
        "patience": terms.patience_ms,
        "longest": terms.longest_ms,
        "etag_argument": 'etag: {type: string, pattern: "^v[0-9]+$"}' if conditional else "",
        "etag_header": ', headers: {If-Match: "{etag}"}' if conditional else "",
    }


def set_tool(terms: Terms = STORM) -> str:
    """Write the tool that sets a thing, however often."""
    return SET_TOOL % {"patience": terms.patience_ms, "longest": terms.longest_ms}


def found(folder: Path, env: Mapping[str, str]) -> None:
    """Make a desk in ``folder``, put the storm's files into it and approve them all, by the command line."""
    for argv in (("init", str(folder)), ("runbook", "approve", "--all", "--yes", *AT_ONCE)):
        done = remit(*argv, env=env)
        assert done.exit == 0, f"{argv} ended with {done.exit}: {done.out[-2000:]}"
        if argv[0] == "init":
            (folder / "runbooks" / "maintenance-page.yaml").unlink(missing_ok=True)  # the sample
            write_desk(folder)


def inputs(thing: str) -> list[str]:
    """The inputs of one run, as arguments of ``remit run``."""
    return ["-i", f"thing={thing}", "-i", f"goal={GOAL}"]


def environment(folder: Path, port: int) -> dict[str, str]:
    """What a process of this desk needs to know."""
    return {
        "REMIT_DESK": str(folder),
        "THINGS_URL": f"http://127.0.0.1:{port}",
        "REMIT_SECRET_THINGS_WRITE": f"Bearer {WRITE_TOKEN}",
        "REMIT_SECRET_THINGS_READ": f"Bearer {READ_TOKEN}",
    }
