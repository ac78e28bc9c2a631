"""A desk whose tools answer at once, so that what is measured is remit and the disk, not a target."""

import os
from pathlib import Path
from typing import Final

import remit.desk
from policies.proof.prover import Depth
from remit.intake.principal import Asker
from remit.proving.spread import AT_ONCE
from remit.settings import Settings, load

STEPS: Final = 40  # so that what a run costs once does not count as what a step costs

_TOOLS: Final = '''"""Tools that answer at once: a number in memory."""

from remit import tool

STATE = {}


@tool(name="cell.read", effect="read", result={"number": "integer"})
def read(cell: str) -> dict[str, int]:
    """Read a cell."""
    return {"number": STATE.get(cell, 0)}


@tool(
    name="cell.set", effect="write", result={"number": "integer"}, resource="cell:{cell}",
    dedupe="read_back", repeatable=True, longest_request_s=1.0,
)
def set_number(cell: str, number: int) -> dict[str, int]:
    """Set a cell."""
    STATE[cell] = number
    return {"number": number}


@tool(name="cell.todo", effect="read", result={"numbers": ["integer"]})
def todo(many: int) -> dict[str, list[int]]:
    """What a cell is to be set to, one after another."""
    return {"numbers": list(range(1, many + 1))}
'''

_SETTINGS: Final = """model = "rules"

[tools]
modules = ["cell_tools"]
"""

_DELEGATION: Final = """schema: remit/delegation/v1
principals:
  bench: {{roles: [operator, oncall, owner], os: [bench]}}
delegate:
  - runbook: {runbook}
    mode: delegated
    request: [operator]
    decide: [oncall]
    target: "{{inputs.cell}}"
    targets: ["*"]
    resources: {{"*": ["cell:*"]}}
    concurrency: 1000
approval: {{approvers: [owner], solo: true}}
"""

_HEAD: Final = """schema: remit/runbook/v1
id: cells
version: 1
title: Set a cell to one number after another
owner: role:owner
triggers: {}
inputs: {cell: {type: string, pattern: "^c[0-9]{1,6}$"}}
observe:
  cell: {tool: cell.read, with: {cell: "{inputs.cell}"}}
authority: {tools: [cell.read, cell.set]}
limits: {deadline: 1h, writes: 100}
steps:
"""

_STEP: Final = """  - id: set-{number}
    tool: cell.set
    with: {{cell: "{{inputs.cell}}", number: {number}}}
    timeout: 5s
    probe: {{observe: cell, applied_when: cell.number == {number}, absent_when: cell.number != {number}}}
    verify: [{{id: is-{number}, expect: cell.number == {number}}}]
    rollback: {{possible: false, why: A bench.}}
"""

_LONG: Final = """schema: remit/runbook/v1
id: long
version: 1
title: Set a cell to one number after another, as many as there are
owner: role:owner
triggers: {{}}
inputs: {{cell: {{type: string, pattern: "^c[0-9]{{1,6}}$"}}}}
observe:
  cell: {{tool: cell.read, with: {{cell: "{{inputs.cell}}"}}}}
  todo: {{tool: cell.todo, with: {{many: {steps}}}}}
authority: {{tools: [cell.read, cell.set, cell.todo]}}
limits: {{deadline: 1h, writes: {steps}}}
derive: {{numbers: {{expr: initial.todo.numbers}}}}
preconditions: [{{id: to-do, expect: cell.number != {steps}, otherwise: complete}}]
steps:
  - id: set
    for_each: {{of: derive.numbers, max: {steps}}}
    tool: cell.set
    with: {{cell: "{{inputs.cell}}", number: "{{item}}"}}
    timeout: 5s
    retry: {{budget: 0}}
    probe: {{observe: cell, applied_when: cell.number == item, absent_when: cell.number != item}}
    verify: [{{id: is-set, expect: cell.number == item}}]
    rollback: {{possible: false, why: A bench.}}
completion: [{{id: is-last, expect: cell.number == {steps}}}]
on_exhausted: escalate
escalation: {{levels: [{{to: role:oncall, within: 10m}}]}}
"""

_TAIL: Final = """completion: [{{id: is-last, expect: cell.number == {number}}}]
on_exhausted: escalate
escalation: {{levels: [{{to: role:oncall, within: 10m}}]}}
"""


def make(folder: Path, *, steps: int = STEPS) -> Settings:
    """Write a desk with a runbook of ``steps`` writes, each guarded and verified, and approve it."""
    body = "".join(_STEP.format(number=n) for n in range(1, steps + 1))
    return _made(folder, "cells", _HEAD + body + _TAIL.format(number=steps))


def make_long(folder: Path, *, steps: int) -> Settings:
    """Write a desk with a runbook of one step and ``steps`` items, and approve it."""
    return _made(folder, "long", _LONG.format(steps=steps))


def _made(folder: Path, runbook: str, text: str) -> Settings:
    (folder / "runbooks").mkdir(parents=True)
    (folder / "connectors").mkdir()
    (folder / "cell_tools.py").write_text(_TOOLS)
    (folder / "remit.toml").write_text(_SETTINGS)
    (folder / "delegation.yaml").write_text(_DELEGATION.format(runbook=f"{runbook}@1"))
    (folder / "runbooks" / f"{runbook}.yaml").write_text(text)
    settings = load(folder)
    desk = remit.desk.Desk.open(settings, environ=dict(os.environ))
    try:
        prover = desk.prover(depth=Depth.QUICK, bounds=AT_ONCE)
        asker = Asker(name="bench", how="as", os_user="bench")
        desk.approve(desk.changes(), asker, prover=prover, accepted="a bench")
        problems = desk.proposed.problems + tuple(desk.warnings())
        if problems:
            raise RuntimeError("\n".join(map(str, problems)))
    finally:
        desk.close()
    return settings
