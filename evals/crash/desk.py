"""The desks of the crash tests: one a kind, each with a single runbook and short times in its contract."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evals.crash.subjects import BESIDE, KINDS
from evals.storm.cases import GOAL
from evals.storm.desk import AT_ONCE, Terms, restart, runbook, set_tool, write_files, write_tool
from evals.storm.processes import Nursery

# A send and its answer take milliseconds; what is waited for is the quarantine, which begins at two seconds.
# The client's patience is long, so that a busy machine does not look like a target that hangs.
TERMS: Final = Terms(patience_ms=5_000, longest_ms=500, budget=6)
LEASE_S: Final = 60.0  # renewed every 20 s, so that no run lives long enough for a write of no certain place
IDS: Final = {kind: f"storm-{kind.replace('_', '-')}" for kind in KINDS}
IDS["set_state"] = "storm-restart"

ROLL_BACK: Final = """\
schema: remit/runbook/v1
id: storm-roll-back
version: 1
title: Add to a thing, fail at the one beside it, and take the first back
owner: role:owner
triggers: {chat: ["storm-roll-back {thing} to {goal}"]}
inputs:
  thing: {type: string, pattern: "^[a-z0-9-]{1,50}$"}
  goal: {type: integer, minimum: 1, maximum: 1000}
observe:
  seen: {tool: things.get, with: {thing: "{inputs.thing}"}}
  beside: {tool: things.get, with: {thing: "{inputs.thing}%(beside)s"}}
authority: {tools: [things.get, things.add_native_key, things.add_conditional_write, things.set]}
limits: {deadline: 10m, writes: %(writes)d}
preconditions:
  - {id: untouched, expect: beside.value == 0, otherwise: escalate}
steps:
  - id: add
    tool: things.add_native_key
    with: {thing: "{inputs.thing}", number: "{inputs.goal}"}
    timeout: %(patience)dms
    probe:
      observe: seen
      applied_when: seen.value == attempt.seen.value + inputs.goal
      absent_when: seen.value == attempt.seen.value
      tries: {max: 3, every: 300ms}
    retry: %(retry)s
    verify: [{id: added, expect: seen.value == inputs.goal, within: 1s, every: 200ms}]
    rollback:
      tool: things.set
      with: {thing: "{inputs.thing}", number: 0}
      timeout: %(patience)dms
      probe:
        observe: seen
        applied_when: seen.value == 0
        absent_when: seen.value == attempt.seen.value && seen.version == attempt.seen.version
        tries: {max: 3, every: 300ms}
      retry: %(retry)s
      verify: [{id: back, expect: seen.value == 0, within: 1s, every: 200ms}]
  - id: beside
    tool: things.add_conditional_write
    with: {thing: "{inputs.thing}%(beside)s", number: "{inputs.goal}", etag: "{attempt.beside.etag}"}
    timeout: %(patience)dms
    on_refused: roll_back
    probe:
      observe: beside
      applied_when: beside.value == attempt.beside.value + inputs.goal
      absent_when: beside.value == attempt.beside.value
      tries: {max: 3, every: 300ms}
    retry: %(retry)s
    verify: [{id: added-beside, expect: beside.value == inputs.goal, within: 1s, every: 200ms}]
    rollback: {possible: false, why: It is the last.}
completion:
  - {id: both, expect: seen.value == inputs.goal && beside.value == inputs.goal}
on_exhausted: roll_back
escalation: {levels: [{to: role:oncall, within: 1h}], severity: low}
"""


def request(kind: str, thing: str) -> str:
    """Say the phrase that asks for a run of ``kind`` on ``thing``; it is kept as a payload."""
    return f"{IDS[kind]} {thing} to {GOAL}"


def found(folder: Path, kind: str, children: Nursery, env: Mapping[str, str]) -> Path:
    """Make the desk of ``kind`` in ``folder`` and approve it, by the command line of forked processes."""
    desk = folder / kind
    here = {**env, "REMIT_DESK": str(desk)}
    for name, argv in (
        ("init", ["init", str(desk)]),
        ("approve", ["runbook", "approve", "--all", "--yes", *AT_ONCE]),
    ):
        child = children.start(f"{kind}-{name}", argv, env=here)
        code = child.wait(60)
        assert code == 0, f"{argv} ended with {code}: {child.said()[-2000:]}"
        if name == "init":
            (desk / "runbooks" / "maintenance-page.yaml").unlink(missing_ok=True)  # the sample
            _write(desk, kind)
    return desk


def _write(desk: Path, kind: str) -> None:
    match kind:
        case "set_state":
            text, tools = restart(TERMS), [set_tool(TERMS)]
        case "roll_back":
            adds = [write_tool(each, TERMS) for each in ("native_key", "conditional_write")]
            text, tools = _roll_back(), [*adds, set_tool(TERMS)]
        case _:
            text, tools = runbook(kind, TERMS), [write_tool(kind, TERMS)]
    write_files(desk, {IDS[kind]: text}, tools, lease_s=LEASE_S)


def _roll_back() -> str:
    return ROLL_BACK % {
        "beside": BESIDE,
        "writes": 2 * (TERMS.budget + 1),
        "patience": TERMS.patience_ms,
        "retry": f"{{budget: {TERMS.budget}, after: [not_applied], backoff: {{initial: 100ms, max: 400ms}}}}",
    }
