"""One storm: a desk, a target, runs that are killed, drains that are killed too, and one that is not."""

import json
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evals.invariants.report import Violation
from evals.storm import desk
from evals.storm.cases import LONGEST_MS, Case, Phase
from evals.storm.judge import Finding, broken, judge, read_log
from evals.storm.processes import BUG, KILL_AT, KILLED, Finished, Nursery, nursery, remit
from evals.storm.table import render
from evals.storm.target import Target, running_target
from state.ledger.export import records_of

AT_ONCE: Final = 6
PATIENCE_S: Final = 90.0
# The drains that are killed themselves, with all runs that they carry: at the point, the n-th time that any
# of these comes to it.
KILLED_DRAINS: Final = ("in_reconcile:3", "reply:3", "in_verify:5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a storm came to. ``idle``: another drain changed nothing; ``sound``: the ledger verifies.

    ``violations``: of the invariants, by the ledger beside the target's log.
    """

    cases: Sequence[Case]
    records: Sequence[Mapping[str, Any]]
    journal: Sequence[Mapping[str, Any]]
    findings: Sequence[Finding]
    violations: Sequence[Violation]
    killed: frozenset[str]
    killed_drains: int
    idle: bool
    sound: bool
    seconds: float

    @property
    def exhausted(self) -> int:
        """How many runs ended on an exhausted budget, with as many requests at the target as attempts."""
        log = read_log(self.journal)
        return sum(
            record["reason"] == "retries_exhausted"
            and log[record["inputs"]["thing"]].requests == len(record["writes"])
            for record in self.records
        )

    def kills(self) -> dict[Phase, int]:
        """How many runs had their process killed, by phase."""
        counts = Counter(case.phase for case in self.cases if case.thing in self.killed)
        return {phase: counts[phase] for phase in Phase if phase is not Phase.NOT_KILLED}

    def render(self) -> str:
        """Draw the table and the sums below it."""
        avoided = Counter[str]()
        for record in self.records:
            avoided.update(record.get("avoided") or {})
        kills = " · ".join(f"{phase.value} {n}" for phase, n in self.kills().items() if n)
        return "\n".join(
            (
                render(self.cases, self.records),
                f"{len(self.cases)} runs in {self.seconds:.0f} s, {len(self.killed)} of them killed: {kills}",
                f"{self.killed_drains} drains killed too; {self.exhausted} runs ended on an exhausted budget",
                "avoided: " + " · ".join(f"{name} {n}" for name, n in sorted(avoided.items())),
                f"findings: {len(self.findings)}",
                *map(str, self.findings),
                f"invariants violated: {len(self.violations)}",
                *map(str, self.violations),
            )
        )


def run(
    folder: Path, cases: Sequence[Case], *, drains: Sequence[str] = KILLED_DRAINS, seed: str = ""
) -> Report:
    """Let the storm go over a fresh desk in ``folder``.

    ``drains``: where drains are killed before the last one; ``seed``: the bug that every process is given.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with running_target(folder / "target.jsonl") as target:
        env = {**desk.environment(folder / "desk", target.port), BUG: seed}
        desk.found(folder / "desk", env)
        target.plan(cases)
        with nursery(folder / "out", env) as children:
            killed = _killed_runs(children, target, [c for c in cases if c.bears_more_kills])
            killed_drains = _killed_drains(env, drains)
            killed |= _killed_runs(
                children, target, [c for c in cases if c.killed and not c.bears_more_kills]
            )
            _submitted(children, [c for c in cases if not c.killed])
        _must(remit("worker", "--drain", env=env, driven=True, within_s=600))
        target.wait_for_the_late(LONGEST_MS / 1000)
        records = _records(env)
        _must(remit("worker", "--drain", env=env, driven=True))
        again = _records(env)
        journal = target.journal()
        export = folder / "export.jsonl"
        _must(remit("ledger", "export", str(export), env=env))
        return Report(
            cases=cases,
            records=again,
            journal=journal,
            findings=judge(cases, journal=journal, records=again, killed=killed),
            violations=broken(records_of(export), journal=journal),
            killed=killed,
            killed_drains=killed_drains,
            idle=_heads(records) == _heads(again),
            sound=remit("ledger", "verify", env=env).exit == 0,
            seconds=time.monotonic() - began,
        )


def _killed_runs(
    children: Nursery,
    target: Target,
    cases: Sequence[Case],
) -> frozenset[str]:
    """Start a process for each case and see it die; the things whose process did."""

    def one(case: Case) -> str | None:
        env = {} if case.from_outside else {KILL_AT: case.phase.value}
        argv = ["run", desk.runbook_id(case.kind), *desk.inputs(case.thing), "--json"]
        child = children.start(case.thing, argv, env=env)
        if case.from_outside and target.wait_for_write(case.thing, within_s=PATIENCE_S):
            child.send(signal.SIGKILL)
        return case.thing if child.wait(PATIENCE_S) == KILLED else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return frozenset(thing for thing in pool.map(one, cases) if thing is not None)


def _killed_drains(env: Mapping[str, str], drains: Sequence[str]) -> int:
    ends = [remit("worker", "--drain", env={**env, KILL_AT: point}, driven=True).exit for point in drains]
    return sum(code == KILLED for code in ends)


def _submitted(
    children: Nursery,
    cases: Sequence[Case],
) -> None:
    if cases:
        argvs = [["run", desk.runbook_id(case.kind), *desk.inputs(case.thing), "--detach"] for case in cases]
        child = children.start("submit", *argvs)
        code = child.wait(PATIENCE_S * 3)
        assert code == 0, f"submitting ended with {code}: {child.said()[-2000:]}"


def _must(done: Finished) -> None:
    assert done.exit == 0, f"a drain ended with {done.exit}: {done.out[-2000:]}"


def _records(env: Mapping[str, str]) -> list[dict[str, Any]]:
    listed = remit("runs", "list", "--all", "--json", env=env)
    _must(listed)
    records: list[dict[str, Any]] = json.loads(listed.out)
    return records


def _heads(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {record["run"]: record["ledger"]["hash"] for record in records}
